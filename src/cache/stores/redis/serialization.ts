import { LRUCache } from 'lru-cache'
import type { Entry, Retry } from '../../entry/entry.ts'
import type { Stamp } from '../../versions/versions.ts'

/*
 * An entry in bytes. Its times are at fixed offsets, so that a script inside Redis can change them, and the payload is
 * last, so that a script can increment it:
 *
 *   0 magic   1 format
 *   2 storedAt   10 freshUntil   18 staleUntil          float64, big endian
 *   26 length of the metadata                           uint32, big endian
 *   30 metadata: JSON text of [stamp, tags] or [stamp, tags, loadMs, retry], then the payload
 *
 * A lease is stored at the key of its entry, so that deleting, replacing or evicting one does the same to the other:
 *
 *   0 magic   1 format of a lease
 *   2 end, by the clock of Redis                        float64, big endian
 *   10 kind: "x" for one holder, "p" for hit-for-miss   11 token of the holder, 16 bytes
 *   27 the bytes of the stale entry, or nothing
 */
const MAGIC = 0xc1
/** Entries of format 1, which had other payloads, are read as absent. */
const FORMAT = 3
const HEADER_BYTES = 30
const LEASE_FORMAT = 2
const LEASE_BYTES = 27
const KIND_AT = 10
const TOKEN_AT = 11
const HIT_FOR_MISS = 0x70
const NO_BYTES = new Uint8Array()

export function serializeEntry (entry: Entry): Buffer {
  const { stamp, tags, loadMs, retry } = entry
  const isPlain = loadMs === undefined && retry === undefined
  const metadata = Buffer.from(JSON.stringify(isPlain ? [stamp, tags] : [stamp, tags, loadMs ?? 0, retry ?? null]))
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + metadata.length + entry.payload.length)
  bytes[0] = MAGIC
  bytes[1] = FORMAT
  bytes.writeDoubleBE(entry.storedAt, 2)
  bytes.writeDoubleBE(entry.freshUntil, 10)
  bytes.writeDoubleBE(entry.staleUntil, 18)
  bytes.writeUInt32BE(metadata.length, 26)
  bytes.set(metadata, HEADER_BYTES)
  bytes.set(entry.payload, HEADER_BYTES + metadata.length)
  return bytes
}

/** All bytes of an entry but its payload. They identify an entry, except from what `increment` has made of it. */
export function serializeHeader (entry: Entry): Buffer {
  return serializeEntry({ ...entry, payload: NO_BYTES })
}

/** The entry in these bytes, also one under a lease; undefined if this code did not write them. */
export function deserializeEntry (bytes: Buffer): Entry | undefined {
  if (bytes[0] === MAGIC && bytes[1] === LEASE_FORMAT) bytes = bytes.subarray(LEASE_BYTES)
  if (bytes.length <= HEADER_BYTES || bytes[0] !== MAGIC || bytes[1] !== FORMAT) return undefined
  const payloadAt = HEADER_BYTES + bytes.readUInt32BE(26)
  if (payloadAt >= bytes.length) return undefined
  try {
    const metadata = JSON.parse(bytes.toString('utf8', HEADER_BYTES, payloadAt)) as [Stamp, string[], number?, Retry?]
    const [stamp, tags, loadMs = 0, retry] = metadata
    if (typeof stamp !== 'string' || !Array.isArray(tags)) return undefined
    return {
      // A copy: the reply is a view of a larger buffer, which an entry in L1 would keep in memory.
      payload: new Uint8Array(bytes.subarray(payloadAt)),
      storedAt: bytes.readDoubleBE(2),
      freshUntil: bytes.readDoubleBE(10),
      staleUntil: bytes.readDoubleBE(18),
      tags,
      stamp,
      ...loadMs > 0 && { loadMs },
      ...retry && { retry }
    }
  } catch {
    return undefined
  }
}

/** Both ends of an entry's life, as they are at offset 10 of its bytes. */
export function serializeTimes (freshUntil: number, staleUntil: number): Buffer {
  const times = Buffer.allocUnsafe(16)
  times.writeDoubleBE(freshUntil, 0)
  times.writeDoubleBE(staleUntil, 8)
  return times
}

/** A lease as it is stored in Redis. */
export interface StoredLease {
  readonly token: Buffer
  /** Hit-for-miss: all callers may load in parallel. */
  readonly hitForMiss: boolean
}

/** The lease in these bytes; undefined if there is none. */
export function deserializeLease (bytes: Buffer): StoredLease | undefined {
  if (bytes.length < LEASE_BYTES || bytes[0] !== MAGIC || bytes[1] !== LEASE_FORMAT) return undefined
  return {
    token: Buffer.from(bytes.subarray(TOKEN_AT, LEASE_BYTES)),
    hitForMiss: bytes[KIND_AT] === HIT_FOR_MISS
  }
}

/** Bytes of all entries that are remembered, and of one of them. */
const MAX_BYTES = 4 * 1024 * 1024
const MAX_ENTRY_BYTES = 256 * 1024
/** What a remembered entry needs beside its bytes. */
const OVERHEAD_BYTES = 900

/** The entries decoded last. Equal bytes give the same object, so that whatever is derived from it can be reused. */
export class DecodedEntries {
  readonly #decoded = new LRUCache<string, { bytes: Buffer, entry: Entry }>({ maxSize: MAX_BYTES })

  /** As `deserializeEntry`. */
  read (name: string, bytes: Buffer): Entry | undefined {
    const known = this.#decoded.get(name)
    if (known?.bytes.equals(bytes)) return known.entry
    const entry = deserializeEntry(bytes)
    if (entry === undefined || bytes.length > MAX_ENTRY_BYTES) return entry
    // A copy: the reply is a view of a larger buffer.
    this.#decoded.set(name, { bytes: Buffer.from(bytes), entry }, { size: 2 * bytes.length + OVERHEAD_BYTES })
    return entry
  }
}
