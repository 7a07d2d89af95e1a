import { decodeValue, encodeValue } from '../entry/codec.ts'
import { type Entry, expiresAt } from '../entry/entry.ts'
import type { CacheEventBody } from '../events.ts'
import { andThen, type MaybePromise, orElse } from '../util/maybe-promise.ts'
import { decodeSharedValue } from '../entry/value.ts'
import type { Lease, LeaseResult, Store } from '../stores/store.ts'
import type { ReadSet } from '../versions/read-set.ts'
import { isMiss, type LoadResult, type Lookup, type Miss, type MissReason } from '../types.ts'
import type { Stamp, Versions } from '../versions/versions.ts'

export const MISSES = {
  absent: { miss: 'absent' },
  corrupt: { miss: 'corrupt' },
  unavailable: { miss: 'unavailable' }
} as const satisfies Partial<Record<MissReason, Miss>>

export interface EntriesOptions {
  store: Store
  versions: Versions
  /** The part of its life, from 0 to 1, by which an entry may end earlier. */
  jitter: number
  /** Milliseconds since 1970. */
  now: () => number
  /** From 0 to less than 1. */
  random: () => number
  /** Told of what happens, and of what fails without failing the caller. */
  tell: (happening: CacheEventBody) => void
}

/** The entries of a store, checked against a version clock. What fails here is a miss, or is not kept. */
export class EntryStore {
  readonly store: Store
  readonly versions: Versions
  readonly now: () => number
  readonly random: () => number
  readonly tell: (happening: CacheEventBody) => void
  readonly #jitter: number

  constructor ({ store, versions, jitter, now, random, tell }: EntriesOptions) {
    this.store = store
    this.versions = versions
    this.now = now
    this.random = random
    this.tell = tell
    this.#jitter = jitter
  }

  /** Asks the store, and the clock about what the store says. */
  find (key: string): MaybePromise<Lookup> {
    const entry = orElse(() => this.store.get(key), (error) => {
      this.failed('get', error)
      return null
    })
    return andThen(entry, (entry) => entry === null ? MISSES.unavailable : this.verify(entry))
  }

  /** Whether the store leases keys, since other processes share it. */
  get leases (): boolean {
    return this.store.acquire !== undefined
  }

  /**
   * Looks again before a load, as `Store.acquire`. A store without leases returns the entry that is stored, or none.
   *
   * @returns undefined if the store failed
   */
  acquire (key: string, seen?: Entry): MaybePromise<Entry | LeaseResult | undefined> {
    const { store } = this
    if (store.acquire !== undefined) {
      return orElse(() => store.acquire!(key, seen), (error) => this.failed('acquire', error))
    }
    const entry = orElse(() => store.get(key), (error) => this.failed('get', error))
    return andThen(entry, (entry) => entry === undefined || isSameEntry(entry, seen) ? {} : entry)
  }

  verify (entry: Entry | undefined): MaybePromise<Lookup> {
    if (entry === undefined) return MISSES.absent
    const now = this.now()
    if (now >= entry.staleUntil) return { miss: 'expired', seen: entry }
    const valid: Lookup = now < entry.freshUntil ? entry : { miss: 'expired', seen: entry, stale: entry }
    if (entry.tags.length === 0) return valid
    return andThen(this.firstChanged(entry.stamp, entry.tags), (changedTag): Lookup => {
      if (changedTag === undefined) return valid
      return changedTag === null ? MISSES.unavailable : { miss: 'invalidated', seen: entry, changedTag }
    })
  }

  /** Whether the caller sees what others do not: then nothing is shared with it, and nothing kept of it. */
  get isolated (): boolean {
    return this.versions.isolated?.() === true
  }

  /** As `Versions.firstChanged`, or null if the version clock is unavailable. */
  firstChanged (stamp: Stamp, tags: readonly string[]): MaybePromise<string | undefined | null> {
    return orElse(() => this.versions.firstChanged(stamp, tags), (error) => {
      this.failed('firstChanged', error)
      return null
    })
  }

