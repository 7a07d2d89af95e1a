import type { Entry } from './entry.ts'
import type { MaybePromise } from './maybe-promise.ts'
import type { Versions } from './versions.ts'

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
  /** How many of the keys were there. */
  delete (keys: readonly string[]): MaybePromise<number>
  /** Forgets every entry of its own, and nothing else. */
  clear (): MaybePromise<void>
  close (): MaybePromise<void>
  stats? (): StoreStats
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
