import './check-node.ts'

export type { LarderOptions } from './options.ts'
export { larder as default } from './plugin.ts'
export {
  type Cache, CACHE_CHANNEL, type CacheAdapter, type CacheEvent, type CacheOptions, createCache, type Duration, type
  GetOrSetOptions, ignoreReads, type LoadContext, type LoadFunction, LoadTimeoutError, memoryStore, type
  MemoryStoreOptions, type RedisClient, redisStore, type RedisStoreOptions, RedisUnavailableError, type SetOptions,
  type Stamp, type Store, tieredStore, type TieredStoreOptions, type Versions
} from '../cache/index.ts'
export {
  type CachePageOptions, default as pageCache, type Explanation, type ExplainQuestion, type Larder, type
  PageCacheOptions, type Purge
} from '../page-cache/index.ts'
