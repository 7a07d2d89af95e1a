import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { type CacheAdapter, createCache, currentTime, memoryStore, redisStore, tieredStore } from '../cache/index.ts'
import pageCache from '../page-cache/index.ts'
import { checkLarderOptions, type LarderOptions } from './options.ts'
import { connectRedis, describeOutages } from './redis.ts'

const plugin: FastifyPluginAsync<LarderOptions> = async (app, options) => {
  checkLarderOptions(options)
  const { clock: _clock, redis: _redis, prefix: _prefix, store: _store, cache: given, ...pageOptions } = options
  const cache = given ?? await makeCache(app, options)
  await app.register(pageCache, { ...pageOptions, cache })
}

/** Makes the cache, and closes with the application what it has opened for it. */
async function makeCache (
  app: FastifyInstance, { clock, redis, prefix, store, ttl, now = currentTime }: LarderOptions
): Promise<CacheAdapter> {
  const options = { ...clock && { versions: clock.versions }, ...ttl !== undefined && { ttl }, now }
  if (store !== undefined) return createCache({ ...options, store })
  const near = memoryStore({ now })
  if (redis === undefined) return createCache({ ...options, store: near })
  const client = typeof redis === 'string'
    ? await connectRedis(redis, (close) => app.addHook('onClose', close), app.log)
    : redis
  const onStateChange = describeOutages(client, app.log)
  const far = redisStore({ client, ...prefix !== undefined && { prefix }, onStateChange, now })
  const cache = createCache({ ...options, store: tieredStore({ near, far, now }) })
  // Hooks run in the reverse order: the cache closes before its client.
  app.addHook('onClose', () => cache.close())
  return cache
}

/** Caches whole responses and values, and never serves what has changed in the database of its clock. */
export const larder = fp(plugin, { fastify: '5.x', name: 'fastify-larder' })
