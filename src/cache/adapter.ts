import type { Entry } from './entry/entry.ts'
import { isMiss, type Lookup, type Miss } from './entry/lookup.ts'
import { cacheChannel, emit } from './events.ts'
import { EntryStore } from './load/entry-store.ts'
import { Loader } from './load/loader.ts'
import { fromHandle, fromLoader } from './load/produce.ts'
import type { LoadHandle, LoadResult } from './load/result.ts'
import { mayRefresh, servesStaleAtOnce, shouldRefreshEarly } from './load/staleness.ts'
import type { StoreConnection, StoreStats } from './stores/store.ts'
import type { CacheOptions, LoadOptions } from './options.ts'
import type { Cache, LoadFunction } from './types.ts'
import { currentTime } from './util/clock.ts'
import { andThen, type MaybePromise } from './util/maybe-promise.ts'
import { elapsed, startTimer } from './util/timer.ts'
import {
  checkDuration, checkFraction, checkFunction, checkKey, checkNames, checkObject, checkPositiveInteger,
  checkSeconds
} from './util/validate.ts'
import type { ReadSet } from './versions/read-set.ts'
import type { StalenessBound, TagState } from './versions/versions.ts'

/** The cache as adapters and tools use it: the page cache, metrics, the dashboard. */
export interface CacheAdapter extends Cache {
  /** Returns the current entry of a key, or why there is none; synchronously if the store does. */
  lookup (key: string, bound?: StalenessBound): MaybePromise<Lookup>
  /** Emits the event of a lookup, for a caller that shares the result of another. */
  reportLookup (key: string, found: Lookup): void
  /**
   * Runs `work`, which looks up keys for callers that were all waiting before it began, and does nothing else.
   * Lookups that it makes synchronously share one check of the database's state. See `Versions.batch`.
   */
  batch<T> (work: () => T): T
  /** Does what `getOrSet` does after a miss. */
  load (key: string, loader: LoadFunction<unknown>, options?: LoadOptions, miss?: Miss): Promise<LoadResult>
  /**
   * As `load`, for a value that is produced elsewhere, e.g. by the handler of a request.
   *
   * @param onLead called once if this caller is to produce the value, at once or after waiting for another process
   * @returns the result for this caller: its own, that of another, or a stale one
   */
  beginLoad (key: string, miss: Miss, options: LoadOptions, onLead: (load: LoadHandle) => void): Promise<LoadResult>
  /**
   * Stamps a read set. Adapters that load by other means call it before they read what the set is to record.
   *
   * @param tags those that are known already
   */
  beginTracking (reads: ReadSet, tags?: readonly string[]): void
  /** Adds the tags of an entry to a read set whose value depends on it. */
  recordDependencies (reads: ReadSet, entry: Entry): void
  /** Whether a read set that is being tracked has a tag, or a read that cannot be checked: its value may change. */
  hasDependencies (reads: ReadSet): boolean
  /** Whether no tag of an entry has changed since it was stamped; false too if the version clock is unavailable. */
  isCurrent (entry: Entry): MaybePromise<boolean>
  /** Returns the stale entry that is to be served at once after a miss, and whether to refresh it in the background. */
  findStale (miss: Miss, options: LoadOptions): StaleHit | undefined
  /** Reports that a stale entry was served after a miss, unless `load` returned it, which reports it itself. */
  reportStale (key: string, entry: Entry): void
  /** Whether a load of the key is in flight in this process, and its callers still wait for it. */
  isLoading (key: string): boolean
  /** Whether a fresh entry is to be refreshed before it expires. */
  shouldRefreshEarly (key: string, entry: Entry): boolean
  /** As `lookup`, without an event. */
  peek (key: string): MaybePromise<Lookup>
  /** Returns the states of the first hundred tags of an entry. */
  tagStates (entry: Entry): Promise<TagState[]>
  /** Returns how full the store in this process is, if it knows. */
  stats (): StoreStats | undefined
  /** False while a store beyond this process is known to be unavailable and gets no commands. */
  readonly storeAvailable: boolean
  /** The connection of that store, if it has one. */
  readonly connection: StoreConnection | undefined
  /** Milliseconds for which a caller waits for a load of another. */
  readonly maxWaitMs: number
  /** Loads in flight in this process, of all keys. */
  readonly loadsInFlight: number
  /** The name of the store, e.g. `memory`. */
  readonly storeName: string
  /** Returns milliseconds since 1970, by which entries expire. */
  readonly now: () => number
  /** Whether the caller sees what others do not, e.g. inside a transaction. See `Versions.isolated`. */
  readonly isolated: boolean
  /** Whether reads add tags by themselves. See `Versions.tracksReads`. */
  readonly tracksReads: boolean
}

export interface StaleHit {
  readonly entry: Entry
  /** Whether to refresh it in the background. */
  readonly refresh: boolean
}

const MAX_TAG_STATES = 100

const OPTIONS = new Set<keyof CacheOptions>([
  'store', 'versions', 'ttl', 'jitter', 'maxLoads', 'maxWait', 'now', 'random'
])

/** The members of a cache that only adapters and tools use. @internal */
export class AdapterMembers implements Omit<CacheAdapter, keyof Cache> {
  protected readonly entryStore: EntryStore
  protected readonly loader: Loader
  protected readonly defaultTtl: number | null
  readonly maxWaitMs: number

