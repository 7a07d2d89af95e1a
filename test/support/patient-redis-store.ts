import { redisStore, type RedisStoreOptions, type Store } from '../../src/cache/index.ts'

/** Milliseconds: a Redis that is slow since the machine is busy is no failure where a test is about something else. */
const PATIENCE_MS = 5_000

/** A store in Redis for tests that are not about deadlines. */
export function patientRedisStore (options: RedisStoreOptions): Store {
  return redisStore({ commandTimeout: PATIENCE_MS, ...options })
}
