import type { Entry } from './entry/entry.ts'
import type { MaybePromise } from './util/maybe-promise.ts'
import type { ReadSet } from './versions/read-set.ts'
import type { EntryFilter, Store, StoreStats } from './stores/store.ts'
import type { Versions } from './versions/versions.ts'

export interface CacheOptions {
  store: Store
  /** The clock that entries with tags are checked against. Default the store's own. */
  versions?: Versions
  /** Seconds that an entry is kept where a call does not say; null: never expires. Default 300. */
  ttl?: number | null
  /** The part of its life, from 0 to 1, by which an entry may end earlier at random, so that not all end at once. Default 0. */
  jitter?: number
  /** Loads under way at once; beyond them each caller loads for itself, and nothing is kept. Default 10,000. */
  maxLoads?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
  /** From 0 to less than 1. Default `Math.random`. */
  random?: () => number
}

export interface SetOptions {
  /** Seconds; null: never expires; zero or less: not kept, and what was there is deleted. Default that of the cache. */
  ttl?: number | null
  /** Names that `invalidateTags` can call it by. */
  tags?: readonly string[]
}

export interface GetOrSetOptions extends SetOptions {
  /** Seconds after its life for which an old value is answered at once while one load in the background renews it. */
  staleWhileRevalidate?: number
  /** Seconds after its life for which an old value stands in for a load that fails or takes longer than `timeout`. */
  staleIfError?: number
  /**
   * Renews the value in the background shortly before its life ends, the likelier the nearer that is, the longer its load
   * takes and the more often it is read (XFetch, Vattani et al. 2015). Default false.
   */
  refreshAhead?: boolean
  /**
   * Hands out one object to all who read the entry in this process, in place of a copy each time: arrays and plain objects in it
   * are frozen, and dates, maps, sets and bytes are not to be changed. Only who loads gets what its own load made, and may
   * get another object. Default false.
   */
  shared?: boolean
  /** Seconds to wait for a load; then the old value where `staleIfError` allows, else a `LoadTimeoutError`. Default: as long as it takes. */
  timeout?: number
}

/** What an adapter may say of a load besides. */
export interface LoadOptions extends GetOrSetOptions {
  /** What was read for this result before the load, and where its reads go. Default a new set. */
  reads?: ReadSet
  /** False: gives up at once if another caller or process is loading the key; then the value is undefined. Default true. */
  wait?: boolean
}

/** How an adapter reports the result of a load that runs elsewhere. Each method returns what `beginLoad` returned. */
export interface LoadHandle {
  /** The load has produced a value, which is stored unless it has become outdated. */
  fulfil (produced: ProducedValue): Promise<LoadResult>
  /** The load has failed. Rejects with the error unless a stale value can be served. */
  fail (error: unknown): Promise<LoadResult>
  /**
   * The load has produced nothing that may be stored; the value of its result is undefined.
   *
   * @param options.keepStale whether an expired entry may still be served stale; default false
   */
  discard (options?: { keepStale?: boolean }): Promise<LoadResult>
}

export interface ProducedValue {
  readonly value: unknown
  /** Seconds; null: never expires. */
  readonly ttl: number | null
  /** Seconds after its freshness lifetime for which it stays, also if `ttl` is zero. Default 0. */
  readonly staleFor?: number
  readonly tags?: readonly string[]
  /** Milliseconds that the value took to produce. Default since `onLead`; null: nothing was produced, so no `load` event. */
  readonly loadMs?: number | null
  /** Stores the entry whatever happens to what was read for it, e.g. because it only says where to look. Default false. */
  readonly ignoreReads?: boolean
}

/** What a load is told, and may say, about the entry that it makes. */
export interface LoadContext {
  readonly key: string
  /** Adds tags to those of the call. */
  addTags (...tags: string[]): void
  /** Replaces the `ttl` of the call. */
  setTtl (ttl: number | null): void
  /** Seconds after its life for which the entry is kept to stand in, or to be confirmed, in place of those of the call; also where its `ttl` is zero. */
  staleFor (seconds: number): void
  /** Milliseconds that the value took to make, where the load only brings it; null: nothing was made, and there is no load to tell of. */
  loadedIn (ms: number | null): void
  /** Keeps the entry whatever happens to what was read for it, e.g. since it only says where to look. */
  ignoreReads (): void
  /**
   * Answers all who wait, and keeps nothing.
   *
   * @param keepOld whether an old entry may go on standing in
   */
  skipStore (keepOld?: boolean): void
}

export type LoadFunction<T> = (context: LoadContext) => T | Promise<T>

/**
 * Times are in seconds. A value is a copy each time; `undefined` is a miss and cannot be stored, `null` can.
 *
 * A store that fails costs speed, never an answer: reads miss, `getOrSet` loads, `set` keeps nothing. Only the
 * verbs that promise that something is gone or counted reject then: `delete`, `deleteMany`, `invalidateTags`,
 * `clear`, `sweep` and `increment`.
 */
