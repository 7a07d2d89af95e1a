import Fastify, { type FastifyPluginAsync } from 'fastify'
import { makePage, serve } from './fastify.ts'
import { peer } from './peer.ts'

/*
 * It stores no responses. It has `app.cache`, in which a handler stores values, with a client of the abstract-cache
 * protocol: in memory, or in Redis as in its README.
 */

interface Client {
  get (key: string): Promise<{ item: string } | null>
  set (key: string, value: string, ttl: number): Promise<unknown>
}

const { default: caching } = await peer<{ default: FastifyPluginAsync<{ cache: Client }> }>('@fastify/caching')
type AbstractCache = (options: { useAwait: true, driver?: unknown }) => Client

const { default: abstractCache } = await peer<{ default: AbstractCache }>('abstract-cache')
const { Redis } = await peer<{ Redis: new (url: string) => unknown }>('ioredis')

const TTL_MS = 3_600_000

const [, , store, redis] = process.argv as [string, string, string, string]
const driver = () => ({ name: 'abstract-cache-redis', options: { client: new Redis(redis) } })
const app = Fastify()
await app.register(caching, { cache: abstractCache({ useAwait: true, ...store === 'redis' && { driver: driver() } }) })
// Its own types have callbacks only.
const { cache } = app as unknown as { cache: Client }

await serve(async (url) => {
  const stored = await cache.get(url)
  if (stored) return stored.item
  const page = await makePage()
  await cache.set(url, page, TTL_MS)
  return page
}, app)
