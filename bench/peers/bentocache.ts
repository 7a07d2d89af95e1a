import { makePage, serve } from './fastify.ts'
import { peer } from './peer.ts'

/*
 * Set up as in https://bentocache.dev/docs/multi-tier and /docs/cache-drivers. Arguments: the store, the URL of Redis.
 */

interface Store {
  useL1Layer (driver: unknown): Store
  useL2Layer (driver: unknown): Store
  useBus (driver: unknown): Store
}
interface Bento { getOrSet (options: { key: string, factory: () => Promise<string>, ttl: string }): Promise<string> }
interface Connection { connection: { host: string, port: number, db: number } }

const { BentoCache, bentostore } = await peer<{
  BentoCache: new (options: { default: string, stores: Record<string, Store> }) => Bento
  bentostore: () => Store
}>('bentocache')
const { memoryDriver } = await peer<{
  memoryDriver: (options: { maxSize: string }) => unknown
}>('bentocache/drivers/memory')
const { redisDriver, redisBusDriver } = await peer<{
  redisDriver: (options: Connection) => unknown
  redisBusDriver: (options: Connection) => unknown
}>('bentocache/drivers/redis')

const [, , store, redis] = process.argv as [string, string, string, string]
const { hostname: host, port, pathname } = new URL(redis)
const connection = { host, port: Number(port), db: Number(pathname.slice(1)) }

const near = (pages: Store) => pages.useL1Layer(memoryDriver({ maxSize: '10mb' }))
const far = (pages: Store) => pages.useL2Layer(redisDriver({ connection }))
const STORES: Record<string, (pages: Store) => Store> = {
  memory: near,
  redis: far,
  tiered: (pages) => far(near(pages)).useBus(redisBusDriver({ connection }))
}
const bento = new BentoCache({ default: 'pages', stores: { pages: STORES[store]!(bentostore()) } })

await serve((key) => bento.getOrSet({ key, factory: makePage, ttl: '1h' }))
