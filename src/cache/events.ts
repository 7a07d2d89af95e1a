import { channel } from 'node:diagnostics_channel'
import type { Entry } from './entry/entry.ts'
import type { MissReason } from './entry/lookup.ts'
import type { Cache } from './types.ts'

/** What happened in a cache. */
export type CacheEventBody =
  /** `ms`: milliseconds that the lookup took */
  | { type: 'hit', key: string, entry: Entry, ms: number }
  /** A stale entry was served after a miss. */
  | { type: 'stale', key: string, entry: Entry }
  /**
   * `entry`: the entry that was found and cannot be used; `changedTag`: one of the tags that changed, if the reason is
   * `invalidated`
   */
  | { type: 'miss', key: string, reason: MissReason, entry?: Entry, changedTag?: string }
  /** `ms`: milliseconds that the value took to produce */
  | { type: 'load', key: string, ms: number }
  | { type: 'set', key: string }
  /** `reason`: why the result of a load is not stored, as in `LoadResult.notStoredBecause` */
  | { type: 'refuse', key: string, reason: string }
  | { type: 'delete', keys: readonly string[] }
  | { type: 'invalidate', tags: readonly string[] }
  /** `prefix`: only the entries whose keys begin with it were deleted; absent: all entries */
  | { type: 'clear', prefix?: string }
  /** An error that did not fail the caller. `doing`: what failed, in a word */
  | { type: 'error', error: unknown, doing: string }

/** What caches publish on the diagnostics channel `larder:cache`. */
export type CacheEvent = CacheEventBody & { cache: Cache }

/** The name of the diagnostics channel of `node:diagnostics_channel` on which caches publish a `CacheEvent`. */
export const CACHE_CHANNEL = 'larder:cache'

export const cacheChannel = channel(CACHE_CHANNEL)

/** Publishes an event; costs next to nothing while the channel has no subscribers. */
export function emit (cache: Cache, event: CacheEventBody): void {
  if (cacheChannel.hasSubscribers) cacheChannel.publish({ ...event, cache })
}
