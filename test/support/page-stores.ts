import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { memoryStore, type Store } from '../../src/cache/index.ts'
import { startRedis } from './redis.ts'
import { patientRedisStore } from './patient-redis-store.ts'

export type MakeStore = (t: Test, now: () => number) => Store

/** The stores that pages are tested on, each new one empty; in Redis they share a server of their own. */
export async function pageStores (t: Test): Promise<Record<string, MakeStore>> {
  const { url } = await startRedis(t)
  let prefixes = 0
  return {
    memory: (_t, now) => memoryStore({ now }),
    redis (t, now) {
      const client = new Redis(url)
      t.teardown(() => client.disconnect())
      return patientRedisStore({ client, now, prefix: `test-${prefixes++}` })
    }
  }
}
