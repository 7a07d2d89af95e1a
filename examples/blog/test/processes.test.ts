import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { createDatabase } from './support.ts'

/* Two processes serve one database, with a Redis that they share, if this machine has one. */

const hasRedis = spawnSync('redis-server', ['--version']).status === 0

function stopAfter (t: test.TestContext, child: ChildProcess): void {
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  })
}

async function startServer (t: test.TestContext, DATABASE: string, REDIS_URL?: string): Promise<string> {
  const env = { ...process.env, DATABASE, PORT: '0', SESSION_SECRET: 'x'.repeat(32), ...REDIS_URL && { REDIS_URL } }
  const child = spawn(process.execPath, ['server.ts'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  stopAfter(t, child)
  const [line] = await once(createInterface(child.stdout), 'line') as [string]
  return line.replace('The blog is at ', '')
}

async function startRedis (t: test.TestContext, socket: string): Promise<ChildProcess> {
  const child = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'])
  stopAfter(t, child)
  for await (const line of createInterface(child.stdout)) if (line.includes('eady to accept connections')) break
  return child
}

async function runElsewhere (file: string, sql: string): Promise<void> {
  const program = fork(new URL('other-program.ts', import.meta.url))
  program.send({ file, sql })
  await once(program, 'message')
  program.kill()
}

/** Requests a page as the proxy in front of the processes does. The host is a part of what a page is found by. */
async function get (address: string, path: string) {
  const [response] = await once(http.get(address + path, { headers: { host: 'blog.example' } }), 'response')
  return { body: await text(response), isHit: response.headers['cache-status'].startsWith('larder; hit') }
}

test('processes without Redis cache for themselves, and none serves what has changed', async (t) => {
  const file = createDatabase()
  const addresses = await Promise.all([startServer(t, file), startServer(t, file)])
  for (const title of ['Rye bread', 'Oat bread']) {
    await runElsewhere(file, `UPDATE posts SET title = '${title}' WHERE id = 1`)
    for (const address of addresses) {
      assert.match((await get(address, '/posts/1')).body, new RegExp(title))
      assert.equal((await get(address, '/posts/1')).isHit, true)
    }
  }
})

test('processes share what one has made, and go on without Redis', { skip: !hasRedis && 'no Redis' }, async (t) => {
  const file = createDatabase()
  const socket = `${file}.sock`
  const redis = await startRedis(t, socket)
  const url = `unix://${socket}`
  const [one, two] = await Promise.all([startServer(t, file, url), startServer(t, file, url)])
  assert.equal((await get(one, '/posts/1')).isHit, false)
  assert.equal((await get(two, '/posts/1')).isHit, true)
  await runElsewhere(file, "UPDATE posts SET title = 'Rye bread' WHERE id = 1")
  for (const address of [one, two]) assert.match((await get(address, '/posts/1')).body, /Rye bread/)
  redis.kill('SIGKILL')
  await once(redis, 'exit')
  await runElsewhere(file, "UPDATE posts SET title = 'Oat bread' WHERE id = 1")
  for (const address of [one, two]) {
    assert.match((await get(address, '/posts/1')).body, /Oat bread/)
    assert.equal((await get(address, '/posts/1')).isHit, true)
  }
})
