import { type Entry, expiresAt, isSameEntry } from '../entry/entry.ts'
import { isMiss, type Lookup, type Miss, type MissReason } from '../entry/lookup.ts'
import type { CacheEventBody } from '../events.ts'
import type { Lease, LeaseResult, Store } from '../stores/store.ts'
import { andThen, type MaybePromise, orElse } from '../util/maybe-promise.ts'
import type { ReadSet } from '../versions/read-set.ts'
import { makeMeasurable, useEarlierCheck } from '../versions/measurable.ts'
import type { Stamp, StalenessBound, Versions } from '../versions/versions.ts'
import type { LoadResult } from './result.ts'
import { isFromFuture } from './staleness.ts'

export const MISSES = {
  absent: { miss: 'absent' },
  corrupt: { miss: 'corrupt' },
  unavailable: { miss: 'unavailable' }
} as const satisfies Partial<Record<MissReason, Miss>>

export interface EntryStoreOptions {
  readonly store: Store
  readonly versions: Versions
  /** The part of its freshness lifetime, from 0 to 1, by which an entry may expire earlier. */
  readonly jitter: number
  /** Returns milliseconds since 1970. */
  readonly now: () => number
  /** Returns a number from 0 to less than 1. */
  readonly random: () => number
  /** Gets the events of the cache, also of errors that do not fail the caller. */
  readonly onEvent: (event: CacheEventBody) => void
}

/**
 * The entries of a store, validated against a version clock. A read that fails is a miss; a write that fails stores
 * nothing.
 */
export class EntryStore {
  readonly store: Store
  readonly versions: Versions
  readonly now: () => number
  readonly random: () => number
  readonly emit: (event: CacheEventBody) => void
  readonly #jitter: number
  /** Whether tags can be checked while the store is unavailable. */
  readonly #canCheck: boolean

  constructor ({ store, versions, jitter, now, random, onEvent }: EntryStoreOptions) {
    this.store = store
    this.versions = versions
    this.now = now
    this.random = random
    this.emit = onEvent
    this.#jitter = jitter
    this.#canCheck = versions !== store.versions
  }

  /** Emits an error that does not fail the caller. */
  reportError (doing: string, error: unknown): undefined {
    this.emit({ type: 'error', doing, error })
  }

  // Reading

  /** Reads an entry from the store, and checks it. */
  find (key: string, bound?: StalenessBound): MaybePromise<Lookup> {
    return orElse(() => andThen(this.store.get(key), (entry) => this.check(entry, bound)), (error) => {
      this.reportError('get', error)
      return this.#findInOutage(key, bound)
    })
  }

  /** As `find`, in the order of the keys. */
  async findMany (keys: readonly string[], bound?: StalenessBound): Promise<Lookup[]> {
    const entries = await orElse(() => this.store.getMany(keys), (error) => this.reportError('getMany', error))
    return await Promise.all(keys.map((key, i) => {
      return entries === undefined ? this.#findInOutage(key, bound) : this.check(entries[i], bound)
    }))
  }

  /** Finds an entry that this process may use although the store is unavailable. */
  #findInOutage (key: string, bound?: StalenessBound): MaybePromise<Lookup> {
    const entry = this.store.outage?.get(key, this.#canCheck)
    if (entry === undefined) return MISSES.unavailable
    return andThen(this.check(entry, bound), (found) => isMiss(found) ? { ...found, inOutage: true } : found)
  }

  /** Returns a stored entry if it is fresh and no tag of it has changed, else why it cannot be used. */
  check (entry: Entry | undefined, bound?: StalenessBound): MaybePromise<Lookup> {
    if (entry === undefined) return MISSES.absent
    const now = this.now()
    if (now >= entry.staleUntil || isFromFuture(entry, now)) return { miss: 'expired', seen: entry }
    const unchanged: Lookup = now < entry.freshUntil ? entry : { miss: 'expired', seen: entry, stale: entry }
    if (entry.tags.length === 0) return unchanged
    let { versions } = this
    // An expired entry that may be served is always checked: it is old enough.
    if (bound !== undefined && unchanged === entry && !versions.checksAtOnce && !this.isolated) {
      versions = makeMeasurable(versions)
      if (useEarlierCheck(bound, versions, entry)) return entry
    }
    return andThen(this.firstChanged(entry.stamp, entry.tags, versions), (changedTag): MaybePromise<Lookup> => {
      if (changedTag === undefined) return unchanged
      return changedTag === null ? MISSES.unavailable : this.#findExpired(entry, changedTag, now)
    })
  }

