import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { apicalls } from './apicalls/index.ts'
import type { Config } from './config.ts'
import { openDatabase } from './db/index.ts'
import larder, { createCache, memoryStore } from './larder/index.ts'
import { configureLog, deferChildren } from './log/index.ts'
import connections from './plugins/connections.ts'
import dashboard from './plugins/dashboard.ts'
import docs from './plugins/docs.ts'
import errors from './plugins/errors.ts'
import httpCaching, { HTTP_CACHING_HOOKS } from './plugins/http-caching.ts'
import overload, { watchDelay, type WatchDelay } from './plugins/overload/index.ts'
import securityHeaders, { SECURITY_HEADERS_HOOK } from './plugins/security-headers.ts'
import validation from './plugins/validation.ts'
import views from './plugins/views.ts'
import { products } from './products/index.ts'
import { health } from './routes/health.ts'
import type { Peers } from './workers/peers.ts'
import { shareDeletes } from './workers/share-deletes.ts'

/** Parts that a worker or a test may replace. */
export interface Overrides {
  /** The other processes on the same port. Default none. */
  peers?: Peers | undefined
  /** Returns milliseconds since 1970. Default the system clock, which never runs backwards here. */
  now?: () => number
  /** Measures the delay of the event loop. */
  watchDelay?: WatchDelay
  /** Fastify's option `logger`. Default: pino with the LOG_LEVEL of the configuration, on stdout. */
  logger?: FastifyServerOptions['logger']
}

/** Milliseconds within which a request has to arrive completely. */
const REQUEST_MS = 60_000
/** Longest parameter of a path, in characters. A longer one is rejected before it is validated. */
const MAX_PARAM_LENGTH = 500

/** Builds the whole service, ready but not yet listening. Closing it closes everything that it opened. */
export async function buildApp (config: Config, overrides: Overrides = {}): Promise<FastifyInstance> {
  const { peers, logger } = overrides
  const app = Fastify({
    ...configureLog({ level: config.LOG_LEVEL, hits: config.LOG_HITS }),
    ...logger !== undefined && { logger },
    requestTimeout: REQUEST_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH }
  })
  deferChildren(app.log)
  try {
    const database = await openDatabase(config.DATABASE_URL, {
      poolSize: config.DATABASE_POOL,
      onStateChange: (_state, message) => app.log.error(message),
      onWarning: (message) => app.log.warn(message)
    })
    app.addHook('onClose', () => database.close())

    await app.register(connections)
    await app.register(validation)
    await app.register(securityHeaders)
    await app.register(httpCaching)
    await app.register(views)
    await app.register(errors)
    await app.register(docs)
    // Before the page cache, so that it refuses misses only.
    await app.register(overload, { watchDelay: overrides.watchDelay ?? watchDelay })

    // Imported here, since most of what it needs is of no use without Redis.
    if (config.REDIS_URL !== undefined) await app.register(import('./plugins/redis.ts'), { url: config.REDIS_URL })
    const clocks = overrides.now && { now: overrides.now }
    const ownCache = () => createCache({
      store: memoryStore({ ...clocks }), versions: database.versions, ttl: config.CACHE_TTL, ...clocks
    })
    await app.register(larder, {
      ...config.REDIS_URL !== undefined && { redis: app.redis, prefix: config.CACHE_KEY_PREFIX },
      ...peers !== undefined && config.REDIS_URL === undefined
        ? { cache: shareDeletes(ownCache(), peers) }
        : { clock: database },
      ttl: config.CACHE_TTL,
      // The list of connections, which closes them at the end, shapes no page.
      ignoreAddress: true,
      skipOnHit: [...HTTP_CACHING_HOOKS, SECURITY_HEADERS_HOOK],
      ...clocks
    })
    const { cache } = app.larder
    app.log.info(`Using the database ${database.place}, caching in ${cache.storeName}`)
    const now = () => cache.now()

    await app.register(health, { database })
    await app.register(products, { database, cache, now })
    await app.register(apicalls, { url: config.HTTPBIN_URL, delay: config.HTTPBIN_DELAY, ttl: config.CACHE_TTL, now })
    await app.register(dashboard, { host: config.HOST, token: config.ADMIN_TOKEN, load: database.load, peers })
    await app.ready()
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}
