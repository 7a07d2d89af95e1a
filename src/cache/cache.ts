import { decodeValue, encodeValue } from './entry/codec.ts'
import { EntryStore, MISSES, readableEntry, decodeEntry } from './load/entry-store.ts'
import { type Entry, expiresAt, hasLifetime } from './entry/entry.ts'
import { cacheChannel, emit } from './events.ts'
import { elapsed, startTimer } from './util/timer.ts'
import { Loader } from './load/loader.ts'
import { fromHandle, fromLoader } from './load/produce.ts'
import { mayRefresh, servesStaleAtOnce, shouldRefreshEarly } from './load/staleness.ts'
import { andThen, type MaybePromise, orElse } from './util/maybe-promise.ts'
import { currentReads, ignoreReads, type ReadSet } from './versions/read-set.ts'
import {
  checkBoolean, checkFunction, checkKey, checkKeys, checkObject, checkOptions, checkPrefix, checkTags, checkDuration, checkFraction, checkPositiveInteger, checkSafeInteger, checkSeconds
} from './util/validate.ts'
import { decodeSharedValue } from './entry/value.ts'
import type { EntryFilter } from './stores/store.ts'
import {
  type Cache, type CacheOptions, type GetOrSetOptions, isMiss, type LoadFunction, type LoadHandle, type LoadResult, type LoadOptions, type Lookup, type Miss, type SetOptions, type StaleHit, type TagState
} from './types.ts'
import type { Stamp } from './versions/versions.ts'

export function createCache (options: CacheOptions): Cache {
  return new StoreCache(options)
}

const NO_TAGS: readonly string[] = []
/** Of an entry made of many rows, people want to see a few. */
const MAX_SHOWN_TAGS = 100

class StoreCache implements Cache {
  readonly #entries: EntryStore
  readonly #loader: Loader
  readonly #ttl: number | null

  constructor ({ store, versions, ttl = 300, jitter = 0, maxLoads = 10_000, now = Date.now, random = Math.random }: CacheOptions) {
    checkObject('store', store, 'get', 'a store, e.g. memoryStore()')
    versions ??= store.versions
    checkObject('versions', versions, 'stamp', 'a version clock, e.g. memoryVersions()')
    checkFunction('now', now)
    checkFunction('random', random)
    this.#ttl = checkSeconds('ttl', ttl)
    this.#entries = new EntryStore({ store, versions, jitter: checkFraction('jitter', jitter), now, random, tell: (happening) => emit(this, happening) })
    this.#loader = new Loader({ entries: this.#entries, ttl: this.#ttl, maxLoads: checkPositiveInteger('maxLoads', maxLoads) })
  }

  get storeName (): string {
    return this.#entries.store.name
  }

  stats () {
    return this.#entries.store.stats?.()
  }

  get storeAvailable (): boolean {
    return this.#entries.store.available ?? true
  }

  get loadsInFlight (): number {
    return this.#loader.inFlight.size
  }

  // Reading

