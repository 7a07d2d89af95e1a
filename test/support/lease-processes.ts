import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { CacheAdapter, CacheOptions, RedisStoreOptions } from '../../src/cache/index.ts'
import { withRedis } from './with-redis.ts'
import { until } from './until.ts'
import { type DeferredLoader, deferredLoader } from './deferred-loader.ts'
import { redisCache } from './redis-cache.ts'

export const redis = await withRedis(t, 4)
export const { clients } = redis
export const [client] = clients as [Redis]
await Promise.all(clients.map((client) => client.ping()))

let prefixes = 0

type Options = Partial<RedisStoreOptions> & Pick<CacheOptions, 'now'>

/** Caches over one Redis, each with a connection of its own, as those of so many processes. */
export function createProcesses (t: Test, options: Options = {}) {
  const prefix = `test${++prefixes}`
  const caches = clients.map((client) => redisCache(t, { client, prefix, ...options }))
  const [mine, theirs, third, fourth] = caches as [CacheAdapter, CacheAdapter, CacheAdapter, CacheAdapter]
  const name = `${prefix}:key`
  const channel = `${prefix}#filled:key`
  return {
    prefix,
    name,
    mine,
    theirs,
    third,
    fourth,
    /** Resolves when so many processes wait for the lease of `key`. */
    waiting: (count = 1) => until(
      `${count} wait`, async () => (await client.pubsub('NUMSUB', channel) as [string, number])[1] === count
    )
  }
}

/** Returns the commands that clients send during `work`. */
export async function recordCommands (work: () => Promise<unknown>): Promise<string[][]> {
  const asker = new Redis(redis.url)
  await asker.ping() // the monitor must not record the first commands of this connection
  const monitor = await asker.monitor()
  asker.disconnect()
  const sent: string[][] = []
  monitor.on('monitor', (_time: string, args: string[], source: string) => { if (source !== 'lua') sent.push(args) })
  try {
    await work()
    await client.echo('the end')
    await until('all were seen', () => sent.at(-1)?.[1] === 'the end')
    return sent.slice(0, -1)
  } finally {
    monitor.disconnect()
  }
}

/** A load that another process waits for. */
export async function holdAndWait (
  site: ReturnType<typeof createProcesses>, held: DeferredLoader<unknown> = deferredLoader()
) {
  const first = site.mine.getOrSet('key', held.load)
  await held.began
  const second = deferredLoader()
  const waiter = site.theirs.getOrSet('key', second.load)
  await site.waiting()
  return { held, first, second, waiter }
}

/** Counts the commands that a client sends from now on. */
export function commandsSent (client: Redis): () => number {
  const { sendCommand } = client
  let count = 0
  client.sendCommand = function (...args) {
    count++
    return sendCommand.apply(this, args)
  }
  return () => count
}
