import { LRUCache } from 'lru-cache'
import { decodeInteger, encodeValue } from '../entry/codec.ts'
import type { Entry } from '../entry/entry.ts'
import { memoryVersions } from '../versions/memory.ts'
import { checkFunction, checkPositiveInteger } from '../util/validate.ts'
import { notAnInteger, type Store } from './store.ts'

export interface MemoryStoreOptions {
  /** Bytes of keys, values and bookkeeping kept; the least recently used go first. Default 64 MiB. */
  maxBytes?: number
  /** Entries kept; the least recently used go first. Default as many as `maxBytes` has room for. */
  maxEntries?: number
  /** A larger entry is not kept. Default an eighth of `maxBytes`, at most all of it. */
  maxEntryBytes?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** What an entry costs beside its key and value: the objects around them, by what Node 24 grows by for each. */
const OVERHEAD_BYTES = 450

/** A store in this process. */
export function memoryStore (options: MemoryStoreOptions = {}): Store {
  const maxBytes = checkPositiveInteger('maxBytes', options.maxBytes ?? 64 * 1024 * 1024)
  const maxEntryBytes = Math.min(checkPositiveInteger('maxEntryBytes', options.maxEntryBytes ?? Math.ceil(maxBytes / 8)), maxBytes)
  const max = options.maxEntries === undefined ? undefined : checkPositiveInteger('maxEntries', options.maxEntries)
  const now = options.now ?? Date.now
  checkFunction('now', now)
  let evictions = 0
  let refusals = 0

  const entries = new LRUCache<string, Entry>({
    ...max !== undefined && { max },
    maxSize: maxBytes,
    maxEntrySize: maxEntryBytes,
    dispose: (_entry, _key, reason) => { if (reason === 'evict') evictions++ }
  })

  function live (key: string): Entry | undefined {
    const entry = entries.get(key)
    return entry !== undefined && entry.staleUntil > now() ? entry : undefined
  }

  function set (key: string, entry: Entry): boolean {
    const size = sizeOf(entry, key)
    if (size > maxEntryBytes) refusals++
    entries.set(key, entry, { size }) // one that is too large takes its predecessor with it
    return size <= maxEntryBytes
  }

  return {
    name: 'memory',
    versions: memoryVersions(),
    get: (key) => entries.get(key),
    getMany: (keys) => keys.map((key) => entries.get(key)),
    set,
    add (key, entry, replace) {
      const kept = live(key)
      if (kept !== undefined && kept !== replace) return false
      return set(key, entry)
    },
    touch (key, freshUntil, staleUntil) {
      const kept = live(key)
      if (kept === undefined) return false
      return set(key, { ...kept, freshUntil, staleUntil })
    },
    increment (key, by, initial, replace) {
      const kept = entries.get(key)
      if (kept === undefined || kept === replace || kept.freshUntil <= now()) {
        set(key, initial)
        return by
      }
      const sum = (decodeInteger(kept.payload) ?? NaN) + by
      if (!Number.isSafeInteger(sum)) throw notAnInteger(key)
      set(key, { ...kept, payload: encodeValue(sum) })
      return sum
    },
    delete (keys) {
      let count = 0
      for (const key of keys) {
        if (live(key) !== undefined) count++
        entries.delete(key)
      }
      return count
    },
    clear ({ prefix = '', tags } = {}) {
      const wanted = tags && new Set(tags)
      let count = 0
      // A list of its own: the walk would lose its way among deletions. It makes nothing recently used.
      for (const [key, entry] of [...entries]) {
        if (!key.startsWith(prefix) || (wanted !== undefined && !entry.tags.some((tag) => wanted.has(tag)))) continue
        if (entry.staleUntil > now()) count++
        entries.delete(key)
      }
      return count
    },
    close: () => { entries.clear() },
    stats: () => ({ entries: entries.size, bytes: entries.calculatedSize, maxBytes, evictions, refusals })
  }
}

function sizeOf (entry: Entry, key: string): number {
  let bytes = OVERHEAD_BYTES + 2 * key.length + entry.payload.length
  for (const tag of entry.tags) bytes += 2 * tag.length
  return bytes
}
