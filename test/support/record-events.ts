import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Test } from 'tap'
import { type Cache, CACHE_CHANNEL, type CacheEvent, type Entry } from '../../src/cache/index.ts'

export interface Listener {
  /** The events of the cache, without the cache itself, its entries, and how long a hit took. */
  events: Array<Record<string, unknown>>
  /** Resolves when the cache has emitted so many events of a type since the listener began. */
  heard (type: CacheEvent['type'], count?: number): Promise<void>
}

/** Listens to one cache, until the test ends. */
export function listen (t: Test, cache: Cache): Listener {
  const events: Listener['events'] = []
  const waiting = new Set<() => void>()

  function hear (message: unknown): void {
    const { cache: source, entry: _, ...event } = message as CacheEvent & { entry?: Entry }
    if (source !== cache) return
    if (event.type === 'hit') delete (event as { ms?: number }).ms
    events.push(event)
    for (const look of waiting) look()
  }
  subscribe(CACHE_CHANNEL, hear)
  t.teardown(() => unsubscribe(CACHE_CHANNEL, hear))

  return {
    events,
    heard (type, count = 1) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => {
        if (events.filter((event) => event.type === type).length < count) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
      return promise
    }
  }
}
