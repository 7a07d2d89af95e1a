/**
 * Connects to Redis as the plugin does, for `redisStore`.
 *
 * @module fastify-larder/redis
 */

import './check-node.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import createError from '@fastify/error'
import type { FastifyBaseLogger } from 'fastify'
import type { Cluster, Redis, RedisOptions } from 'ioredis'
import { OptionError, type RedisClient } from '../cache/index.ts'
import { describeMissingRedis, describeRedis } from './describe-redis.ts'
import { isRedisUrl, parseRedisGroup } from './redis-url.ts'

export { isRedisUrl }

const RedisPackageError = createError(
  'FST_ERR_LARDER_REDIS_PACKAGE', 'A URL of Redis needs the package ioredis. Install it.', 500)
const RedisDatabaseError = createError<[number]>(
  'FST_ERR_LARDER_REDIS_DATABASE', 'Redis has no database %s. Choose another number in the URL.', 500)

/** Milliseconds for which the start waits for Redis before it continues without. */
const START_MS = 1_000
/** Milliseconds that one command may take. The store that uses the client has a shorter deadline. */
const COMMAND_MS = 1_000
/** Milliseconds without a reply after which a connection is replaced. */
const SILENCE_MS = 1_000
/** Milliseconds until a closed connection is destroyed. ioredis waits for them also if it was closed before. */
const DISCONNECT_MS = 50
/** Milliseconds between checks of a Redis that loads its data. The time that it estimates is often far too long. */
const LOADING_MS = 500

const retryAfter = (attempt: number) => Math.min(50 * 2 ** attempt, 1_000)

/** Commands fail at once while there is no connection. */
const OPTIONS = {
  connectTimeout: START_MS,
  commandTimeout: COMMAND_MS,
  socketTimeout: SILENCE_MS,
  disconnectTimeout: DISCONNECT_MS,
  enableOfflineQueue: false,
  maxLoadingRetryTime: LOADING_MS,
  maxRetriesPerRequest: 0,
  retryStrategy: retryAfter
} satisfies RedisOptions

/** The last error of each connection that is down. It says more than that there is no connection. */
const connectionErrors = new WeakMap<RedisClient, NodeJS.ErrnoException>()

/**
 * Connects to Redis, and waits a second for it at most: the client uses it as soon as it becomes available.
 *
 * @param url `redis://host:6379/1`, `rediss://` for TLS, `unix:///path?db=1`,
 * `redis-sentinel://host:26379,host:26379/1?master=name` or `redis-cluster://host:7000,host:7001`; any other throws
 * @param onClose is called with a function that closes the client
 * @param log gets a line about what was found; and one if Redis turns out not to have the database after the start. At
 *   the start, this throws
 */
export async function connectRedis (
  url: string, onClose: (close: () => Promise<void>) => void,
  log?: Pick<FastifyBaseLogger, 'error'> & Partial<Pick<FastifyBaseLogger, 'info'>>
): Promise<Redis | Cluster> {
  // The message does not show the URL, which may contain a password.
  if (!isRedisUrl(url)) throw new OptionError('The URL of Redis must be one such as redis://host:6379.')
  const ioredis = await import('ioredis').catch(() => { throw new RedisPackageError() })
  const client = createClient(ioredis, url) as Redis // a cluster has the same members, except for `select`
  const opened = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve)
    rejectOtherDatabase(client, reject)
  })
  client.on('error', (error: Error) => { connectionErrors.set(client, error) })
  client.on('node error' as 'error', (error: Error) => { connectionErrors.set(client, error) })
  client.on('ready', () => { if (client.status === 'ready') connectionErrors.delete(client) })
  onClose(async () => {
    if (client.status === 'ready') await client.quit().catch(() => client.disconnect())
    else client.disconnect()
  })
  const waiting = new AbortController()
  const timeout = sleep(START_MS, undefined, { signal: waiting.signal }).catch(() => {})
  await Promise.race([opened, timeout]).finally(() => waiting.abort())
  opened.catch((error: Error) => log?.error({ err: error }, error.message))
  log?.info?.(client.status === 'ready'
    ? `Sharing the cache through ${await describeRedis(client, url)}`
    : `Continuing without ${describeMissingRedis(url)}, which does not respond yet`)
  return client
}

/**
 * Closes each connection on which the database of the URL cannot be selected, before any other command is sent: ioredis
 * would use number 0, which may belong to another application.
 *
 * @param onReject is called if Redis does not have the database
 */
function rejectOtherDatabase (client: Redis, onReject: (error: Error) => void): void {
  client.on('error', (error: Error & { command?: { name: string } }) => {
    if (error.name !== 'ReplyError' || error.command?.name !== 'select') return
    client.disconnect(true)
    // A Redis that refuses the login does not say whether it has the database. It counts as unavailable.
    if (!error.message.startsWith('NOAUTH')) onReject(new RedisDatabaseError(client.options.db!))
  })
}

/** The classes of ioredis. */
interface Classes {
  readonly Redis: typeof Redis
  readonly Cluster: typeof Cluster
}

function createClient (classes: Classes, url: string): Redis | Cluster {
  const group = parseRedisGroup(url)
  if (group === undefined) return new classes.Redis(url, OPTIONS)
  const { kind, addresses, username, password, db, master } = group
  const options = {
    ...OPTIONS, ...username !== undefined && { username }, ...password !== undefined && { password }
  }
  if (kind === 'cluster') {
    const { enableOfflineQueue } = OPTIONS
    return new classes.Cluster([...addresses], {
      redisOptions: options, enableOfflineQueue, clusterRetryStrategy: retryAfter
    })
  }
  const sentinels = [...addresses]
  return new classes.Redis({ ...options, sentinels, name: master!, db, sentinelRetryStrategy: retryAfter })
}

/** Returns a function for `redisStore` that logs one line when the circuit to Redis opens or closes. */
export function describeOutages (
  client: RedisClient, log: FastifyBaseLogger
): (up: boolean, reason?: Error) => void {
  return (up, reason) => {
    if (up) return log.info('Redis has recovered: circuit closed')
    const { code, message } = connectionErrors.get(client) ?? reason as NodeJS.ErrnoException
    log.warn({ err: { code, message } }, 'Redis is unavailable: circuit open, continuing without it')
  }
}
