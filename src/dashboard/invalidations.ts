import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Cache, CACHE_CHANNEL, type CacheEvent } from '../cache/index.ts'

export interface Invalidation {
  /** ISO 8601. */
  at: string
  cause: 'delete' | 'tags' | 'clear'
  /** The keys or tags, the first few of many. */
  keys: string
}

/** How many are remembered, and how many keys of each are shown. */
const KEPT = 20
const SHOWN_KEYS = 5

/** The last invalidations of a cache, newest first. */
export function recordInvalidations (cache: Cache, now: () => number): { last: readonly Invalidation[], close (): void } {
  const last: Invalidation[] = []

  function add (cause: Invalidation['cause'], keys: readonly string[]): void {
    const more = keys.length > SHOWN_KEYS ? ` and ${keys.length - SHOWN_KEYS} more` : ''
    last.unshift({ at: new Date(now()).toISOString(), cause, keys: keys.slice(0, SHOWN_KEYS).join(', ') + more })
    if (last.length > KEPT) last.pop()
  }

  function onEvent (message: unknown): void {
    const event = message as CacheEvent
    if (event.cache !== cache) return
    if (event.type === 'delete') add('delete', event.keys)
    else if (event.type === 'invalidate') add('tags', event.tags)
    else if (event.type === 'clear') add('clear', [event.prefix === undefined ? 'everything' : `${event.prefix}…`])
  }

  subscribe(CACHE_CHANNEL, onEvent)
  return { last, close: () => { unsubscribe(CACHE_CHANNEL, onEvent) } }
}
