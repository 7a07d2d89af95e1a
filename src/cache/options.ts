import type { Duration, Milliseconds } from './util/duration.ts'
import type { ReadSet } from './versions/read-set.ts'
import type { Store } from './stores/store.ts'
import type { Versions } from './versions/versions.ts'

/** Options of `createCache`. An unknown one throws a TypeError. */
export interface CacheOptions {
  /** Where entries are: `memoryStore()`, `redisStore({ client })`, or both in a `tieredStore`. */
  store: Store
  /** The version clock that entries with tags are checked against. Default that of the store. */
  versions?: Versions
  /** For how long an entry is stored if a call does not say; null: never expires. Default 300 seconds. */
  ttl?: Duration | null
  /**
   * The part of its freshness lifetime, from 0 to 1, by which an entry may expire earlier at random, so that entries
   * stored together do not all expire together. Default 0.
   */
  jitter?: number
  /** Number of loads in flight; beyond them each caller loads for itself, and nothing is stored. Default 10,000. */
  maxLoads?: number
  /**
   * How long a caller waits for a load that another began, in this process or in another. Then it loads for itself, and
   * the next callers no longer wait for the first load. Default 60 seconds.
   */
  maxWait?: Duration
  /** Returns milliseconds since 1970. Default the system clock, which never runs backwards here. */
  now?: () => number
  /** Returns a number from 0 to less than 1. Default `Math.random`. */
  random?: () => number
}

/** Options of the verbs that store a value. */
export interface SetOptions {
  /**
   * How long it stays fresh; null: never expires; zero or less: not stored, and the entry that was stored is deleted.
   * Default that of the cache.
   */
  ttl?: Duration | null
  /** Names for `invalidateTags`, in addition to what a loader reads. Default none. */
  tags?: readonly string[]
}

/** Options of `getOrSet`. */
export interface GetOrSetOptions extends SetOptions {
  /** How long after it expired a value is served stale, while one load in the background refreshes it. Default 0. */
  staleWhileRevalidate?: Duration
  /** How long after it expired a value is served stale if the load fails or exceeds `timeout`. Default 0. */
  staleIfError?: Duration
  /**
   * Refreshes the value in the background shortly before it expires, the likelier the nearer that is, the longer its
   * load takes and the more often it is read (XFetch, Vattani et al. 2015). Default false.
   */
  refreshAhead?: boolean
  /**
   * Returns one object to all callers that read the entry in this process, in place of a copy each time. Arrays and
   * plain objects in it are frozen; dates, maps, sets and bytes must not be changed. The caller that runs the loader
   * receives the loader's own result, which may be a different object. Default false.
   */
  shared?: boolean
  /**
   * How long to wait for a load; then the stale value if `staleIfError` allows it, else a `LoadTimeoutError`. Default:
   * as long as the load takes.
   */
  timeout?: Duration
  /**
   * Milliseconds for which one check of the version clock serves all lookups: then a value may be returned for so long
   * after a change of its tags. A load that reads the value has it checked all the same. Default 0: each lookup checks.
   */
  maxStaleness?: Milliseconds
}

/** Options of `cached`: those of `getOrSet`, and the first part of the keys. */
export interface CachedOptions<A extends unknown[]> extends Omit<GetOrSetOptions, 'tags'> {
  /** The first part of all keys of the function, e.g. `post`. Each function needs its own. It must not contain `(`. */
  key: string
  /** Names for `invalidateTags`, or a function that returns those of one call. Default none. */
  tags?: readonly string[] | ((...args: A) => readonly string[])
}

/** Options of `entries`. */
export interface EntriesOptions {
  /** What the keys begin with. Default all keys. */
  prefix?: string
}

/** Options of `lock`. */
export interface LockOptions {
  /**
   * After this time, the lock of a process that has ended or hangs is free. Until then it is renewed while its work
   * goes on. Default 10 seconds.
   */
  ttl?: Duration
  /** How long to wait for another holder; then a `LockTimeoutError`. Default 10 seconds. */
  wait?: Duration
}

/** Options of a load that only adapters use. Durations are in seconds. */
export interface LoadOptions
  extends Omit<GetOrSetOptions, 'ttl' | 'staleWhileRevalidate' | 'staleIfError' | 'timeout' | 'maxStaleness'> {
  ttl?: number | null
  staleWhileRevalidate?: number
  staleIfError?: number
  timeout?: number
  /** What was read for this result before the load, and where its reads go. Default a new set. */
  reads?: ReadSet
  /**
   * False: gives up at once if another caller or process is loading the key; the value of the result is undefined then.
   * Default true.
   */
  wait?: boolean
}