  /** Undefined where no clock answers, or it cannot tell. */
  versionOf (tag: string): MaybePromise<string | undefined> {
    return orElse(() => this.versions.versionOf?.(tag), (error) => this.failed('versionOf', error))
  }

  /** Undefined where no clock answers. */
  stamp (tags?: readonly string[]): MaybePromise<Stamp | undefined> {
    return orElse(() => this.versions.stamp(tags), (error) => this.failed('stamp', error))
  }

  /** To be called before what goes into a read set is read. Undefined where no clock answers. */
  begin (reads: ReadSet, tags?: readonly string[]): MaybePromise<Stamp | undefined> {
    return reads.begin(this.versions, () => this.stamp(tags))
  }

  /** Says that what goes into a read set is made of an entry. */
  noteTags (reads: ReadSet | undefined, entry: Entry): void {
    if (reads === undefined || entry.tags.length === 0) return
    reads.begin(this.versions, () => entry.stamp)
    reads.add(this.versions, entry.tags)
  }

  tagsOf (reads: ReadSet): readonly string[] {
    const tags = reads.tags(this.versions)
    return [...this.versions.compact?.(tags) ?? tags]
  }

  /** @param window seconds for which it may stand in after its life */
  make (value: unknown, ttl: number | null, tags: readonly string[], stamp: Stamp | undefined, window = 0): Entry {
    const storedAt = this.now()
    const freshUntil = expiresAt(ttl === null || this.#jitter === 0 ? ttl : ttl * (1 - this.#jitter * this.random()), storedAt)
    return {
      payload: encodeValue(value),
      storedAt,
      freshUntil,
      staleUntil: freshUntil + window * 1000,
      tags,
      stamp: tags.length === 0 ? '' : stamp ?? ''
    }
  }

  /** Keeps an entry. @param lease the right to, where the store leases it */
  async write (key: string, entry: Entry, lease?: Lease): Promise<Pick<LoadResult, 'stored' | 'notStoredBecause'>> {
    try {
      const end = lease === undefined ? await this.store.set(key, entry) ? 'kept' : 'too-large' : await lease.fill(entry)
      if (end !== 'kept') return { stored: false, notStoredBecause: end }
      this.tell({ type: 'set', key })
      return { stored: true }
    } catch (error) {
      this.failed('set', error)
      return { stored: false, notStoredBecause: 'store-unavailable' }
    }
  }

  async remove (keys: readonly string[]): Promise<void> {
    await orElse(() => this.store.delete(keys), (error) => this.failed('delete', error))
  }

  /** Tells of what failed without failing the caller. */
  failed (doing: string, error: unknown): undefined {
    this.tell({ type: 'error', doing, error })
  }
}

/**
 * The value in an entry; one that cannot be read is a miss.
 *
 * @param shared whether it is the same object each time, and not a copy
 */
export function decodeEntry (entry: Entry, shared = false): { value: unknown } | Miss {
  try {
    return shared ? decodeSharedValue(entry) : { value: decodeValue(entry.payload) }
  } catch {
    return { miss: 'corrupt', seen: entry }
  }
}

/** What was found, where its value can be read. */
export function readableEntry (found: Lookup): Lookup {
  if (isMiss(found)) return found
  const opened = decodeEntry(found)
  return isMiss(opened) ? opened : found
}

/** Whether both are the same stored entry. A store beyond this process returns another object each time. */
export function isSameEntry (entry: Entry, other: Entry | undefined): boolean {
  return entry === other || (other !== undefined && entry.storedAt === other.storedAt && entry.stamp === other.stamp &&
    entry.freshUntil === other.freshUntil && entry.retry?.at === other.retry?.at)
}

/** The result of a load that found a stored entry. @param entry one that can be decoded */
export function adopt (entry: Entry): LoadResult {
  return { value: (decodeEntry(entry) as { value: unknown }).value, entry, stored: true, coalesced: true }
}
