import {
  type CacheAdapter, checkNames, type Duration, OptionError, type RedisClient, type Store, type Versions
} from '../cache/index.ts'
import type { PageCacheOptions } from '../page-cache/index.ts'
import { isRedisUrl } from './redis-url.ts'

/**
 * The options of the plugin: those of the page cache, and from what to make the cache below it. An unknown option, a
 * wrong value, or two that exclude each other fail the start with `FST_ERR_LARDER_OPTION`. An undefined option counts
 * as absent.
 */
export interface LarderOptions extends Omit<PageCacheOptions, 'cache'> {
  /** The version clock of a database, e.g. `sqliteClock(connection)`. Default: only tags named by hand invalidate. */
  clock?: { readonly versions: Versions } | undefined
  /**
   * A Redis that processes share: its URL, e.g. `redis://host:6379/1`, `rediss://` or `unix:///path`, or a client or
   * cluster of ioredis, which its owner closes. A URL needs the package ioredis. The start waits for Redis for a second
   * at most, and continues without. Default: each process caches for itself.
   */
  redis?: string | RedisClient | undefined
  /** First part of all keys in Redis, which keeps applications apart. Needs `redis`. Default `larder`. */
  prefix?: string
  /** A store in place of memory and Redis; its owner closes it. */
  store?: Store | undefined
  /** A cache made with `createCache`, which its owner closes. It has its own clock and store. */
  cache?: CacheAdapter | undefined
  /** How long values and responses are stored if nothing else says so. Default 5 minutes for values. */
  ttl?: Duration
}

const NAMES = new Set<keyof LarderOptions | 'logLevel' | 'logSerializers'>([
  'clock', 'redis', 'prefix', 'store', 'cache', 'ttl', 'clientTtl', 'maxStaleness', 'ignoreHeaders', 'ignoreAddress',
  'skipOnHit', 'querystringParser', 'now', 'logLevel', 'logSerializers' // the last two are those of Fastify
])

/** Options that are about the store of a cache which the plugin makes. */
const OF_THE_CACHE = ['clock', 'redis', 'prefix', 'store'] as const

/** Checks the options of the plugin, as far as nothing below it does. */
export function checkLarderOptions (options: LarderOptions): void {
  checkNames('fastify-larder', options, NAMES)
  const { clock, redis, prefix, store, cache } = options
  if (cache !== undefined) forbid(options, OF_THE_CACHE, 'cache, which has its own')
  if (store !== undefined) forbid(options, ['redis', 'prefix'], 'store')
  if (prefix !== undefined && redis === undefined) throw new OptionError('The option prefix needs the option redis.')
  if (clock !== undefined && typeof clock?.versions?.firstChanged !== 'function') {
    throw new OptionError('The option clock must be a version clock, e.g. sqliteClock(connection).')
  }
  if (redis !== undefined && !(typeof redis === 'string' ? isRedisUrl(redis) : isClient(redis))) {
    throw new OptionError('The option redis must be a URL such as redis://host:6379, or a client or cluster of ioredis.')
  }
}

function isClient (redis: unknown): boolean {
  return typeof (redis as RedisClient | null)?.getBuffer === 'function'
}

function forbid (options: LarderOptions, names: ReadonlyArray<keyof LarderOptions>, other: string): void {
  const name = names.find((name) => options[name] !== undefined)
  if (name !== undefined) throw new OptionError(`The option ${name} cannot be used together with ${other}.`)
}
