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

/** A function whose results are cached. */
export interface CachedFunction<A extends unknown[], T> {
  (...args: A): Promise<T>
  /** Returns the key of a call, e.g. `post(7,"en")`. It contains a digest in place of long arguments. */
  getKey (...args: A): string
  /** Deletes the result of a call, and returns whether there was one. A call in flight is not stored. */
  invalidate (...args: A): Promise<boolean>
  /** Calls the function, and replaces the stored result. See `Cache.refresh`. */
  refresh (...args: A): Promise<T>
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

/** An expired value, for the load that is to replace it. */
export interface StaleValue {
  readonly value: unknown
  /** Seconds since it was stored, or last found not modified. */
  readonly age: number
}

/** What a loader function gets: it may change how its result is stored. */
export interface LoadContext {
  /** The key that is being loaded. */
  readonly key: string
  /**
   * The expired value that the load is to replace, if it is still stored, and was not deleted or invalidated. The
   * result then gets its tags too. If it is invalidated meanwhile, the loader runs again, without it.
   */
  readonly stale: StaleValue | undefined
  /**
   * Aborted when no caller waits for the load any more, because each has reached its `timeout`. A load that uses it
   * should end then; one that does not goes on, and is stored.
   */
  readonly signal: AbortSignal
  /**
   * Stores the value of `stale` for another lifetime: return what this method returns. Throws if there is none.
   */
  notModified (): never
  /** Adds tags to those of the call. */
  addTags (...tags: string[]): void
  /** Replaces the `ttl` of the call. */
  setTtl (ttl: Duration | null): void
  /**
   * Returns the value to all waiting callers without storing it.
   *
   * @param options `keepStale`: whether an expired entry may still be served stale; default false
   */
  skipStore (options?: { keepStale?: boolean }): void
}

/** Produces the value of a key. If it throws, all callers that wait for it get the error, and nothing is stored. */
export type LoadFunction<T> = (context: LoadContext) => T | Promise<T>

/** What the loader of `getOrSetMany` gets: it may change how its results are stored. */
export type LoadManyContext = Pick<LoadContext, 'addTags' | 'setTtl' | 'skipStore'>

/**
 * Produces the values of several keys, as pairs, e.g. in a Map. A key without a value is not stored, and one whose
 * value is an Error fails. If the function throws, all keys fail.
 */
export type LoadManyFunction<T> = (
  keys: string[], context: LoadManyContext
) => Iterable<readonly [string, T | Error]> | Promise<Iterable<readonly [string, T | Error]>>

/**
 * The verbs of a cache. A value is a copy each time; `undefined` is a miss and cannot be stored, `null` can. Keys are
 * not empty.
 *
 * Wrong arguments reject with a TypeError. So do `set`, `setMany`, `add` and `getOrSet` with a value that cannot be
 * stored exactly, e.g. a function.
 *
 * A store that fails costs time, never an error: reads miss, `getOrSet` loads, `set` stores nothing. Only the verbs
 * that promise that something is deleted or counted reject then: `delete`, `deleteMany`, `expire`, `invalidateTags`,
 * `clear` and `increment`.
 */
export interface Cache {
  /** Returns a value; undefined if the key has none, or if it has expired or was invalidated. */
  get<T = unknown> (key: string): Promise<T | undefined>
  /** Returns the values that were found, by key, in the order of the keys. */
  getMany<T = unknown> (keys: readonly string[]): Promise<Map<string, T>>
  /** Stores a value. Use `getOrSet` for what was read from a database, since this may store what has changed since. */
  set (key: string, value: unknown, options?: SetOptions): Promise<void>
  /** Stores several values with the same options. */
  setMany (entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<void>
  /** Sets only if the key is absent; returns whether it did. */
  add (key: string, value: unknown, options?: SetOptions): Promise<boolean>
  /**
   * Returns the value, or runs the loader function and stores its result.
   *
   * Callers that miss together share one load, except one that arrives after a write that the load may not have seen.
   * The others get copies of the result, if it can be copied. `undefined` is not stored. The result gets the tags of
   * all that the loader reads from a database or a cache on the same version clock. Rejects with the error of the
   * loader, or with a `LoadTimeoutError` after `timeout`, unless a stale value may replace it.
   */
  getOrSet<T> (key: string, loader: LoadFunction<T>, options?: GetOrSetOptions): Promise<T>
  /**
   * Returns the values of several keys, in the order of the keys. As `getOrSet`, but the loader function runs once, for
   * all keys that are missing and that no other caller is loading. A key without a value is not in the result.
   *
   * Rejects with the error of the first key that has failed. The values of the others are stored all the same.
   */
  getOrSetMany<T> (
    keys: readonly string[], loader: LoadManyFunction<T>, options?: GetOrSetOptions
  ): Promise<Map<string, T>>
  /**
   * Runs the loader function even if a value is stored, and replaces it. Rejects if the loader fails, and the old value
   * stays then. Until it ends, the old value is expired: see `expire`.
   */
  refresh<T> (key: string, loader: LoadFunction<T>, options?: GetOrSetOptions): Promise<T>
  /**
   * Returns a function with the same parameters whose results are cached by `getOrSet`. The key is made from the
   * arguments, which must be plain data; different arguments have different keys.
   */
  cached<A extends unknown[], T> (
    work: (...args: A) => T | Promise<T>, options: CachedOptions<A>
  ): CachedFunction<A, T>
  /**
   * Gives an entry a new freshness lifetime; false if there is no entry.
   *
   * @param ttl default that of the cache; zero or less deletes the entry
   */
  touch (key: string, ttl?: Duration | null): Promise<boolean>
  /**
   * Adds to a safe integer in one step, and returns the sum. Its lifetime stays. An absent one counts from 0. Rejects
   * with a TypeError for any other value.
   *
   * @param by default 1
   */
  increment (key: string, by?: number): Promise<number>
  /** Returns the seconds left, with decimals; null: no expiry; undefined: absent. */
  ttl (key: string): Promise<number | null | undefined>
  /**
   * Ends the freshness lifetime of an entry, and returns whether there was one. It is a miss from then on, but may be
   * served stale where a call allows it, for as long as it was to be stored. A load of the key in flight is not stored.
   */
  expire (key: string): Promise<boolean>
  /** Deletes an entry, and returns whether there was one. A load of the key in flight is not stored. */
  delete (key: string): Promise<boolean>
  /** Deletes entries, and returns how many there were. */
  deleteMany (keys: readonly string[]): Promise<number>
  /** Invalidates every entry that has one of the tags, at the same cost for one and for a million. */
  invalidateTags (tags: readonly string[]): Promise<void>
  /**
   * As `invalidateTags`, but the entries may be served stale where a call allows it, as after `expire`. Tags that the
   * database changes, i.e. tables and rows, are invalidated.
   */
  expireTags (tags: readonly string[]): Promise<void>
  /** Deletes all entries of this cache, and no others in the same Redis. */
  clear (): Promise<void>
  /** Closes the store. Clients that were passed to it stay open. */
  close (): Promise<void>
}