  constructor (options: CacheOptions) {
    checkNames('createCache()', options, OPTIONS)
    const { store, versions = store?.versions, ttl = 300, jitter = 0, maxLoads = 10_000, maxWait = 60 } = options
    const { now = currentTime, random = Math.random } = options
    checkObject('store', store, 'get', 'a store, e.g. memoryStore()')
    checkObject('versions', versions, 'stamp', 'a version clock, e.g. memoryVersions()')
    checkFunction('now', now)
    checkFunction('random', random)
    checkFraction('jitter', jitter)
    checkPositiveInteger('maxLoads', maxLoads)
    this.maxWaitMs = checkDuration('maxWait', maxWait) * 1000
    this.defaultTtl = checkSeconds('ttl', ttl)
    const onEvent = (event: Parameters<typeof emit>[1]) => emit(this as unknown as Cache, event)
    this.entryStore = new EntryStore({ store, versions, jitter, now, random, onEvent })
    this.loader = new Loader({ entries: this.entryStore, ttl: this.defaultTtl, maxLoads, maxWaitMs: this.maxWaitMs })
  }

  get storeName (): string {
    return this.entryStore.store.name
  }

  get isolated (): boolean {
    return this.entryStore.isolated
  }

  get tracksReads (): boolean {
    return this.entryStore.versions.tracksReads === true
  }

  get storeAvailable (): boolean {
    return this.entryStore.store.available ?? true
  }

  get connection (): StoreConnection | undefined {
    return this.entryStore.store.connection
  }

  get now (): () => number {
    return this.entryStore.now
  }

  get loadsInFlight (): number {
    return this.loader.inFlight.size
  }

  stats (): StoreStats | undefined {
    return this.entryStore.store.stats?.()
  }

  lookup (key: string, bound?: StalenessBound): MaybePromise<Lookup> {
    const startedAt = startTimer(cacheChannel)
    return andThen(this.entryStore.find(key, bound), (found) => {
      this.report(key, found, found, startedAt)
      return found
    })
  }

  reportLookup (key: string, found: Lookup): void {
    this.report(key, found, found, startTimer(cacheChannel))
  }

  batch<T> (work: () => T): T {
    const { versions } = this.entryStore
    return versions.batch === undefined ? work() : versions.batch(work)
  }

  peek (key: string): MaybePromise<Lookup> {
    checkKey(key)
    return this.entryStore.find(key)
  }

  load (key: string, loader: LoadFunction<unknown>, options?: LoadOptions, miss?: Miss): Promise<LoadResult> {
    return this.loader.load(key, fromLoader(loader), options, miss)
  }

  beginLoad (key: string, miss: Miss, options: LoadOptions, onLead: (load: LoadHandle) => void): Promise<LoadResult> {
    const { promise, resolve } = Promise.withResolvers<LoadResult>()
    resolve(this.loader.load(key, fromHandle(onLead, promise), options, miss))
    return promise
  }

  beginTracking (reads: ReadSet, tags?: readonly string[]): void {
    this.entryStore.beginTracking(reads, tags)
  }

  recordDependencies (reads: ReadSet, entry: Entry): void {
    this.entryStore.recordDependencies(reads, entry)
  }

  hasDependencies (reads: ReadSet): boolean {
    return reads.isPending || reads.notStoredBecause !== undefined || reads.tags(this.entryStore.versions).size > 0
  }

  isCurrent ({ stamp, tags }: Entry): MaybePromise<boolean> {
    return tags.length === 0 || andThen(this.entryStore.firstChanged(stamp, tags), (changed) => changed === undefined)
  }

  findStale ({ stale }: Miss, options: LoadOptions): StaleHit | undefined {
    const now = this.entryStore.now()
    return servesStaleAtOnce(stale, options, now) ? { entry: stale, refresh: mayRefresh(stale, now) } : undefined
  }

  reportStale (key: string, entry: Entry): void {
    this.entryStore.emit({ type: 'stale', key, entry })
  }

  isLoading (key: string): boolean {
    return this.loader.isLoading(key)
  }

  shouldRefreshEarly (key: string, entry: Entry): boolean {
    const { now, random } = this.entryStore
    return shouldRefreshEarly(entry, now(), random) && !this.isLoading(key)
  }

  async tagStates ({ stamp, tags }: Entry): Promise<TagState[]> {
    return await Promise.all(tags.slice(0, MAX_TAG_STATES).map(async (tag) => {
      const changed = await this.entryStore.firstChanged(stamp, [tag])
      const version = await this.entryStore.versionOf(tag)
      return { tag, version, changed: changed === null ? undefined : changed !== undefined }
    }))
  }

  /**
   * Emits the event of a hit or a miss.
   *
   * @param decoded `found` once its value has been decoded: a corrupt value is a miss
   */
  protected report (key: string, found: Lookup, decoded: object | Miss, startedAt: number): void {
    if (isMiss(decoded)) {
      const { miss: reason, seen, changedTag } = decoded
      const details = { ...seen && { entry: seen }, ...changedTag !== undefined && { changedTag } }
      this.entryStore.emit({ type: 'miss', key, reason, ...details })
    } else {
      this.entryStore.emit({ type: 'hit', key, entry: found as Entry, ms: elapsed(startedAt) })
    }
  }
}
