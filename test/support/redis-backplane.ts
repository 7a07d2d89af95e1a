import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type BackplaneTiming, type RedisBackplane, redisBackplane } from '../../src/cache/stores/redis/backplane.ts'
import { until } from './until.ts'

export const FAST: Partial<BackplaneTiming> = { heartbeatMs: 10, deadlineMs: 2_000, retryMs: 10, maxRetryMs: 100 }

/** A client that ends with the test. */
export function connect (t: Test, url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 20 })
  client.on('error', () => {}) // Redis is stopped and killed by the tests
  t.teardown(() => client.disconnect())
  return client
}

/** A backplane, and everything that it has reported. */
export function listenToBackplane (
  t: Test, client: Redis, timing: Partial<BackplaneTiming> = FAST, prefix = 'test', now = Date.now
) {
  const backplane = redisBackplane(client, prefix, now, timing)!
  t.teardown(() => backplane.close())
  const reports = { entries: [] as string[], tags: 0, all: 0 }
  backplane.listen({
    onEntry (key) { reports.entries.push(key) },
    onTag () { reports.tags++ },
    onAll () { reports.all++ }
  })
  return { backplane, reports }
}

/** Waits until all changes up to now have been reported. */
export async function untilCaughtUp (backplane: RedisBackplane): Promise<void> {
  const now = Date.now() + 1 // a heartbeat of this millisecond may be older than a change
  await until('the backplane has caught up', () => backplane.caughtUpTo >= now)
}

/** The ids of the connections of Redis that have a flag. */
export async function connections (client: Redis, flag: string): Promise<string[]> {
  const list = String(await client.client('LIST')).trim().split('\n')
  const flagged = list.filter((line) => / flags=(\w+)/.exec(line)![1]!.includes(flag))
  return flagged.map((line) => / ?id=(\d+)/.exec(line)![1]!)
}
