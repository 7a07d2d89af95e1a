import { LRUCache } from 'lru-cache'
import { type Entry, deserializeEntry } from '../../entry/entry.ts'

/** Bytes of frames remembered, and of one of them. */
const MAX_BYTES = 4 * 1024 * 1024
const MAX_FRAME_BYTES = 256 * 1024
/** What an entry costs beside its frame. */
const OVERHEAD_BYTES = 500

/** The entries read last. One whose bytes come again is the same object, so what was made of it need not be made again. */
export class DecodedEntries {
  readonly #kept = new LRUCache<string, { frame: Buffer, entry: Entry }>({ maxSize: MAX_BYTES })

  /** As `unframeEntry`. */
  read (name: string, frame: Buffer): Entry | undefined {
    const known = this.#kept.get(name)
    if (known?.frame.equals(frame)) return known.entry
    const entry = deserializeEntry(frame)
    if (entry === undefined || frame.length > MAX_FRAME_BYTES) return entry
    // A copy: a reply of Redis is a view of all that came with it.
    this.#kept.set(name, { frame: Buffer.from(frame), entry }, { size: 2 * frame.length + OVERHEAD_BYTES })
    return entry
  }
}