  /** Returns the miss for an entry with a tag that has changed: stale if no tag was more than expired. */
  #findExpired (entry: Entry, changedTag: string, now: number): MaybePromise<Miss> {
    const { stamp, tags, freshUntil } = entry
    return andThen(this.firstInvalidated(stamp, tags, changedTag), (invalidated): Miss => invalidated === undefined
      ? { miss: 'expired', seen: entry, stale: { ...entry, freshUntil: Math.min(freshUntil, now) } }
      : { miss: 'invalidated', seen: entry, changedTag: invalidated })
  }

  /** Whether the store leases keys, because other processes share it. */
  get leases (): boolean {
    return this.store.acquire !== undefined
  }

  /**
   * Reads again before a load, as `Store.acquire` does. A store without leases returns another entry, or a result
   * without a lease.
   *
   * @param seen the stored entry that the caller cannot use
   * @returns undefined if the store failed
   */
  acquire (key: string, seen?: Entry): MaybePromise<Entry | LeaseResult | undefined> {
    const { store } = this
    if (store.acquire !== undefined) {
      return orElse(() => andThen(store.acquire!(key, seen), (result) => {
        if ('refusal' in result) this.reportError('acquire', result.refusal)
        return result
      }), (error) => this.reportError('acquire', error))
    }
    const entry = orElse(() => store.get(key), (error) => this.reportError('get', error))
    return andThen(entry, (entry) => {
      if (entry === undefined) return {}
      return isSameEntry(entry, seen) ? { stale: entry } : entry
    })
  }

  // Checking

  /** Whether the caller sees what others do not, e.g. in a transaction: it neither shares loads nor stores results. */
  get isolated (): boolean {
    return this.versions.isolated?.() === true
  }

  /** As `Versions.firstChanged`, or null if the version clock is unavailable. */
  firstChanged (
    stamp: Stamp, tags: readonly string[], versions = this.versions
  ): MaybePromise<string | undefined | null> {
    return orElse(() => versions.firstChanged(stamp, tags), (error) => {
      this.reportError('firstChanged', error)
      return null
    })
  }

  /** As `Versions.firstInvalidated`, or `otherwise` if the version clock is unavailable, or does not know. */
  firstInvalidated (stamp: Stamp, tags: readonly string[], otherwise = tags[0]): MaybePromise<string | undefined> {
    const { versions } = this
    if (versions.firstInvalidated === undefined) return otherwise
    return orElse(() => versions.firstInvalidated!(stamp, tags), (error) => {
      this.reportError('firstInvalidated', error)
      return otherwise
    })
  }

  /** As `Versions.versionOf`; undefined if the clock is unavailable or does not know. */
  versionOf (tag: string): MaybePromise<string | undefined> {
    return orElse(() => this.versions.versionOf?.(tag), (error) => this.reportError('versionOf', error))
  }

  /** As `Versions.stamp`; undefined if the clock is unavailable. */
  stamp (tags?: readonly string[]): MaybePromise<Stamp | undefined> {
    return orElse(() => this.versions.stamp(tags), (error) => this.reportError('stamp', error))
  }

  // Dependencies

  /** Stamps a read set, unless it is stamped already. To be called before what it is to record is read. */
  beginTracking (reads: ReadSet, tags?: readonly string[]): MaybePromise<Stamp | undefined> {
    return reads.begin(this.versions, () => this.stamp(tags))
  }

  /** Adds the tags of an entry to a read set whose value depends on it. */
  recordDependencies (reads: ReadSet | undefined, entry: Entry): void {
    if (reads === undefined || entry.tags.length === 0) return
    reads.begin(this.versions, () => entry.stamp)
    reads.add(this.versions, entry.tags)
  }

  /** The tags of a read set, without those that others include. */
  compactTags (reads: ReadSet): readonly string[] {
    const tags = reads.tags(this.versions)
    return [...this.versions.compact?.(tags) ?? tags]
  }

  // Writing

  /**
   * Creates an entry that is stored now.
   *
   * @param payload the encoded value
   * @param ttl seconds; null: never expires
   * @param staleFor seconds after it expired for which it may be served stale
   */
  createEntry (
    payload: Uint8Array, ttl: number | null, tags: readonly string[], stamp: Stamp | undefined, staleFor = 0
  ): Entry {
    const storedAt = this.now()
    const lifetime = ttl === null || this.#jitter === 0 ? ttl : ttl * (1 - this.#jitter * this.random())
    const freshUntil = expiresAt(lifetime, storedAt)
    return {
      payload,
      storedAt,
      freshUntil,
      staleUntil: freshUntil + staleFor * 1000,
      tags,
      stamp: tags.length === 0 ? '' : stamp ?? ''
    }
  }

  /** @param lease the right to write, if the store leases the key */
  async write (key: string, entry: Entry, lease?: Lease): Promise<Pick<LoadResult, 'stored' | 'notStoredBecause'>> {
    try {
      const outcome = lease === undefined
        ? await this.store.set(key, entry) ? 'stored' : 'too-large'
        : await lease.fill(entry)
      if (outcome !== 'stored') return { stored: false, notStoredBecause: outcome }
      this.emit({ type: 'set', key })
      return { stored: true }
    } catch (error) {
      this.reportError('set', error)
      return { stored: false, notStoredBecause: 'store-unavailable' }
    }
  }

  /** Stores an entry in this process alone, because the store is unavailable. */
  writeInOutage (key: string, entry: Entry): Pick<LoadResult, 'stored' | 'notStoredBecause'> {
    if (!this.store.outage?.set(key, entry)) return { stored: false, notStoredBecause: 'store-unavailable' }
    this.emit({ type: 'set', key })
    return { stored: true }
  }

  async remove (keys: readonly string[]): Promise<void> {
    await orElse(() => this.store.delete(keys), (error) => this.reportError('delete', error))
  }
}
