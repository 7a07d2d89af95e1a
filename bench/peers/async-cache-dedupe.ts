import { makePage, serve } from './fastify.ts'
import { peer } from './peer.ts'

/* Set up as in its README: a cached function, in memory or in Redis with a client of ioredis. */

interface Cache {
  define (name: string, load: (url: string) => Promise<string>): void
  page (url: string): Promise<string>
}

type CreateCache = (options: { ttl: number, storage: unknown }) => Cache

const { createCache } = await peer<{ createCache: CreateCache }>('async-cache-dedupe')
const { Redis } = await peer<{ Redis: new (url: string) => unknown }>('ioredis')

const [, , store, redis] = process.argv as [string, string, string, string]
const storage = store === 'memory' ? { type: 'memory' } : { type: 'redis', options: { client: new Redis(redis) } }
const cache = createCache({ ttl: 3600, storage })
cache.define('page', makePage)

await serve((url) => cache.page(url))
