import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'
import { peer } from './peer.ts'

/*
 * The cache of Nitro in its server h3, connected as in the documentation of h3's `withCacheIsolation`, with the fast
 * responses of srvx. We leave out h3's `handleCacheHeaders`, because with it a hit takes half as long again. Its stores
 * are those of its README: memory; unstorage's driver for Redis with `createBlobStorage`; one over the other.
 */

type Handler = (event: unknown) => unknown
type Storage = object
interface Blobs {
  getItemRaw (key: string): Promise<Uint8Array | null>
  setItemRaw (key: string, value: Uint8Array, options?: { ttl?: number }): Promise<void>
  removeItem (key: string): Promise<void>
}
interface Backend {
  get (key: string): Promise<Uint8Array | null>
  set (key: string, value: Uint8Array | null, options?: { ttl?: number }): Promise<void>
}

const { H3, serve, toResponse, withCacheIsolation } = await peer<{
  H3: new () => { get (url: string, handler: Handler): void }
  serve: (app: object, options: object) => { url: string, ready (): Promise<unknown> }
  toResponse: (value: unknown, event: unknown) => Response
  withCacheIsolation: (handler: Handler) => Handler
}>('h3')
const { FastResponse } = await peer<{ FastResponse: typeof Response }>('srvx')
const { defineCachedHandler, createMemoryStorage, createBlobStorage, composeStorage } = await peer<{
  defineCachedHandler: (handler: Handler, options: object) => Handler
  createMemoryStorage: (options?: { maxBytes: number }) => Storage
  createBlobStorage: (backend: Backend) => Storage
  composeStorage: (layers: object[]) => Storage
}>('ocache')
const { createStorage } = await peer<{ createStorage: (options: { driver: unknown }) => Blobs }>('unstorage')
const { default: redisDriver } = await peer<{
  default: (options: { url: string }) => unknown
}>('unstorage/drivers/redis')

const [, , store, url] = process.argv as [string, string, string, string]

function far (): Storage {
  const blobs = createStorage({ driver: redisDriver({ url }) })
  return createBlobStorage({
    get: (key) => blobs.getItemRaw(key),
    set: (key, value, options) => value === null ? blobs.removeItem(key) : blobs.setItemRaw(key, value, options)
  })
}

const STORES: Record<string, () => Storage> = {
  memory: () => createMemoryStorage(),
  redis: far,
  tiered: () => composeStorage([{ storage: createMemoryStorage({ maxBytes: 64 * 1024 * 1024 }), ttl: 60 }, far()])
}

const app = new H3()
app.get('/page', withCacheIsolation(defineCachedHandler(() => {
  countRun()
  return new FastResponse(PAGE, { headers: { 'content-type': HTML } })
}, {
  maxAge: 3600,
  storage: STORES[store]!(),
  toResponse,
  createResponse: (body: string | null, init: ResponseInit) => new FastResponse(body, init)
})))

const server = serve(app, { port: 0, hostname: '127.0.0.1', silent: true, gracefulShutdown: false })
await server.ready()
console.log(`listening on ${server.url}`)
