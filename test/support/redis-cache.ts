import type { Test } from 'tap'
import { type CacheAdapter, type CacheOptions, createCache, type RedisStoreOptions } from '../../src/cache/index.ts'
import { patientRedisStore } from './patient-redis-store.ts'

/** A cache with a Redis store that tolerates a busy machine. It is closed at the end of the test. */
export function redisCache (t: Test, options: RedisStoreOptions & Pick<CacheOptions, 'now'>): CacheAdapter {
  const cache = createCache({ store: patientRedisStore({ ...options }), ...options.now && { now: options.now } })
  t.teardown(() => cache.close())
  return cache
}
