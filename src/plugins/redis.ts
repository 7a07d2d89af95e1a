import { fastifyRedis } from '@fastify/redis'
import fp from 'fastify-plugin'
import { ConfigError } from '../errors.ts'
import { connectRedis } from '../larder/redis.ts'

/**
 * `app.redis`: a client whose commands fail at once while there is no connection. The service starts without Redis, and
 * connects as soon as Redis is available.
 */
export default fp<{ url: string }>(async (app, { url }) => {
  const client = await connectRedis(url, (close) => app.addHook('onClose', close), app.log).catch((error: Error) => {
    throw new ConfigError(`The REDIS_URL cannot be used: ${error.message}`)
  })
  // @fastify/redis would wait for the connection, or fail the start, but Redis may become available later. It stops
  // listening at the first `ready`, so that is emitted here; the error that it may have seen before is known already.
  fastifyRedis(app, { client }, () => {})
  if (client.status !== 'ready') client.emit('ready')
}, { fastify: '5.x', name: 'larder-redis' })
