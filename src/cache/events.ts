import { channel } from 'node:diagnostics_channel'
import type { Entry } from './entry/entry.ts'
import type { Cache, MissReason } from './types.ts'

/** What happened in a cache. */
export type CacheEventBody =
  /** @property ms milliseconds that the look took */
  | { type: 'hit', key: string, entry: Entry, ms: number }
  | { type: 'stale', key: string, entry: Entry }
  /**
   * @property entry what was found and may not be used
   * @property changedTag for `invalidated`: one of the tags that changed
   */
  | { type: 'miss', key: string, reason: MissReason, entry?: Entry, changedTag?: string }
  | { type: 'load', key: string, ms: number }
  | { type: 'set', key: string }
  /** What was loaded is not kept, for a reason as in `Loaded.refusal`. */
  | { type: 'refuse', key: string, reason: string }
  | { type: 'delete', keys: readonly string[] }
  | { type: 'invalidate', tags: readonly string[] }
  /** All entries, or those whose keys have a prefix. */
  | { type: 'clear', prefix?: string }
  /** Something that failed without failing the caller. */
  | { type: 'error', error: unknown, doing: string }

/** What caches tell the world, over `node:diagnostics_channel`, as `larder:cache`. */
export type CacheEvent = CacheEventBody & { cache: Cache }

export const CACHE_CHANNEL = 'larder:cache'

export const cacheChannel = channel(CACHE_CHANNEL)

/** Tells who listens; costs next to nothing while nobody does. */
export function emit (cache: Cache, happening: CacheEventBody): void {
  if (cacheChannel.hasSubscribers) cacheChannel.publish({ ...happening, cache })
}