  lookup (key: string): MaybePromise<Lookup> {
    const began = startTimer(cacheChannel)
    return andThen(this.#entries.find(key), (found) => {
      this.#report(key, found, found, began)
      return found
    })
  }

  batch<T> (work: () => T): T {
    const { versions } = this.#entries
    return versions.batch === undefined ? work() : versions.batch(work)
  }

  peek (key: string): MaybePromise<Lookup> {
    checkKey(key)
    return this.#entries.find(key)
  }

  async get<T> (key: string): Promise<T | undefined> {
    checkKey(key)
    this.#begin()
    const began = startTimer(cacheChannel)
    const found = this.#open(key, await this.#entries.find(key), began)
    return isMiss(found) ? undefined : found.value as T
  }

  async getMany<T> (keys: readonly string[]): Promise<Map<string, T>> {
    checkKeys(keys)
    this.#begin()
    const began = startTimer(cacheChannel)
    const entries = await orElse(() => this.#entries.store.getMany(keys), (error) => {
      this.#entries.failed('getMany', error)
      return undefined
    })
    const values = new Map<string, T>()
    await Promise.all(keys.map(async (key, i) => {
      const found = this.#open(key, entries === undefined ? MISSES.unavailable : await this.#entries.verify(entries[i]), began)
      if (!isMiss(found)) values.set(key, found.value as T)
    }))
    return new Map(keys.filter((key) => values.has(key)).map((key) => [key, values.get(key) as T]))
  }

  async ttl (key: string): Promise<number | null | undefined> {
    checkKey(key)
    const found = readableEntry(await this.#entries.find(key))
    if (isMiss(found)) return undefined
    return found.freshUntil === Infinity ? null : (found.freshUntil - this.#entries.now()) / 1000
  }

  /** The value of what was found; a value that cannot be read is a miss. */
  #open (key: string, found: Lookup, began: number, shared?: boolean): { value: unknown } | Miss {
    const opened = isMiss(found) ? found : decodeEntry(found, shared)
    if (!isMiss(found)) this.#entries.noteTags(currentReads(), found)
    this.#report(key, found, opened, began)
    return opened
  }

  /** A load that reads from here is stamped before it does. */
  #begin (): void {
    const reads = currentReads()
    if (reads !== undefined) this.#entries.begin(reads)
  }

  /** @param opened what was found once it has been read */
  #report (key: string, found: Lookup, opened: object | Miss, began: number): void {
    if (isMiss(opened)) {
      const { miss: reason, seen, changedTag } = opened
      this.#entries.tell({ type: 'miss', key, reason, ...seen && { entry: seen }, ...changedTag !== undefined && { changedTag } })
    } else this.#entries.tell({ type: 'hit', key, entry: found as Entry, ms: elapsed(began) })
  }

  // Reading through

  async getOrSet<T> (key: string, load: LoadFunction<T>, options: GetOrSetOptions = {}): Promise<T> {
    checkKey(key)
    checkFunction('load', load)
    options = checkGetOrSet(options)
    this.#begin()
    const began = startTimer(cacheChannel)
    const entry = await this.#entries.find(key)
    const found = this.#open(key, entry, began, options.shared)
    if (!isMiss(found)) {
      if (options.refreshAhead && !isMiss(entry) && this.shouldRefreshEarly(key, entry)) this.#refresh(key, load, options, { miss: 'expired', seen: entry })
      return found.value as T
    }

    const old = this.findStale(found, options)
    if (old !== undefined) {
      const opened = decodeEntry(old.entry, options.shared)
      if (!isMiss(opened)) {
        const { stale: _, ...miss } = found // nothing stands in for what fails in the background
        if (old.refresh) this.#refresh(key, load, options, miss)
        this.#entries.noteTags(currentReads(), old.entry)
        this.reportStale(key, old.entry)
        return opened.value as T
      }
    }

    const loaded = await this.load(key, load, options, found)
    return (loaded.coalesced ? copyOf(loaded, options.shared) : loaded.value) as T
  }

  findStale ({ stale }: Miss, options: LoadOptions): StaleHit | undefined {
    return servesStaleAtOnce(stale, options, this.#entries.now()) ? { entry: stale, refresh: mayRefresh(stale, this.#entries.now()) } : undefined
  }

  beginTracking (reads: ReadSet, tags?: readonly string[]): void {
    this.#entries.begin(reads, tags)
  }

  recordDependencies (reads: ReadSet, entry: Entry): void {
    this.#entries.noteTags(reads, entry)
  }

  reportStale (key: string, entry: Entry): void {
    this.#entries.tell({ type: 'stale', key, entry })
  }

  isCurrent ({ stamp, tags }: Entry): MaybePromise<boolean> {
    return tags.length === 0 || andThen(this.#entries.firstChanged(stamp, tags), (changed) => changed === undefined)
  }

  async tagStates ({ stamp, tags }: Entry): Promise<TagState[]> {
    return await Promise.all(tags.slice(0, MAX_SHOWN_TAGS).map(async (tag) => {
      const changed = await this.#entries.firstChanged(stamp, [tag])
      return { tag, version: await this.#entries.versionOf(tag), changed: changed === null ? undefined : changed !== undefined }
    }))
  }

  shouldRefreshEarly (key: string, entry: Entry): boolean {
    const { now, random } = this.#entries
    return shouldRefreshEarly(entry, now(), random) && this.#loader.inFlight.get(key) === undefined
  }

  /** Loads in the background; what comes of it makes no difference to the answer. */
  #refresh (key: string, load: LoadFunction<unknown>, options: LoadOptions, miss: Miss): void {
    ignoreReads(() => this.load(key, load, options, miss)).catch((error) => this.#entries.failed('refresh', error))
  }

  load (key: string, load: LoadFunction<unknown>, options?: LoadOptions, miss?: Miss): Promise<LoadResult> {
    return this.#loader.load(key, fromLoader(load), options, miss)
  }

  beginLoad (key: string, miss: Miss, options: LoadOptions, onLead: (load: LoadHandle) => void): Promise<LoadResult> {
    const { promise, resolve } = Promise.withResolvers<LoadResult>()
    resolve(this.#loader.load(key, fromHandle(onLead, promise), options, miss))
    return promise
  }

  // Writing

  async set (key: string, value: unknown, options: SetOptions = {}): Promise<void> {
    await this.setMany([[key, value]], options)
  }

  async setMany (pairs: Iterable<readonly [string, unknown]>, options: SetOptions = {}): Promise<void> {
    const { ttl, tags } = this.#checkSet(options)
    const entries = [...pairs].map(([key, value]) => {
      checkKey(key)
      return [key, this.#entries.make(value, ttl, tags, undefined)] as const
    })
    const stamp = await this.#stampFor(tags)
    await Promise.all(entries.map(async ([key, entry]) => {
      this.#loader.inFlight.revoke(key)
      if (hasLifetime(ttl) && stamp !== undefined) await this.#entries.write(key, { ...entry, stamp })
      else await this.#entries.remove([key])
    }))
  }

  async add (key: string, value: unknown, options: SetOptions = {}): Promise<boolean> {
    checkKey(key)
    const { ttl, tags } = this.#checkSet(options)
    const entry = this.#entries.make(value, ttl, tags, undefined)
    try {
      const stamp = await this.#stampFor(tags)
      const kept = await this.#entries.store.get(key)
      const found = readableEntry(await this.#entries.verify(kept))
      if (stamp === undefined || !isMiss(found) || found.miss === 'unavailable') return false
      if (!hasLifetime(ttl)) return true
      this.#loader.inFlight.revoke(key)
      const added = await this.#entries.store.add(key, { ...entry, stamp }, kept)
      if (added) this.#entries.tell({ type: 'set', key })
      return added
    } catch (error) {
      this.#entries.failed('add', error)
      return false
    }
  }

  async touch (key: string, ttl: number | null = this.#ttl): Promise<boolean> {
    checkKey(key)
    checkSeconds('ttl', ttl)
    const found = readableEntry(await this.#entries.find(key))
    if (isMiss(found)) return false
    if (!hasLifetime(ttl)) return await this.delete(key)
    const window = found.staleUntil === found.freshUntil ? 0 : found.staleUntil - found.freshUntil
    const freshUntil = expiresAt(ttl, this.#entries.now())
    return await orElse(() => this.#entries.store.touch(key, freshUntil, freshUntil + window), (error) => {
      this.#entries.failed('touch', error)
      return false
    })
  }

  async increment (key: string, by: number = 1): Promise<number> {
    checkKey(key)
    by = checkSafeInteger('by', by) + 0 // -0 is not written as an integer
    const kept = await this.#entries.store.get(key)
    const replace = kept === undefined || await this.#countsOn(kept) ? undefined : kept
    this.#loader.inFlight.revoke(key)
    return await this.#entries.store.increment(key, by, this.#entries.make(by, this.#ttl, NO_TAGS, ''), replace)
  }

  async delete (key: string): Promise<boolean> {
    return await this.deleteMany([key]) > 0
  }

  async deleteMany (keys: readonly string[]): Promise<number> {
    checkKeys(keys)
    for (const key of keys) this.#loader.inFlight.revoke(key)
    this.#entries.tell({ type: 'delete', keys })
    if (keys.length === 0) return 0
    try {
      return await this.#entries.store.delete(keys)
    } catch (error) {
      this.#entries.failed('delete', error)
      throw error
    }
  }

  async invalidateTags (tags: readonly string[]): Promise<void> {
    checkTags(tags)
    if (tags.length === 0) return
    this.#entries.tell({ type: 'invalidate', tags })
    await this.#entries.versions.invalidate(tags)
  }

  async clear (): Promise<void> {
    await this.deleteMatching()
  }

  async deleteMatching (which: EntryFilter = {}): Promise<number> {
    checkOptions(which)
    const { prefix = '', tags } = which
    checkPrefix(prefix)
    if (tags === undefined) {
      this.#loader.inFlight.revokeAll(prefix)
      this.#entries.tell({ type: 'clear', ...prefix !== '' && { prefix } })
      return await this.#entries.store.clear({ prefix })
    }
    checkTags(tags)
    if (tags.length === 0) return 0
    const moved = [...tags] // the caller may go on using the array
    await this.invalidateTags(moved)
    return await this.#entries.store.clear({ prefix, tags: moved })
  }

  async close (): Promise<void> {
    await this.#entries.store.close()
  }

  // Parts

  #checkSet (options: SetOptions): { ttl: number | null, tags: readonly string[] } {
    checkOptions(options)
    const { ttl, tags = NO_TAGS } = options
    checkTags(tags)
    // The caller may go on using the array of tags.
    return { ttl: ttl === undefined ? this.#ttl : checkSeconds('ttl', ttl), tags: tags.length === 0 ? NO_TAGS : [...tags] }
  }

  /** What the store cannot tell of a counter: that it was invalidated, or cannot be read. */
  async #countsOn (kept: Entry): Promise<boolean> {
    if (isMiss(decodeEntry(kept))) return false
    return kept.tags.length === 0 || await this.#entries.versions.firstChanged(kept.stamp, kept.tags) === undefined
  }

  /** Empty where there is nothing to check; undefined where no clock answers, so that it could never be verified. */
  #stampFor (tags: readonly string[]): MaybePromise<Stamp | undefined> {
    return tags.length === 0 ? '' : this.#entries.stamp(tags)
  }
}

function checkGetOrSet (options: GetOrSetOptions): GetOrSetOptions {
  checkOptions(options)
  if (options.ttl !== undefined) checkSeconds('ttl', options.ttl)
  if (options.tags !== undefined) checkTags(options.tags)
  for (const name of ['staleWhileRevalidate', 'staleIfError', 'timeout'] as const) {
    if (options[name] !== undefined) checkDuration(name, options[name])
  }
  for (const name of ['refreshAhead', 'shared'] as const) {
    if (options[name] !== undefined) checkBoolean(name, options[name])
  }
  // The caller may go on using the array of tags.
  return options.tags === undefined ? options : { ...options, tags: [...options.tags] }
}

/** The value of a load that somebody else began: a copy, wherever it can be copied, or what all share. */
function copyOf ({ value, entry }: LoadResult, shared = false): unknown {
  try {
    return shared && entry !== undefined ? decodeSharedValue(entry).value : decodeValue(entry?.payload ?? encodeValue(value))
  } catch {
    return value
  }
}
