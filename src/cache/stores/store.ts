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
   * Acquires the lease of a key: the right to load it, if processes share the store. It looks again in the same step,
   * so that no caller loads a value that another has just stored.
   *
   * @param seen the stored entry that the caller found and cannot use; the lease is taken over this entry alone
   * @returns the entry that is stored now if it is another one, else the lease, or how to wait for its holder
   */
  acquire? (key: string, seen?: Entry): MaybePromise<Entry | LeaseResult>
  /** Where others share the store: tells of what they change. */
  readonly backplane?: Backplane
}

/** What `acquire` returns for a key without a newer entry. */
export interface LeaseResult {
  /** The lease, if this call got it. Its holder must fill or release it. */
  readonly lease?: Lease
  /** The entry below the lease of another caller, or below one that all callers share. */
  readonly stale?: Entry
  /** If another caller holds the lease, in this process or not: waits for the result of its load. */
  wait? (): LeaseWaiter
}

/** The right to load a key and to store the result. It renews itself, and ends when the key is written or deleted. */
export interface Lease {
  /** Stores the entry unless it is too large, which leaves the lease, or the lease has ended. */
  fill (entry: Entry): MaybePromise<'stored' | 'too-large' | 'revoked'>
  /**
   * Gives the right back without a new entry.
   *
   * @param hitForMissMs milliseconds for which all callers may load in parallel, because the result is not cacheable
   * @param stale replaces the stale entry, if it is still stored; null removes it
   * @returns whether the lease was still held; undefined: it is not known
   */
  release (hitForMissMs?: number, stale?: Entry | null): MaybePromise<boolean | void>
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
