import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type Process, start } from './process.ts'
import { freePort } from './redis.ts'

/** A Redis that can hang, be killed, and restart empty or with the data that was saved last. */
export interface RestartableRedis {
  url: string
  port: number
  /** Makes it hang: connections stay open, and it sends no replies. */
  stop (): void
  goOn (): void
  kill (): Promise<void>
  /** Saves its data for later restarts. */
  save (): Promise<void>
  /** Restarts it on the same port with the data saved last. Resolves when it prints the text `ready`. */
  restart (how?: { empty?: boolean, options?: string[], ready?: string }): Promise<void>
  /** Deletes all its data. */
  flush (): Promise<void>
  /** The number of its keys. */
  size (): Promise<number>
  /** Sends commands over a separate connection. */
  ask<T> (commands: (client: Redis) => Promise<T>, password?: string): Promise<T>
}

/** Attempts to start, since another process may take the free port first. */
const ATTEMPTS = 5

/** Starts a Redis that ends with the test. */
export async function startRestartableRedis (t: Test, ...options: string[]): Promise<RestartableRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'larder-redis-'))
  const dump = join(folder, 'now.rdb')
  const saved = join(folder, 'saved.rdb')
  const run = (port: number, moreOptions: string[], ready = 'Ready to accept connections') => start('redis-server', [
    '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
    '--dir', folder, '--dbfilename', 'now.rdb', ...options, ...moreOptions
  ], ready)

  let running: Process | undefined
  let isOver = false
  let port = 0
  t.teardown(async () => {
    isOver = true
    await running?.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  for (let attempt = 1; running === undefined && attempt <= ATTEMPTS; attempt++) {
    running = await run(port = await freePort(), [])
  }
  if (running === undefined) throw new Error(`redis-server did not start in ${ATTEMPTS} attempts`)

  async function ask<T> (commands: (client: Redis) => Promise<T>, password?: string): Promise<T> {
    // Without the ready check, this works with a Redis that refuses most commands.
    const client = new Redis(port, '127.0.0.1', {
      enableReadyCheck: false, maxRetriesPerRequest: 0, retryStrategy: () => null, ...password && { password }
    })
    client.on('error', () => {}) // the commands reject
    try {
      return await commands(client)
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
      // The test may have ended meanwhile, with its teardown.
      if (isOver) await next?.kill()
      else if (next === undefined) throw new Error(`redis-server did not restart on port ${port}`)
      else running = next
    },
    async flush () { await ask((client) => client.flushall()) },
    size: () => ask((client) => client.dbsize()),
    ask
  }
}
