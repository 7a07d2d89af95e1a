import { redisStore, type RedisStoreOptions, type Store } from '../../src/cache/index.ts'

/** Milliseconds: long enough for a Redis that is slow only because the machine is busy. */
const PATIENCE_MS = 5_000

/** A Redis store for tests that are not about deadlines. */
export function patientRedisStore (options: RedisStoreOptions): Store {
  return redisStore({ commandTimeout: PATIENCE_MS, ...options })
}
