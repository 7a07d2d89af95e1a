import { makePage, serve } from './fastify.ts'
import { peer } from './peer.ts'

/* Set up as in its README, "Basic Usage": memory, or memory as primary and Redis as secondary store. */

interface Cache { getOrSet (key: string, load: () => Promise<string>, options: { ttl: string }): Promise<string> }

const { Cacheable } = await peer<{ Cacheable: new (options?: { secondary: unknown }) => Cache }>('cacheable')
const { default: KeyvRedis } = await peer<{ default: new (url: string) => unknown }>('@keyv/redis')

const [, , store, redis] = process.argv as [string, string, string, string]
const cache = store === 'memory' ? new Cacheable() : new Cacheable({ secondary: new KeyvRedis(redis) })

await serve((key) => cache.getOrSet(key, makePage, { ttl: '1h' }))
