/**
 * The plugin, and the caches below it for other uses.
 *
 * @module fastify-larder
 */

import './check-node.ts'

export type { LarderOptions } from './options.ts'
export { larder as default } from './plugin.ts'
export { isSameSite } from '../access/is-same-site.ts'
export {
  type Backplane, type BackplaneListener, type Cache, CACHE_CHANNEL, type CacheAdapter, type CachedFunction,
  type CachedOptions, type CacheEvent, type CacheEventBody, type CacheOptions, createCache, type Duration,
  type EntriesOptions, type Entry, type EntryFilter, type GetOrSetOptions, ignoreReads, type Lease, type LeaseResult,
  type LeaseWaiter, type LoadContext, type LoadFunction, type LoadManyContext, type LoadManyFunction, LoadTimeoutError,
  type Lock, type LockOptions, type LockStore, LockTimeoutError, type MaybePromise, memoryStore,
  type MemoryStoreOptions, type Milliseconds, type Namespace, type OutageStore, type RedisClient, redisStore,
  type RedisStoreOptions, RedisUnavailableError, type SetOptions, type StalenessBound, type StaleValue, type Stamp,
  type Store, type StoreConnection, type StoreStats, type TagState, tieredStore, type TieredStoreOptions, type Versions
} from '../cache/index.ts'
export {
  type AnyRequest, type CachePageOptions, default as pageCache, type ExplainedPage, type Explanation, type
  ExplainQuestion, type FindTags, type KeyParts, type Larder, type PageCacheOptions, type Purge, type QuerystringParser
} from '../page-cache/index.ts'