export interface Cache {
  get<T = unknown> (key: string): Promise<T | undefined>
  /** The keys that were found, in the order asked. */
  getMany<T = unknown> (keys: readonly string[]): Promise<Map<string, T>>
  set (key: string, value: unknown, options?: SetOptions): Promise<void>
  setMany (entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<void>
  /** Sets only if absent; tells whether it did. */
  add (key: string, value: unknown, options?: SetOptions): Promise<boolean>
  /**
   * The value, or what `load` makes of it. Callers in this process who miss together share one load, except one
   * who comes after a write that the load may not have seen. A load that answers `undefined` is not kept. What is read
   * meanwhile from a database or a cache on the same clock tags the value by itself.
   */
  getOrSet<T> (key: string, load: LoadFunction<T>, options?: GetOrSetOptions): Promise<T>
  /** Gives an entry a new life, by default that of the cache; false when there is none. Zero or less deletes it. */
  touch (key: string, ttl?: number | null): Promise<boolean>
  /** Adds to a safe integer in one step, keeping its life; an absent one counts from 0. TypeError for another value. */
  increment (key: string, by?: number): Promise<number>
  /** Seconds left, with decimals; null: no expiry; undefined: absent. */
  ttl (key: string): Promise<number | null | undefined>
  delete (key: string): Promise<boolean>
  /** How many were there. */
  deleteMany (keys: readonly string[]): Promise<number>
  /** Makes every entry that carries one of the tags unusable, at the same cost for one and for a million. */
  invalidateTags (tags: readonly string[]): Promise<void>
  /** Forgets its own entries, and nobody else's. */
  clear (): Promise<void>
  close (): Promise<void>

  /** For adapters: the verified entry as it is stored, or why there is none. Answers at once when the store does. */
  lookup (key: string): MaybePromise<Lookup>
  /**
   * For adapters: runs `work`, which looks up keys for callers that were all waiting before it began, and nothing else.
   * Lookups that it makes synchronously share one check of the database's state. See `Versions.batch`.
   */
  batch<T> (work: () => T): T
  /** For adapters: what `getOrSet` does after a miss. */
  load (key: string, load: LoadFunction<unknown>, options?: LoadOptions, miss?: Miss): Promise<LoadResult>
  /**
   * For adapters: as `load`, for a value that is produced elsewhere, e.g. by the handler of a request.
   *
   * @param onLead called once if this caller is to produce the value, at once or after waiting for another process
   * @returns the result for this caller: its own, that of another, or a stale one
   */
  beginLoad (key: string, miss: Miss, options: LoadOptions, onLead: (load: LoadHandle) => void): Promise<LoadResult>
  /** For adapters that load without `load`: to be called before what goes into a read set is read. @param tags known already */
  beginTracking (reads: ReadSet, tags?: readonly string[]): void
  /** For adapters: says that what goes into a read set is made of an entry that was looked up. */
  recordDependencies (reads: ReadSet, entry: Entry): void
  /** For adapters: whether nothing that an entry was made of has changed since; false too where no clock answers. */
  isCurrent (entry: Entry): MaybePromise<boolean>
  /** For adapters: an old entry that is to be answered at once after a miss, and whether to renew it in the background. */
  findStale (miss: Miss, options: LoadOptions): StaleHit | undefined
  /** For adapters: says that an old entry was answered after a miss, so that it is counted. Of one that `load` answers with it is said already. */
  reportStale (key: string, entry: Entry): void
  /** For adapters that renew entries ahead of their end: whether it is this one's turn. */
  shouldRefreshEarly (key: string, entry: Entry): boolean
  /**
   * For adapters: `clear` of all entries, or of those whose keys have a prefix, that carry a tag, or both; how many there
   * were. Tags are moved first, as by `invalidateTags` and under whatever keys, so that nothing hangs on the walk through
   * the store, which takes the longer the more keys that has.
   */
  deleteMatching (which?: EntryFilter): Promise<number>
  /** For tools: as `lookup`, which neither counts nor takes a lease. */
  peek (key: string): MaybePromise<Lookup>
  /** For tools: where the tags of an entry stand, of many the first hundred. */
  tagStates (entry: Entry): Promise<TagState[]>
  /** How full the store in this process is, where it can tell. */
  stats (): StoreStats | undefined
  /** False while a store beyond this process is known to be away, and not asked. */
  readonly storeAvailable: boolean
  /** Loads under way in this process, of all keys. */
  readonly loadsInFlight: number
  /** The name of the store. */
  readonly storeName: string
}

/** Where a tag stands on the clock. */
export interface TagState {
  readonly tag: string
  /** Another one after each move; undefined where the clock cannot tell. */
  readonly version: string | undefined
  /** Whether it has moved since the entry was stamped; undefined where no clock answers. */
  readonly changed: boolean | undefined
}

export interface StaleHit {
  readonly entry: Entry
  readonly refresh: boolean
}

/** Why a read found nothing that it could use. */
export type MissReason = 'absent' | 'expired' | 'invalidated' | 'corrupt' | 'unavailable'

export interface Miss {
  readonly miss: MissReason
  /** What was found, and may not be used. */
  readonly seen?: Entry
  /** For `invalidated`: one of the tags that changed. */
  readonly changedTag?: string
  /** An entry whose time is over, but that may stand in. Never one that was invalidated. */
  readonly stale?: Entry
}

export type Lookup = Entry | Miss

export const isMiss = <T extends object> (found: T | Miss): found is Miss => 'miss' in found

/** What a load ended in. */
export interface LoadResult {
  readonly value: unknown
  /** The value as it would be kept; absent where it may not, or could not, be. */
  readonly entry?: Entry
  /** It is in the store now. */
  readonly stored: boolean
  /**
   * Why it is not, as a token: `outdated` where its tags moved meanwhile, `revoked` where its key was deleted or set,
   * `too-large`, `too-many-loads`, `recursive-load`, `uncommitted-read`, `unwatched-read`.
   */
  readonly notStoredBecause?: string
  /** The load was begun by another caller, here or in another process. */
  readonly coalesced?: boolean
  /** Nothing is to be kept, and an old entry may not stand in any more. */
  readonly dropsStale?: boolean
  /** The value is an old one that stands in. */
  readonly stale?: boolean
}
