import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'

const MODULE = new URL('../../src/log/destination.ts', import.meta.url).href
const LINES = 20_000

/** Runs a program that writes lines and then ends in some way. Returns the lines that arrived, and its exit status. */
async function run (end: string): Promise<{ lines: string[], code: number | null }> {
  const program = `import { createDestination } from '${MODULE}'
    const log = createDestination(1)
    for (let i = 0; i < ${LINES}; i++) log.write(i + ' ' + 'x'.repeat(50) + '\\n')
    ${end}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'ignore'] })
  const output = await text(child.stdout)
  const [code] = child.exitCode === null ? await once(child, 'exit') as [number] : [child.exitCode]
  return { lines: output.split('\n').slice(0, -1), code }
}

t.test('no line is lost when the process ends, also after an error', async (t) => {
  for (const [end, status] of [['', 0], ['process.exit(3)', 3], ["throw new Error('fault')", 1]] as const) {
    const { lines, code } = await run(end)
    t.equal(code, status, end)
    t.equal(lines.length, LINES)
    t.match(lines.at(-1), new RegExp(`^${LINES - 1} x+$`))
  }
})

t.test('lines are dropped while nobody reads them, so that memory is bounded', async (t) => {
  const program = `import { createDestination } from '${MODULE}'
    const log = createDestination(1)
    let dropped = 0
    log.on('drop', () => dropped++)
    const line = 'x'.repeat(1023) + '\\n'
    for (let i = 0; i < 20 * 1024; i++) log.write(line)
    process.stderr.write(String(dropped))
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  const dropped = Number(await text(child.stderr!))
  t.ok(dropped > 3 * 1024 && dropped < 5 * 1024, `${dropped} lines of 1 KiB, of 20 MiB, were dropped`)
})
