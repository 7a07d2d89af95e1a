import { decode, encode } from '@msgpack/msgpack'
import type { Stamp } from '../versions/versions.ts'

/** What a store keeps under a key. Immutable: stores in memory hand out the object itself. */
export interface Entry {
  /** The value, as the codec wrote it. */
  readonly payload: Uint8Array
  /** Milliseconds since 1970. */
  readonly storedAt: number
  /** Milliseconds since 1970; `Infinity` when it never expires. */
  readonly freshUntil: number
  /** As `freshUntil`, and never before it: how long it may stand in when a load is slow or fails. */
  readonly staleUntil: number
  readonly tags: readonly string[]
  /** Taken before the value was loaded; empty where there are no tags to check. */
  readonly stamp: Stamp
  /** Milliseconds that its load took; absent where it was not loaded, or at once. */
  readonly loadMs?: number | undefined
  /** Where attempts to renew it failed: how many did, and when the next may be made, in milliseconds since 1970. */
  readonly retry?: Retry | undefined
}

export interface Retry { readonly failures: number, readonly at: number }

/*
 * The frame of an entry in bytes. Its times stand at fixed places, so that a script inside Redis can move them,
 * and its payload stands last, so that it can count there:
 *
 *   0 magic (a byte that begins no MessagePack value)   1 format
 *   2 storedAt   10 freshUntil   18 staleUntil          float64, big endian
 *   26 length of the meta data                          uint32, big endian
 *   30 meta data: MessagePack [stamp, tags] or [stamp, tags, loadMs, retry], then the payload
 *
 * A lease stands at the key of its entry, so that what deletes, replaces or evicts the one does it to the other:
 *
 *   0 magic   1 format of a lease
 *   2 until when, by the clock of Redis                 float64, big endian; Infinity: as long as the key lives
 *   10 kind: "x" for one holder, "p" for all who pass   11 token of the holder, 16 bytes
 *   27 the frame of the old entry, or nothing
 */
const MAGIC = 0xc1
const FORMAT = 1
const HEADER_BYTES = 30
const LEASE_FORMAT = 2
const LEASE_BYTES = 27
const KIND_AT = 10
const TOKEN_AT = 11
const PASS = 0x70
const NO_BYTES = new Uint8Array()
/** Redis itself ends it with its key. */
const NO_LEASE = Buffer.alloc(LEASE_BYTES)
NO_LEASE.set([MAGIC, LEASE_FORMAT])
NO_LEASE.writeDoubleBE(Infinity, 2)
NO_LEASE.write('x', KIND_AT)

export function serializeEntry (entry: Entry): Buffer {
  const { stamp, tags, loadMs, retry } = entry
  const meta = encode(loadMs === undefined && retry === undefined ? [stamp, tags] : [stamp, tags, loadMs ?? 0, retry ?? null])
  const frame = Buffer.allocUnsafe(HEADER_BYTES + meta.length + entry.payload.length)
  frame[0] = MAGIC
  frame[1] = FORMAT
  frame.writeDoubleBE(entry.storedAt, 2)
  frame.writeDoubleBE(entry.freshUntil, 10)
  frame.writeDoubleBE(entry.staleUntil, 18)
  frame.writeUInt32BE(meta.length, 26)
  frame.set(meta, HEADER_BYTES)
  frame.set(entry.payload, HEADER_BYTES + meta.length)
  return frame
}

/** The part of a frame that no two entries share: all but the payload. */
export function serializeHeader (entry: Entry): Buffer {
  return serializeEntry({ ...entry, payload: NO_BYTES })
}

/** The entry in a frame, also one under a lease, or undefined where the bytes are none of ours. */
export function deserializeEntry (frame: Buffer): Entry | undefined {
  if (frame[0] === MAGIC && frame[1] === LEASE_FORMAT) frame = frame.subarray(LEASE_BYTES)
  if (frame.length <= HEADER_BYTES || frame[0] !== MAGIC || frame[1] !== FORMAT) return undefined
  const payloadAt = HEADER_BYTES + frame.readUInt32BE(26)
  if (payloadAt >= frame.length) return undefined
  try {
    const [stamp, tags, loadMs = 0, retry] = decode(frame.subarray(HEADER_BYTES, payloadAt)) as [Stamp, string[], number?, Retry?]
    if (typeof stamp !== 'string' || !Array.isArray(tags)) return undefined
    return {
      // A copy: a reply of Redis is a view of all that came with it, which a near store would keep alive.
      payload: new Uint8Array(frame.subarray(payloadAt)),
      storedAt: frame.readDoubleBE(2),
      freshUntil: frame.readDoubleBE(10),
      staleUntil: frame.readDoubleBE(18),
      tags,
      stamp,
      ...loadMs > 0 && { loadMs },
      ...retry && { retry }
    }
  } catch {
    return undefined
  }
}

/** The two lives of an entry as they stand in its frame. */
export function serializeTimes (freshUntil: number, staleUntil: number): Buffer {
  const times = Buffer.allocUnsafe(16)
  times.writeDoubleBE(freshUntil, 0)
  times.writeDoubleBE(staleUntil, 8)
  return times
}

/** A lease over nothing, for one holder. @param token 16 bytes */
export function serializeLease (token: Buffer): Buffer {
  const frame = Buffer.from(NO_LEASE)
  frame.set(token, TOKEN_AT)
  return frame
}

/** A lease as it stands in Redis. */
export interface FramedLease {
  readonly token: Buffer
  /** All may load side by side. */
  readonly pass: boolean
  /** It ends at a time that stands in it, and not with its key. */
  readonly timed: boolean
}

/** The lease in a frame, or undefined where there is none. */
export function deserializeLease (frame: Buffer): FramedLease | undefined {
  if (frame.length < LEASE_BYTES || frame[0] !== MAGIC || frame[1] !== LEASE_FORMAT) return undefined
  return {
    token: Buffer.from(frame.subarray(TOKEN_AT, LEASE_BYTES)),
    pass: frame[KIND_AT] === PASS,
    timed: frame.readDoubleBE(2) !== Infinity
  }
}
