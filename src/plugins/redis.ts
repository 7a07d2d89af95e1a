import { setTimeout as sleep } from 'node:timers/promises'
import { fastifyRedis } from '@fastify/redis'
import { Redis } from 'ioredis'
import fp from 'fastify-plugin'
import { RedisDatabaseError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** For `redisStore`: logs one line when the circuit to Redis opens or closes, not one for each failure. */
    onRedisStateChange: (up: boolean, reason?: Error) => void
  }
}

/** Milliseconds for which the start waits for Redis before it continues without. */
const START_MS = 1_000
/** Milliseconds that one command may take. The store that uses the client has a shorter deadline. */
const COMMAND_MS = 1_000
/** Milliseconds without a reply after which a connection is replaced. */
const SILENCE_MS = 1_000
/** Milliseconds between checks of a Redis that loads its data. The time that it estimates is often far too long. */
const LOADING_MS = 500

/**
 * `app.redis`: a client whose commands fail at once while there is no connection. The service starts without Redis, and
 * connects as soon as Redis is available.
 */
export default fp<{ url: string }>(async (app, { url }) => {
  let lastError: NodeJS.ErrnoException | undefined
  app.decorate('onRedisStateChange', (up, reason) => {
    if (up) return app.log.info('Redis has recovered: circuit closed')
    // The error of the connection says more than that there is no connection.
    const { code, message } = lastError ?? reason as NodeJS.ErrnoException
    app.log.warn({ err: { code, message } }, 'Redis is unavailable: circuit open, continuing without it')
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
  // If Redis does not have the database, ioredis uses number 0, which may belong to another application.
  const { db = 0 } = client.options
  if (client.status === 'ready') await client.select(db).catch(() => { throw new RedisDatabaseError(db) })

  // @fastify/redis would wait for the connection, or fail the start, but Redis may become available later. It stops
  // listening at the first `ready`, so that is emitted here; the error that it may have seen before is known already.
  fastifyRedis(app, { client }, () => {})
  if (client.status !== 'ready') client.emit('ready')
}, { fastify: '5.x', name: 'larder-redis' })
