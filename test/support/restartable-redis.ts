import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type Process, start } from './process.ts'
import { freePort } from './redis.ts'

/** A Redis that can be stopped, killed, and brought back with nothing or with what it held when it was saved. */
export interface RestartableRedis {
  url: string
  port: number
  /** As a machine that hangs: connections stay, and nothing is answered. */
  stop (): void
  goOn (): void
  kill (): Promise<void>
  /** Remembers what it holds now, for later starts. */
  save (): Promise<void>
  /** Starts it again on the same port, with what was saved last. Resolves when it prints the text that says it is ready. */
  restart (how?: { empty?: boolean, options?: string[], ready?: string }): Promise<void>
  /** Forgets all that it holds. */
  flush (): Promise<void>
  /** How many keys it holds. */
  size (): Promise<number>
  /** Asks it over a connection of its own. */
  ask<T> (question: (client: Redis) => Promise<T>, password?: string): Promise<T>
}

/** How often to try another port, should somebody take the free one first. */
const ATTEMPTS = 5

/** It ends with the test. */
export async function startRestartableRedis (t: Test, ...options: string[]): Promise<RestartableRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'larder-redis-'))
  const dump = join(folder, 'now.rdb')
  const saved = join(folder, 'saved.rdb')
  const run = (port: number, more: string[], ready = 'Ready to accept connections') => start('redis-server', [
    '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, '--dbfilename', 'now.rdb', ...options, ...more
  ], ready)

  let running: Process | undefined
  let isOver = false
  let port = 0
  t.teardown(async () => {
    isOver = true
    await running?.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  for (let attempt = 1; running === undefined && attempt <= ATTEMPTS; attempt++) running = await run(port = await freePort(), [])
  if (running === undefined) throw new Error(`redis-server did not start in ${ATTEMPTS} attempts`)

  async function ask<T> (question: (client: Redis) => Promise<T>, password?: string): Promise<T> {
    // Also one that refuses all others may be asked.
    const client = new Redis(port, '127.0.0.1', { enableReadyCheck: false, maxRetriesPerRequest: 0, retryStrategy: () => null, ...password && { password } })
    client.on('error', () => {}) // the question fails, which is enough
    try {
      return await question(client)
    } finally {
      client.disconnect()
    }
  }

  return {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    stop () { process.kill(running!.pid, 'SIGSTOP') },
    goOn () { process.kill(running!.pid, 'SIGCONT') },
    kill: () => running!.kill(),
    async save () {
      await ask((client) => client.save())
      copyFileSync(dump, saved)
    },
    async restart ({ empty = false, options = [], ready } = {}) {
      if (isOver) return
      if (empty) rmSync(dump, { force: true })
      else copyFileSync(saved, dump)
      const next = await run(port, options, ready)
      // All may have ended meanwhile, and what was to end it with it.
      if (isOver) await next?.kill()
      else if (next === undefined) throw new Error(`redis-server did not start again on port ${port}`)
      else running = next
    },
    async flush () { await ask((client) => client.flushall()) },
    size: () => ask((client) => client.dbsize()),
    ask
  }
}
