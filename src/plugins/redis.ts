import { setTimeout as sleep } from 'node:timers/promises'
import { fastifyRedis } from '@fastify/redis'
import { Redis } from 'ioredis'
import fp from 'fastify-plugin'
import { RedisDatabaseError } from '../errors.ts'

/** Milliseconds: how long a start waits for Redis before it goes on without. */
const START_MS = 1_000
/** Milliseconds that one command may take; then it counts as failed. */
const COMMAND_MS = 100

/**
 * `app.redis`, a client that never makes anyone wait long: commands fail at once while there is no connection, and
 * soon when Redis does not answer. The service starts without Redis, and finds it when it comes.
 */
export default fp<{ url: string }>(async (app, { url }) => {
  const client = new Redis(url, {
    connectTimeout: START_MS,
    commandTimeout: COMMAND_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1_000)
  })
  logChanges(client, app.log)
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
  // stops listening once it has heard that the client is ready, so it is told so.
  fastifyRedis(app, { client }, (error) => { if (error) app.log.warn({ err: error }, 'Redis') })
  if (client.status !== 'ready') client.emit('ready')
}, { fastify: '5.x', name: 'larder-redis' })

/** One line each time that Redis comes or goes, not one for each failure. */
function logChanges (client: Redis, log: { info (message: string): void, warn (details: object, message: string): void }): void {
  let up: boolean | undefined
  client.on('ready', () => {
    if (client.status !== 'ready' || up === true) return
    up = true
    log.info('Redis is there')
  })
  client.on('error', (err: NodeJS.ErrnoException) => {
    if (up === false) return
    up = false
    log.warn({ err: { code: err.code, message: err.message } }, 'Redis is away; going on without')
  })
}
