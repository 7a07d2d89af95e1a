import { setTimeout as sleep } from 'node:timers/promises'
import { fastifyRedis } from '@fastify/redis'
import { Redis } from 'ioredis'
import fp from 'fastify-plugin'
import { RedisDatabaseError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** For `redisStore`: logs one line each time that Redis comes or goes, not one for each failure. */
    onRedisStateChange: (up: boolean, reason?: Error) => void
  }
}

/** Milliseconds: how long a start waits for Redis before it goes on without. */
const START_MS = 1_000
/** Milliseconds that one command may take; the store that uses the client is stricter. */
const COMMAND_MS = 1_000
/** Milliseconds after which a connection on which nothing is answered is given up for another. */
const SILENCE_MS = 1_000
/** Milliseconds between looks at a Redis that loads its data; its own estimate is often far too long. */
const LOADING_MS = 500

/**
 * `app.redis`, a client whose commands fail at once while there is no connection. The service starts without Redis, and
 * finds it when it comes.
 */
export default fp<{ url: string }>(async (app, { url }) => {
  let lastError: NodeJS.ErrnoException | undefined
  app.decorate('onRedisStateChange', (up, reason) => {
    if (up) return app.log.info('Redis is there')
    // What the connection failed by says more than that there is none.
    const { code, message } = lastError ?? reason as NodeJS.ErrnoException
    app.log.warn({ err: { code, message } }, 'Redis is away; going on without')
  })
  const client = new Redis(url, {
    connectTimeout: START_MS,
    commandTimeout: COMMAND_MS,
    socketTimeout: SILENCE_MS,
    enableOfflineQueue: false,
    maxLoadingRetryTime: LOADING_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1_000)
  })
  client.on('error', (error) => { lastError = error })
  client.on('ready', () => { if (client.status === 'ready') lastError = undefined })
  app.addHook('onClose', async () => {
    if (client.status === 'ready') await client.quit().catch(() => client.disconnect())
    else client.disconnect()
  })

  const waiting = new AbortController()
  await Promise.race([
    new Promise((resolve) => client.once('ready', resolve)),
    sleep(START_MS, undefined, { signal: waiting.signal }).catch(() => {})
  ])
  waiting.abort()
  // Of a database that it does not have, ioredis makes number 0, which may be somebody else's.
  const { db = 0 } = client.options
  if (client.status === 'ready') await client.select(db).catch(() => { throw new RedisDatabaseError(db) })

  // The plugin would wait for the connection, or give the whole start up; but to this service Redis may come later. It
  // stops listening once it has heard that the client is ready, so it is told so; what it has to say by then we know.
  fastifyRedis(app, { client }, () => {})
  if (client.status !== 'ready') client.emit('ready')
}, { fastify: '5.x', name: 'larder-redis' })
