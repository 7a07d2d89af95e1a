import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import {
  type Cache, type CacheAdapter, createCache, currentTime, memoryStore, redisStore, tieredStore
} from '../cache/index.ts'
import pageCache, { type Explanation, type ExplainQuestion, type Purge } from '../page-cache/index.ts'
import { checkLarderOptions, type LarderOptions } from './options.ts'
import { connectRedis, describeOutages } from './redis.ts'

/** What `app.larder` is: the verbs of the cache, and those for stored responses. */
export interface Larder extends Omit<Cache, 'close'> {
  /** The cache itself, for `createCache`'s other users, e.g. the dashboard. */
  readonly cache: CacheAdapter
  /** Deletes stored responses, and returns how many entries there were. */
  purge (what: Purge): Promise<number>
  /** Explains what a request would get now, and why. It neither runs a handler nor changes anything. */
  explain (question: ExplainQuestion): Promise<Explanation>
}

declare module 'fastify' {
  interface FastifyInstance {
    larder: Larder
  }
}

const plugin: FastifyPluginAsync<LarderOptions> = async (app, options) => {
  checkLarderOptions(options)
  const { clock: _clock, redis: _redis, prefix: _prefix, store: _store, cache: given, ...pageOptions } = options
  const cache = given ?? await makeCache(app, options)
  await app.register(pageCache, { ...pageOptions, cache })
  app.decorate('larder', makeLarder(app, cache))
}

/** Makes the cache, and closes with the application what it has opened for it. */
async function makeCache (
  app: FastifyInstance, { clock, redis, prefix, store, ttl, now = currentTime }: LarderOptions
): Promise<CacheAdapter> {
  const options = { ...clock && { versions: clock.versions }, ...ttl !== undefined && { ttl }, now }
  if (store !== undefined) return createCache({ ...options, store })
  const near = memoryStore({ now })
  if (redis === undefined) return createCache({ ...options, store: near })
  const client = typeof redis === 'string' ? await connectRedis(redis, (close) => app.addHook('onClose', close)) : redis
  const onStateChange = describeOutages(client, app.log)
  const far = redisStore({ client, ...prefix !== undefined && { prefix }, onStateChange, now })
  const cache = createCache({ ...options, store: tieredStore({ near, far, now }) })
  // Hooks run in the reverse order: the cache closes before its client.
  app.addHook('onClose', () => cache.close())
  return cache
}

const VERBS = [
  'get', 'getMany', 'set', 'setMany', 'add', 'getOrSet', 'touch', 'increment', 'ttl', 'delete', 'deleteMany',
  'invalidateTags', 'clear'
] as const satisfies ReadonlyArray<keyof Cache>

function makeLarder (app: FastifyInstance, cache: CacheAdapter): Larder {
  const verbs = Object.fromEntries(VERBS.map((verb) => [verb, cache[verb].bind(cache)]))
  return {
    ...verbs as unknown as Pick<Cache, typeof VERBS[number]>,
    cache,
    purge: (what) => app.purgePages(what),
    explain: (question) => app.explainPage(question)
  }
}

/** Caches whole responses and values, and never serves what has changed in the database of its clock. */
export const larder = fp(plugin, { fastify: '5.x', name: 'fastify-larder' })
