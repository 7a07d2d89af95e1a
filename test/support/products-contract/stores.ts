import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { memoryStore, type Store } from '../../../src/cache/index.ts'
import { patientRedisStore } from '../patient-redis-store.ts'
import { startRedis } from '../redis.ts'

/** A kind of store. Every `make` returns an empty store, and how to check what it stores without the cache. */
export interface StoreKind {
  name: string
  make (now: () => number): { store: Store, has (key: string): Promise<boolean> }
}

export const memory: StoreKind = {
  name: 'memory',
  make (now) {
    const store = memoryStore({ now })
    return { store, has: async (key) => await store.get(key) !== undefined }
  }
}

/** Starts a server, in which each store has a prefix of its own. */
export async function startRedisKind (t: Test): Promise<StoreKind> {
  const client = new Redis((await startRedis(t)).url)
  t.teardown(() => client.quit())
  let count = 0
  return {
    name: 'Redis',
    make (now) {
      const prefix = `test${++count}`
      const has = async (key: string) => await client.exists(`${prefix}:${key}`) === 1
      return { store: patientRedisStore({ client, prefix, now }), has }
    }
  }
}
