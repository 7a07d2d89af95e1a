import { channel } from 'node:diagnostics_channel'
import type { Entry } from './entry/entry.ts'
import type { Cache, MissReason } from './types.ts'

/** What happened in a cache. */
export type CacheEventBody =
  /** @property ms milliseconds that the lookup took */
  | { type: 'hit', key: string, entry: Entry, ms: number }
  /** A stale entry was served after a miss. */
  | { type: 'stale', key: string, entry: Entry }
  /**
   * @property entry the entry that was found and cannot be used
   * @property changedTag for `invalidated`: one of the tags that changed
   */
  | { type: 'miss', key: string, reason: MissReason, entry?: Entry, changedTag?: string }
  /** @property ms milliseconds that the value took to produce */
  | { type: 'load', key: string, ms: number }
  | { type: 'set', key: string }
  /** @property reason why the result of a load is not stored, as in `LoadResult.notStoredBecause` */
  | { type: 'refuse', key: string, reason: string }
  | { type: 'delete', keys: readonly string[] }
  | { type: 'invalidate', tags: readonly string[] }
  /** @property prefix only the entries whose keys begin with it were deleted; absent: all entries */
  | { type: 'clear', prefix?: string }
  /** An error that did not fail the caller. @property doing what failed, in a word */
  | { type: 'error', error: unknown, doing: string }

/** What caches publish on the diagnostics channel `larder:cache`. */
export type CacheEvent = CacheEventBody & { cache: Cache }

export const CACHE_CHANNEL = 'larder:cache'

export const cacheChannel = channel(CACHE_CHANNEL)

/** Publishes an event; costs next to nothing while the channel has no subscribers. */
export function emit (cache: Cache, event: CacheEventBody): void {
  if (cacheChannel.hasSubscribers) cacheChannel.publish({ ...event, cache })
}
