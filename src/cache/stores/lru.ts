import { LRUCache } from 'lru-cache'
import { countDerived, type Holder } from '../entry/derived.ts'
import type { Entry } from '../entry/entry.ts'
import { matchPrefixes } from '../util/prefixes.ts'
import type { EntryFilter, StoreStats } from './store.ts'

export interface LruLimits {
  /** Bytes of all entries together. */
  maxBytes: number
  /** Bytes of one entry; a larger one is not stored. */
  maxEntryBytes: number
  /** Number of entries. Default as many as `maxBytes` has room for. */
  maxEntries?: number | undefined
}

/** Bytes that an entry needs beside its key and its value: the objects around them, as measured on Node 24. */
const OVERHEAD_BYTES = 680

/** Entries that one step of `scan` reads. */
const STEP = 50

/** An entry, with its size in bytes. */
interface SizedEntry {
  readonly entry: Entry
  readonly size: number
}

/** Entries in the memory of this process. When it is full, the least recently used ones are evicted. */
export class EntryLru implements Holder {
  readonly #entries: LRUCache<string, SizedEntry>
  readonly #maxEntryBytes: number
  #evictions = 0
  #refusals = 0

  constructor ({ maxBytes, maxEntryBytes, maxEntries }: LruLimits) {
    this.#maxEntryBytes = maxEntryBytes
    this.#entries = new LRUCache({
      ...maxEntries !== undefined && { max: maxEntries },
      maxSize: maxBytes,
      dispose: (_entry, _key, reason) => { if (reason === 'evict') this.#evictions++ }
    })
  }

  get (key: string): Entry | undefined {
    return this.#entries.get(key)?.entry
  }

  /** Stores an entry. False if it is too large; the one that it would have replaced is deleted all the same. */
  set (key: string, entry: Entry): boolean {
    const size = sizeInBytes(key, entry)
    if (size > this.#maxEntryBytes) {
      this.#refusals++
      this.#entries.delete(key)
      return false
    }
    this.#resize(key, entry, size + countDerived(entry, this, key))
    return true
  }

  /** Counts what was derived from an entry, if it is still stored. */
  grow (key: string, entry: Entry, bytes: number): void {
    const stored = this.#entries.peek(key)
    if (stored?.entry === entry) this.#resize(key, entry, stored.size + bytes)
  }

  /** Evicts others if there is too little room for an entry of this size, but not the entry itself. */
  #resize (key: string, entry: Entry, size: number): void {
    this.#entries.set(key, { entry, size }, { size: Math.min(size, this.#entries.maxSize) })
  }

  delete (key: string): void {
    this.#entries.delete(key)
  }

  /** Deletes the entries that match, without marking any as used, and returns them. */
  deleteMatching ({ prefix = '', prefixes = [prefix], tags }: EntryFilter = {}): Entry[] {
    const isWanted = matchPrefixes(prefixes)
    const wanted = tags && new Set(tags)
    const deleted: Entry[] = []
    // A copy of the list, since an iterator does not survive deletions.
    for (const [key, { entry }] of [...this.#entries]) {
      if (!key.startsWith(prefix) || !isWanted(key)) continue
      if (wanted !== undefined && !entry.tags.some((tag) => wanted.has(tag))) continue
      this.#entries.delete(key)
      deleted.push(entry)
    }
    return deleted
  }

  /** Reads the entries with a prefix in steps, without marking any as used. */
  * scan (prefix: string): Generator<Array<readonly [string, Entry]>> {
    // A list of the keys, since an iterator does not survive changes.
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix))
    for (let i = 0; i < keys.length; i += STEP) {
      yield keys.slice(i, i + STEP).flatMap((key) => {
        const stored = this.#entries.peek(key)
        return stored === undefined ? [] : [[key, stored.entry] as const]
      })
    }
  }

  clear (): void {
    this.#entries.clear()
  }

  stats (): StoreStats {
    const { size, calculatedSize, maxSize } = this.#entries
    return {
      entries: size, bytes: calculatedSize, maxBytes: maxSize, evictions: this.#evictions, refusals: this.#refusals
    }
  }
}

function sizeInBytes (key: string, { payload, tags }: Entry): number {
  let bytes = OVERHEAD_BYTES + 2 * key.length + payload.length
  for (const tag of tags) bytes += 2 * tag.length
  return bytes
}
