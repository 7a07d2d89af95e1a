import { copyFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { freePort } from '../../support/redis.ts'
import { type Process, start } from './process.ts'

/** A Redis that can be killed, and brought back with what it held when it was saved. */
export interface StormRedis {
  url: string
  save (): Promise<void>
  kill (): Promise<void>
  /** Starts it again on the same port, with what was saved last. */
  restart (): Promise<void>
  /** Forgets all that it holds. */
  flush (): Promise<void>
  /** How many keys it holds. */
  size (): Promise<number>
}

/** How often to try another port, should somebody take the free one first. */
const ATTEMPTS = 5

/** @param folder an empty one, for what it saves */
export async function startStormRedis (folder: string): Promise<StormRedis> {
  const run = (port: number) => start('redis-server', [
    '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, '--dbfilename', 'now.rdb'
  ], 'Ready to accept connections')

  let running: Process | undefined
  let port = 0
  for (let attempt = 1; running === undefined && attempt <= ATTEMPTS; attempt++) running = await run(port = await freePort())
  if (running === undefined) throw new Error(`redis-server did not start in ${ATTEMPTS} attempts`)

  async function ask<T> (question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(port)
    try {
      return await question(client)
    } finally {
      client.disconnect()
    }
  }

  return {
    url: `redis://127.0.0.1:${port}/0`,
    async save () {
      await ask((client) => client.save())
      copyFileSync(`${folder}/now.rdb`, `${folder}/old.rdb`)
    },
    kill: () => running!.kill(),
    async restart () {
      copyFileSync(`${folder}/old.rdb`, `${folder}/now.rdb`)
      running = await run(port) ?? running
    },
    async flush () { await ask((client) => client.flushall()) },
    size: () => ask((client) => client.dbsize())
  }
}
