import type { Entry } from '../entry/entry.ts'
import type { MaybePromise } from '../util/maybe-promise.ts'
import type { Versions } from '../versions/versions.ts'

/** Selects entries that match all given conditions. */
export interface EntryFilter {
  /** Their keys begin with this. */
  readonly prefix?: string | undefined
  /** They begin with one of these, e.g. with what is common to all of them as `prefix`, which stores scan faster. */
  readonly prefixes?: readonly string[] | undefined
  /** They have at least one of these tags. */
  readonly tags?: readonly string[] | undefined
}

/**
 * Holds entries. A store knows bytes, keys and lifetimes; the cache decides whether an entry may still be used. Any
 * method may throw or reject, and the cache then continues without the store.
 */
export interface Store {
  /** A name for logs and dashboards, e.g. `memory`. */
  readonly name: string
  /** The version clock of caches that have no other. */
  readonly versions: Versions
  get (key: string): MaybePromise<Entry | undefined>
  /** In the order of the keys. */
  getMany (keys: readonly string[]): MaybePromise<Array<Entry | undefined>>
  /** Stores an entry. False if it is too large; the one that it would have replaced is deleted all the same. */
  set (key: string, entry: Entry): MaybePromise<boolean>
  /** As `set`, but only if nothing is stored, or still the entry to replace; false otherwise. */
  add (key: string, entry: Entry, replace?: Entry): MaybePromise<boolean>
  /** Changes both ends of an entry's life; false if there is no entry. */
  touch (key: string, freshUntil: number, staleUntil: number): MaybePromise<boolean>
  /**
   * Adds to an integer in one step, and returns the sum. Stores `initial` if nothing is stored, or still the entry to
   * replace. Throws a TypeError for any other value.
   */
  increment (key: string, by: number, initial: Entry, replace?: Entry): MaybePromise<number>
  /** Deletes entries, and returns how many there were. Anything else at these keys is deleted uncounted. */
  delete (keys: readonly string[]): MaybePromise<number>
  /**
   * Deletes all or some entries of this store, and returns how many there were. One stored meanwhile may remain.
   *
   * Without tags, anything else at matching keys is deleted too, uncounted: leases, so that no load in flight stores.
   * With tags, only entries are deleted: the version clock decides which loads in flight may be stored.
   */
  clear (filter?: EntryFilter): MaybePromise<number>
  /**
   * Reads the entries whose keys begin with a prefix, in steps of bounded work, without marking any as used. An entry
   * may come twice, and one that is stored meanwhile may be missing.
   */
  scan? (prefix: string): AsyncIterable<ReadonlyArray<readonly [key: string, entry: Entry]>>
  /** The locks of all processes that use the store. */
  readonly locks?: LockStore
  close (): MaybePromise<void>
  stats? (): StoreStats
  /** False while a store outside this process is known to be unavailable, so that no command is sent. */
  readonly available?: boolean
  /** The connection of a store outside this process. */
  readonly connection?: StoreConnection | undefined
  /** How often it has become unavailable. Two outages differ in it, also if nothing was sent between them. */
  readonly outages?: number
  /** Whether an error of a write means that the store takes no writes at present, e.g. since its memory is full. */
  refusesWrites? (error: unknown): boolean
  /**
   * Acquires the lease of a key: the right to load it, if processes share the store. It looks again in the same step,
   * so that no caller loads a value that another has just stored.
   *
   * @param seen the stored entry that the caller found and cannot use; the lease is taken over this entry alone
   * @returns the entry that is stored now if it is another one, else the lease, or how to wait for its holder
   */
  acquire? (key: string, seen?: Entry): MaybePromise<Entry | LeaseResult>
  /** Reports the changes that other processes make, if they share the store. */
  readonly backplane?: Backplane
  /** The store that holds the entries, if this one only caches them, and leases no keys. */
  readonly base?: Store
  /** What this process may use while the store is unavailable to it. */
  readonly outage?: OutageStore
}

/** Locks, each held by one caller at a time until it is released, or has not been renewed for its length. */
export interface LockStore {
  /**
   * Acquires a lock; undefined if another caller holds it.
   *
   * @param ms its length
   * @returns the fencing token, a safe integer: greater than every token of this key before
   */
  acquire (key: string, ms: number): MaybePromise<number | undefined>
  /** Begins its length anew. False if another caller has acquired it since. */
  renew (key: string, token: number, ms: number): MaybePromise<boolean>
  /** Ends it. False if another caller has acquired it since. */
  release (key: string, token: number): MaybePromise<boolean>
}

/** The connection of a store, e.g. a client of Redis. */
export interface StoreConnection {
  /** Its state, in a word. */
  readonly status: string
}

/** The entries of one process, while the store that it shares with others is unavailable. */
export interface OutageStore {
  /**
   * Returns an entry, as expired if it has not been checked for too long: another process may have deleted it.
   *
   * @param canCheck whether the tags of an entry can be checked without the shared store
   */
  get (key: string, canCheck: boolean): Entry | undefined
  /** Stores an entry until the shared store is available again. False if it is too large. */
  set (key: string, entry: Entry): boolean
}

/** What `acquire` returns for a key without a newer entry. */
export interface LeaseResult {
  /** The lease, if this call got it. Its holder must fill or release it. */
  readonly lease?: Lease
  /** Why the store has granted no lease. The lease is one of this process, and so is the entry that fills it. */
  readonly refusal?: unknown
  /** Whether the lease is one that all callers share, since the last result could not be stored. */
  readonly hitForMiss?: boolean
  /** The entry that is still stored below the lease, whoever holds it. */
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

/** Waits for changes of a key. */
export interface LeaseWaiter {
  /** Resolves when the key may have changed since the last call, or after this many milliseconds. */
  next (ms: number): Promise<void>
  end (): void
}

/** Reports the changes of a shared store by any process. */
export interface Backplane {
  /** All changes up to this time, in milliseconds since 1970, were reported. It stops while the channel is down. */
  readonly caughtUpTo: number
  /** Starts reporting to a listener. */
  listen (listener: BackplaneListener): void
}

export interface BackplaneListener {
  /** An entry was written, deleted, evicted, or has expired. */
  onEntry (key: string): void
  /** A tag has changed. */
  onTag (): void
  /** Anything may have changed. */
  onAll (): void
}

export interface StoreStats {
  /** Number of entries now. */
  entries: number
  /** Bytes that they take now. */
  bytes: number
  /** Bytes that they may take. */
  maxBytes: number
  /** Entries evicted to make room. */
  evictions: number
  /** Entries refused because they were too large. */
  refusals: number
}

/** Whether a store has returned an entry. */
export function isEntry (result: Entry | LeaseResult | undefined): result is Entry {
  return result !== undefined && 'payload' in result
}

export function isLeaseResult (result: Entry | LeaseResult | undefined): result is LeaseResult {
  return result !== undefined && !isEntry(result)
}
