import { decodeInteger, encodeValue } from '../entry/codec.ts'
import type { Entry } from '../entry/entry.ts'
import { IntegerError } from '../errors.ts'
import { currentTime } from '../util/clock.ts'
import { checkFunction, checkNames, checkPositiveInteger } from '../util/validate.ts'
import { memoryVersions } from '../versions/memory.ts'
import { EntryLru } from './lru.ts'
import { memoryLocks } from './memory-locks.ts'
import type { Store } from './store.ts'

export interface MemoryStoreOptions {
  /**
   * Bytes of keys, values, bookkeeping and what is derived from values, e.g. prepared responses; the least recently
   * used entries are evicted first. Default 64 MiB.
   */
  maxBytes?: number
  /** Number of entries; the least recently used are evicted first. Default as many as `maxBytes` has room for. */
  maxEntries?: number
  /** Bytes of the largest entry; a larger one is not stored. Default an eighth of `maxBytes`, at most all of it. */
  maxEntryBytes?: number
  /** Returns the time in milliseconds since 1970. Default the system clock, which never runs backwards here. */
  now?: () => number
}

const OPTIONS = new Set<keyof MemoryStoreOptions>(['maxBytes', 'maxEntries', 'maxEntryBytes', 'now'])

/** Creates a store in the memory of this process. It evicts what was not used for longest. */
export function memoryStore (options: MemoryStoreOptions = {}): Store {
  checkNames('memoryStore()', options, OPTIONS)
  const maxBytes = checkPositiveInteger('maxBytes', options.maxBytes ?? 64 * 1024 * 1024)
  const maxEntryBytes = checkPositiveInteger('maxEntryBytes', options.maxEntryBytes ?? Math.ceil(maxBytes / 8))
  const { maxEntries, now = currentTime } = options
  if (maxEntries !== undefined) checkPositiveInteger('maxEntries', maxEntries)
  checkFunction('now', now)
  const lru = new EntryLru({ maxBytes, maxEntryBytes: Math.min(maxEntryBytes, maxBytes), maxEntries })

  function isLive (entry: Entry): boolean {
    return entry.staleUntil > now()
  }

  function getLive (key: string): Entry | undefined {
    const entry = lru.get(key)
    return entry !== undefined && isLive(entry) ? entry : undefined
  }

  return {
    name: 'memory',
    versions: memoryVersions(),
    get: (key) => lru.get(key),
    getMany: (keys) => keys.map((key) => lru.get(key)),
    set: (key, entry) => lru.set(key, entry),
    add (key, entry, replace) {
      const stored = getLive(key)
      if (stored !== undefined && stored !== replace) return false
      return lru.set(key, entry)
    },
    touch (key, freshUntil, staleUntil) {
      const stored = getLive(key)
      if (stored === undefined) return false
      return lru.set(key, { ...stored, freshUntil, staleUntil })
    },
    increment (key, by, initial, replace) {
      const stored = lru.get(key)
      if (stored === undefined || stored === replace || stored.freshUntil <= now()) {
        lru.set(key, initial)
        return by
      }
      const sum = (decodeInteger(stored.payload) ?? NaN) + by
      if (!Number.isSafeInteger(sum)) throw new IntegerError(JSON.stringify(key))
      lru.set(key, { ...stored, payload: encodeValue(sum) })
      return sum
    },
    delete (keys) {
      let count = 0
      for (const key of keys) {
        if (getLive(key) !== undefined) count++
        lru.delete(key)
      }
      return count
    },
    clear: (filter) => lru.deleteMatching(filter).filter(isLive).length,
    async * scan (prefix) { yield * lru.scan(prefix) },
    locks: memoryLocks(now),
    close: () => lru.clear(),
    stats: () => lru.stats()
  }
}
