import type { Test } from 'tap'
import { type Cache, type CacheOptions, createCache, type RedisStoreOptions } from '../../src/cache/index.ts'
import { patientRedisStore } from './patient-redis-store.ts'

/** A cache over Redis that is closed at the end of the test. That the machine is busy is not what is tested. */
export function redisCache (t: Test, options: RedisStoreOptions & Pick<CacheOptions, 'now'>): Cache {
  const cache = createCache({ store: patientRedisStore({ ...options }), ...options.now && { now: options.now } })
  t.teardown(() => cache.close())
  return cache
}
