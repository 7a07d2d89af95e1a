import type { Stamp } from '../versions/versions.ts'

/** What a store holds under a key. Immutable: stores in memory return the object itself. */
export interface Entry {
  /** The value, as the codec encoded it. */
  readonly payload: Uint8Array
  /** Milliseconds since 1970. */
  readonly storedAt: number
  /** End of its freshness lifetime, in milliseconds since 1970; `Infinity` if it never expires. */
  readonly freshUntil: number
  /** As `freshUntil`, and never before it: how long it may be served stale when a load is slow or fails. */
  readonly staleUntil: number
  readonly tags: readonly string[]
  /** Taken before the value was loaded; empty if the entry has no tags. */
  readonly stamp: Stamp
  /** Milliseconds that its load took; absent if it was not loaded, or took no time. */
  readonly loadMs?: number | undefined
  /** Present after failed attempts to refresh the entry. */
  readonly retry?: Retry | undefined
}

export interface Retry {
  /** Failed attempts in a row. */
  readonly failures: number
  /** Earliest time of the next attempt, in milliseconds since 1970. */
  readonly at: number
}

/** Whether something with this ttl may be stored at all. */
export function hasLifetime (ttl: number | null): boolean {
  return ttl === null || ttl > 0
}

/**
 * The time at which a lifetime ends, in milliseconds since 1970.
 *
 * @param ttl in seconds; null: never
 * @param now in milliseconds since 1970
 */
export function expiresAt (ttl: number | null, now: number): number {
  return ttl === null ? Infinity : now + ttl * 1000
}

/** Whether both are the same stored entry. A store beyond this process returns another object each time. */
export function isSameEntry (entry: Entry, other: Entry | undefined): boolean {
  return entry === other || (other !== undefined && entry.storedAt === other.storedAt && entry.stamp === other.stamp &&
    entry.freshUntil === other.freshUntil && entry.retry?.at === other.retry?.at)
}
