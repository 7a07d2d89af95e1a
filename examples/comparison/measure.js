import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'

const TTL_S = 2
/** Milliseconds for which a request is worth waiting. */
const PATIENCE_MS = 2_000
/** The Python in which Django is installed. */
const PYTHON = process.env.PYTHON ?? 'python3'

export const CACHES = ['larder', 'bentocache', 'cacheable', 'fastify-caching', 'django']

export function isInstalled (name) {
  return name !== 'django' || spawnSync(PYTHON, ['-c', 'import django, redis']).status === 0
}

async function findPort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a program, and waits for a line that it prints. */
async function start (children, program, args, isReady) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', process.env.DEBUG ? 'inherit' : 'ignore'] })
  children.push(child)
  for await (const line of createInterface(child.stdout)) if (isReady(line)) return { child, line }
  throw new Error(`${program} ${args.join(' ')} did not start.`)
}

/** Requests the page as a proxy does. Returns the titles on it, or what came in their place, and the milliseconds. */
async function get (address, patience = PATIENCE_MS) {
  const startedAt = performance.now()
  const options = { headers: { host: 'blog.example' }, agent: false, signal: AbortSignal.timeout(patience) }
  const outcome = await once(http.get(`${address}/posts`, options), 'response').then(async ([response]) => {
    const body = await text(response)
    if (response.statusCode >= 500) return 'error'
    return ['first', 'second'].find((title) => body.includes(title)) ?? 'nothing'
  }).catch(() => 'none')
  return { outcome, ms: Math.round(performance.now() - startedAt) }
}

/** Puts two processes with one of the caches, which share a Redis, through what happens to applications. */
export async function measure (name, folder) {
  const file = `${folder}/${name}.db`
  const sqlite = new Database(file)
  sqlite.exec('PRAGMA journal_mode = WAL; CREATE TABLE posts (id integer PRIMARY KEY, title text)')
  sqlite.exec("INSERT INTO posts VALUES (1, 'first')")
  const rename = (title) => sqlite.prepare('UPDATE posts SET title = ?').run(title)
  const children = []
  try {
    const port = await findPort()
    const flags = ['--port', port, '--save', '', '--appendonly', 'no']
    const { child: redis } = await start(children, 'redis-server', flags, (line) => line.includes('eady to accept'))
    const url = `redis://127.0.0.1:${port}`
    const isDjango = name === 'django'
    const args = isDjango ? ['django_server.py', file, url, TTL_S] : ['server.js', name, file, url, `${TTL_S}s`]
    const servers = await Promise.all([1, 2].map(() => {
      return start(children, isDjango ? PYTHON : process.execPath, args, (line) => line.startsWith('http'))
    }))
    const [one, two] = servers.map(({ line }) => line)
    const countLoads = () => readFileSync(`${file}.loads`, 'utf8').split('\n').length - 1
    const expire = () => sleep(TTL_S * 1000 + 200)
    const warm = async () => {
      await expire()
      for (const address of [one, two, one, two]) await get(address)
    }

    await Promise.all([one, two].map((address) => fetch(`${address}/first-request`)))
    await Promise.all([one, two].flatMap((address) => Array.from({ length: 10 }, () => get(address, 10_000))))
    const loads = countLoads()

    rename('second')
    const afterUpdate = [await get(one), await get(two)]

    await warm()
    await expire()
    writeFileSync(`${file}.fail`, '')
    const failing = await get(one)
    rmSync(`${file}.fail`)

    await warm()
    redis.kill('SIGSTOP')
    const hanging = await get(one)
    await expire()
    const expiredWhileHanging = await get(one)
    redis.kill('SIGCONT')

    await warm()
    redis.kill('SIGKILL')
    await once(redis, 'exit')
    const stopped = await get(one)
    await expire()
    const expiredWhileStopped = await get(one)
    return { loads, afterUpdate, failing, hanging, expiredWhileHanging, stopped, expiredWhileStopped }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    sqlite.close()
  }
}
