import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { soak } from '../support/soak.ts'

/** It takes seconds of both cores. */
const options = { skip: soak<string | false>(false, 'only `make soak` starts them') }

const PROGRAM = fileURLToPath(new URL('../../servers/run.ts', import.meta.url))

t.test('the service starts on a private PostgreSQL and Redis, and SIGTERM ends all of them', options, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-run-'))
  chmodSync(folder, 0o755) // PostgreSQL runs as another user than root
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const child = spawn(process.execPath, [PROGRAM, folder], {
    env: { ...process.env, PORT: '0', LOG_LEVEL: 'info' }, stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => { child.kill('SIGKILL') })
  const exited = once(child, 'exit')
  const lines: string[] = []
  let address: string | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg } = JSON.parse(line)
    lines.push(msg)
    address ??= /^listening on (.*)/.exec(msg)?.[1]
    if (address !== undefined && child.exitCode === null && !child.killed) {
      t.equal((await fetch(`${address}/readyz`)).status, 200)
      child.kill('SIGTERM')
    }
  }
  t.same(await exited, [0, null])
  t.match(lines.join('\n'), /^Sharing the cache through Redis .* at the Unix socket /m)
  t.match(lines.join('\n'), /^Using the database postgres:\/\/postgres@\/larder\?host=.*, caching in memory over redis$/m)
  await t.rejects(fetch(address!), 'nothing listens any more')
})
