import type { Entry } from '../entry/entry.ts'
import type { MaybePromise } from '../util/maybe-promise.ts'
import type { Versions } from '../versions/versions.ts'

/** Some of the entries: those for which all is true that is given. */
export interface EntryFilter {
  /** Their keys begin with it. */
  readonly prefix?: string | undefined
  /** They carry at least one of them. */
  readonly tags?: readonly string[] | undefined
}

/**
 * Where entries are kept. A store knows bytes, keys and lifetimes; what an entry means, and whether it may still
 * be used, is the cache's business. Any call may throw or reject; the cache decides what that costs.
 */
export interface Store {
  /** A word for logs and dashboards, e.g. `memory`. */
  readonly name: string
  /** The version clock of caches that are given no other. */
  readonly versions: Versions
  get (key: string): MaybePromise<Entry | undefined>
  /** In the order of the keys. */
  getMany (keys: readonly string[]): MaybePromise<Array<Entry | undefined>>
  /** False where the entry is too large to be kept; what was there before is gone all the same. */
  set (key: string, entry: Entry): MaybePromise<boolean>
  /** As `set`, but only where nothing is kept, or where what is kept is still the entry to replace. */
  add (key: string, entry: Entry, replace?: Entry): MaybePromise<boolean>
  /** Moves both lives of an entry; false when there is none. */
  touch (key: string, freshUntil: number, staleUntil: number): MaybePromise<boolean>
  /**
   * Adds to an integer in one step; keeps `initial` where there is none, or where what is kept is still the entry to
   * replace. Throws a TypeError for another value.
   */
  increment (key: string, by: number, initial: Entry, replace?: Entry): MaybePromise<number>
  /** How many entries there were; what else stands at the keys goes uncounted. */
  delete (keys: readonly string[]): MaybePromise<number>
  /**
   * Forgets entries of its own, all or some, and nobody else's; how many there were. One that comes meanwhile may stay.
   *
   * Without tags, whatever else stands at such keys goes too, and uncounted: leases, so that no load under way is kept.
   * With tags, entries alone go: which of the loads under way may be kept is for the version clock to say.
   */
  clear (which?: EntryFilter): MaybePromise<number>
  close (): MaybePromise<void>
  stats? (): StoreStats
  /** Of a store beyond this process: false while it is known to be away, and not asked. */
  readonly available?: boolean
  /**
   * Where processes share the store: as `get`, and where nothing is kept takes the lease of the key, which is the right
   * to load it, in the same round trip.
   *
   * @param seen what stands there and may not be used any more, as far as the caller knows: then the lease is taken over it
   */
  getOrLease? (key: string, seen?: Entry): MaybePromise<Entry | LeaseResult>
  /** Where others share the store: tells of what they change. */
  readonly backplane?: Backplane
}

/** A key without an entry that is known to be good. With neither a lease nor a watch, the store can lease nothing now. */
export interface LeaseResult {
  /** The lease, if this call got it; it must be filled or released. */
  readonly lease?: Lease
  /** An old entry, which the holder of the lease is about to replace. */
  readonly stale?: Entry
  /** Where another, in this process or not, holds the lease: its token. */
  readonly holder?: string
  /** Where another holds the lease: for those who wait for what it brings. */
  wait? (): LeaseWaiter
}

/** The right to load a key and to keep what the load brings. It renews itself, and ends when the key is written or deleted. */
export interface Lease {
  /** All have it at the moment, since what was loaded last could not be kept: nobody need wait. */
  readonly hitForMiss: boolean
  readonly token: string
  /** Keeps the entry, unless it is too large, which leaves the lease, or the lease has ended. */
  fill (entry: Entry): MaybePromise<'kept' | 'too-large' | 'revoked'>
  /**
   * Gives the right back.
   *
   * @param pass milliseconds for which those who wait need not, since what was loaded is not kept: each loads for itself
   * @param old takes the place of the old entry, if there still is one; null: nothing does
   */
  release (pass?: number, old?: Entry | null): MaybePromise<void>
}

/** Hears when something has happened at a key. */
export interface LeaseWaiter {
  /** Resolves when something may have happened since the last call, and after so many milliseconds at the latest. */
  next (ms: number): Promise<void>
  end (): void
}

/** Tells of the changes of a shared store, whoever makes them. */
export interface Backplane {
  /** Milliseconds since 1970: all changes made until then have been told. It stands still while the channel is down. */
  readonly caughtUpTo: number
  /** Begins to tell. To be called once. */
  listen (listener: BackplaneListener): void
}

export interface BackplaneListener {
  /** The entry of a key was written, dropped or deleted. */
  onEntry (key: string): void
  /** A tag has moved. */
  onTag (): void
  /** Anything may have changed. */
  onAll (): void
}

export interface StoreStats {
  entries: number
  bytes: number
  maxBytes: number
  /** Entries dropped to make room. */
  evictions: number
  /** Entries refused because each was larger than the store takes. */
  refusals: number
}

/** What `increment` throws in every store for a value that is no integer, or a sum that is too large to be exact. */
export function notAnInteger (key: string): TypeError {
  return new TypeError(`cannot increment ${JSON.stringify(key)}: its value is not a safe integer`)
}
