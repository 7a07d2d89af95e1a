import { makePage, serve } from './fastify.ts'
import { peer } from './peer.ts'

/** Set up as its README says: a function that is kept, in memory or in Redis by a client of ioredis. */

interface Cache {
  define (name: string, load: (url: string) => Promise<string>): void
  page (url: string): Promise<string>
}

const { createCache } = await peer<{ createCache: (options: { ttl: number, storage: unknown }) => Cache }>('async-cache-dedupe')
const { Redis } = await peer<{ Redis: new (url: string) => unknown }>('ioredis')

const [, , store, redis] = process.argv as [string, string, string, string]
const storage = store === 'memory' ? { type: 'memory' } : { type: 'redis', options: { client: new Redis(redis) } }
const cache = createCache({ ttl: 3600, storage })
cache.define('page', makePage)

await serve((url) => cache.page(url))
