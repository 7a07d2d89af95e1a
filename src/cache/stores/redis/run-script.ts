import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import type { RedisCommands, RunOptions } from './commands.ts'

export type RedisClient = Redis | Cluster

/** A Lua script, sent by its digest and whole only to a Redis that does not have it yet. Answers in bytes. */
export function redisScript (link: RedisCommands, source: string) {
  const { client } = link
  const digest = createHash('sha1').update(source).digest('hex')

  return async function run (keys: string[], args: Array<string | number | Buffer>, options?: RunOptions<unknown>): Promise<unknown> {
    try {
      return await link.run('EVALSHA', () => client.callBuffer('EVALSHA', digest, keys.length, ...keys, ...args), options)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await link.run('EVAL', () => client.callBuffer('EVAL', source, keys.length, ...keys, ...args), options)
    }
  }
}
