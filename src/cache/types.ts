import type { CachedOptions, EntriesOptions, GetOrSetOptions, LockOptions, SetOptions } from './options.ts'
import type { EntryFilter } from './stores/store.ts'
import type { Duration } from './util/duration.ts'

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
  cached<F extends (...args: never[]) => unknown> (
    work: F, options: CachedOptions<Parameters<F>>
  ): CachedFunction<Parameters<F>, Awaited<ReturnType<F>>>
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
  /**
   * Deletes all entries, or those that match the filter; returns how many there were. Tags are invalidated first,
   * under whatever keys, so that no entry stays valid while the walk through the store goes on. The more keys the
   * store has, the longer the walk takes.
   */
  deleteMatching (filter?: EntryFilter): Promise<number>
  /**
   * Iterates over the keys and values of all entries, or of those whose key begins with a prefix, in no certain order.
   * Each step reads a few entries. Expired and invalidated ones are left out. One that is stored meanwhile may be
   * missing, and one that was moved inside Redis may come twice. Throws if the store cannot list its keys.
   */
  entries<T = unknown> (options?: EntriesOptions): AsyncIterableIterator<readonly [string, T]>
  /**
   * Returns the same verbs for keys that begin with a name and `:`, over the same store. Keys are given and returned
   * without that, but `LoadContext.key` has it. Tags are those of the cache.
   */
  namespace (name: string): Namespace
  /**
   * Runs `work` while no other caller runs work with the same key, in any process that shares the store, and returns
   * its result. The lock ends with the work. Rejects with a `LockTimeoutError` if another holds it for longer than
   * `wait`, and with the error of a store that does not answer.
   *
   * A process that is suspended or cut off may lose its lock without noticing: compare `Lock.token` where you write.
   */
  lock<T> (key: string, options: LockOptions, work: (lock: Lock) => T | Promise<T>): Promise<T>
  /** Deletes all entries of this cache, and no others in the same Redis. */
  clear (): Promise<void>
  /** Closes the store. Clients that were passed to it stay open. */
  close (): Promise<void>
}

/** A lock that is held. */
export interface Lock {
  /**
   * The fencing token: a safe integer, greater than that of each earlier holder of the key. A resource that remembers
   * the greatest one it has seen, and refuses smaller ones, is safe from holders that have lost the lock.
   */
  readonly token: number
  /** Aborted when the lock could not be renewed in time, or another caller has it. The work should end then. */
  readonly signal: AbortSignal
}

/** The verbs of a cache for the keys of a namespace. Its `clear` deletes these alone. */
export interface Namespace extends Omit<Cache, 'close'> {}
