import {
  Decoder, decodeTimestampExtension, Encoder, encodeTimestampExtension, EXT_TIMESTAMP, ExtensionCodec
} from '@msgpack/msgpack'

/*
 * Values travel as MessagePack, with Date, Map, Set, BigInt and bytes beside what JSON has. A safe integer is
 * written as its decimal digits instead: no other value begins with such a byte, and a script inside Redis can
 * count with it. As in JSON, what is undefined is dropped, and -0 inside another value becomes 0.
 */
const BIGINT = 1
const MAP = 2
const SET = 3
const BYTES = 4

/** @param bytesOf what becomes of bytes, which the library hands out as a view of what it reads */
function codecOf (bytesOf: (view: Uint8Array) => Uint8Array) {
  const extensionCodec = new ExtensionCodec()
  const encoder = new Encoder({ extensionCodec, ignoreUndefined: true })
  const decoder = new Decoder({ extensionCodec })
  // The library alone would make 1970 of an invalid date; here it has no bytes.
  extensionCodec.register({
    type: EXT_TIMESTAMP,
    encode: (value) => value instanceof Date && Number.isNaN(value.getTime()) ? new Uint8Array() : encodeTimestampExtension(value),
    decode: (bytes) => bytes.length === 0 ? new Date(NaN) : decodeTimestampExtension(bytes)
  })
  extensionCodec.register({
    type: BIGINT,
    encode: (value) => typeof value === 'bigint' ? encoder.encode(value.toString()) : null,
    decode: (bytes) => BigInt(decoder.decode(bytes) as string)
  })
  extensionCodec.register({
    type: MAP,
    encode: (value) => value instanceof Map ? encoder.encode([...value]) : null,
    decode: (bytes) => new Map(decoder.decode(bytes) as [unknown, unknown][])
  })
  extensionCodec.register({
    type: SET,
    encode: (value) => value instanceof Set ? encoder.encode([...value]) : null,
    decode: (bytes) => new Set(decoder.decode(bytes) as unknown[])
  })
  extensionCodec.register({
    type: BYTES,
    encode: (value) => value instanceof Uint8Array ? value : null,
    decode: bytesOf
  })
  return { encoder, decoder }
}

const { encoder, decoder } = codecOf((view) => new Uint8Array(view))
const { decoder: sharingDecoder } = codecOf((view) => view)

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

const digits = new TextEncoder()
/** As MessagePack's float64; the library would write 0. */
const NEGATIVE_ZERO = Uint8Array.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0)

/** Bytes of a value. Throws a TypeError for what cannot be kept: undefined, functions, symbols, cycles. */
export function encodeValue (value: unknown): Uint8Array {
  if (value === undefined) throw new TypeError('undefined cannot be cached, since it means "absent"; use null')
  if (Object.is(value, -0)) return NEGATIVE_ZERO
  // Not Buffer.from, whose small buffers keep a large one alive that they share.
  if (Number.isSafeInteger(value)) return digits.encode(String(value))
  try {
    return encoder.encode(value)
  } catch (error) {
    throw new TypeError(`this value cannot be cached: ${(error as Error).message}`, { cause: error })
  }
}

/** A fresh copy of the value. Throws where the bytes are not what `encodeValue` wrote. */
export function decodeValue (payload: Uint8Array): unknown {
  return decodeInteger(payload) ?? decoder.decode(payload)
}

/** As `decodeValue`, but bytes in the value are a view of the payload: for who does not hand them out to be changed. */
export function decodeShared (payload: Uint8Array): unknown {
  return decodeInteger(payload) ?? sharingDecoder.decode(payload)
}

/** The integer that the bytes spell in decimal, or undefined when they are something else. */
export function decodeInteger (payload: Uint8Array): number | undefined {
  const first = payload[0]
  if (first === undefined || (first !== MINUS && (first < ZERO || first > NINE))) return undefined
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1')
  const value = Number(text)
  if (!Number.isSafeInteger(value) || String(value) !== text) throw new RangeError('the bytes are no integer')
  return value
}
