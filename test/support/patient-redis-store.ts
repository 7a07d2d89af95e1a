import { redisStore, type RedisStoreOptions, type Store } from '../../src/cache/index.ts'

/** Long enough for a Redis that is slow only because the machine is busy. */
const PATIENCE = '5s'

/** A Redis store for tests that are not about deadlines. */
export function patientRedisStore (options: RedisStoreOptions): Store {
  return redisStore({ commandTimeout: PATIENCE, ...options })
}
