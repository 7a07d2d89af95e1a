import { decode, encode } from '@msgpack/msgpack'
import type { Stamp } from './versions.ts'

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
}

/*
 * The frame of an entry in bytes. Its times stand at fixed places, so that a script inside Redis can move them,
 * and its payload stands last, so that it can count there:
 *
 *   0 magic (a byte that begins no MessagePack value)   1 format
 *   2 storedAt   10 freshUntil   18 staleUntil          float64, big endian
 *   26 length of the meta data                          uint32, big endian
 *   30 meta data: MessagePack [stamp, tags]             then the payload
 */
const MAGIC = 0xc1
const FORMAT = 1
const HEADER_BYTES = 30

export function frameEntry (entry: Entry): Buffer {
  const meta = encode([entry.stamp, entry.tags])
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

/** The entry in a frame, or undefined where the bytes are none of ours. */
export function unframeEntry (frame: Buffer): Entry | undefined {
  if (frame.length <= HEADER_BYTES || frame[0] !== MAGIC || frame[1] !== FORMAT) return undefined
  const payloadAt = HEADER_BYTES + frame.readUInt32BE(26)
  if (payloadAt >= frame.length) return undefined
  try {
    const [stamp, tags] = decode(frame.subarray(HEADER_BYTES, payloadAt)) as [Stamp, string[]]
    if (typeof stamp !== 'string' || !Array.isArray(tags)) return undefined
    return {
      // A copy: a reply of Redis is a view of all that came with it, which a near store would keep alive.
      payload: new Uint8Array(frame.subarray(payloadAt)),
      storedAt: frame.readDoubleBE(2),
      freshUntil: frame.readDoubleBE(10),
      staleUntil: frame.readDoubleBE(18),
      tags,
      stamp
    }
  } catch {
    return undefined
  }
}

/** The two lives of an entry as they stand in its frame. */
export function frameTimes (freshUntil: number, staleUntil: number): Buffer {
  const times = Buffer.allocUnsafe(16)
  times.writeDoubleBE(freshUntil, 0)
  times.writeDoubleBE(staleUntil, 8)
  return times
}
