import t from 'tap'
import { createCache, type RedisStoreOptions } from '../../src/cache/index.ts'
import { fakeClock } from './clock.ts'
import { withRedis } from './with-redis.ts'
import { patientRedisStore } from './patient-redis-store.ts'

export const { client, url } = await withRedis(t)

let prefixes = 0
export const newPrefix = () => `test${++prefixes}`

export function createRedisCache (options: Omit<RedisStoreOptions, 'client'> = {}) {
  const prefix = options.prefix ?? newPrefix()
  const { now, advance } = fakeClock()
  const cache = createCache({ store: patientRedisStore({ client, prefix, now, ...options }), now })
  return { prefix, advance, cache }
}
