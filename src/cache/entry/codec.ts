import {
  Decoder, decodeTimestampExtension, Encoder, encodeTimestampExtension, EXT_TIMESTAMP, ExtensionCodec
} from '@msgpack/msgpack'

/*
 * Values are encoded as MessagePack, extended by Date, Map, Set, BigInt and bytes. A safe integer is encoded as its
 * decimal digits instead: no other value begins with such a byte, and a script inside Redis can increment it. As in
 * JSON, undefined properties are dropped, and -0 inside another value becomes 0.
 */
const BIGINT = 1
const MAP = 2
const SET = 3
const BYTES = 4

/**
 * Creates an encoder and a decoder.
 *
 * @param decodeBytes is given bytes as a view of the payload, and returns the decoded value
 */
function createCodec (decodeBytes: (view: Uint8Array) => Uint8Array) {
  const extensionCodec = new ExtensionCodec()
  const encoder = new Encoder({ extensionCodec, ignoreUndefined: true })
  const decoder = new Decoder({ extensionCodec })
  // An invalid date has no bytes. The library would turn it into 1970.
  extensionCodec.register({
    type: EXT_TIMESTAMP,
    encode (value) {
      const isInvalid = value instanceof Date && Number.isNaN(value.getTime())
      return isInvalid ? new Uint8Array() : encodeTimestampExtension(value)
    },
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
    decode: decodeBytes
  })
  return { encoder, decoder }
}

const { encoder, decoder } = createCodec((view) => new Uint8Array(view))
const { decoder: sharingDecoder } = createCodec((view) => view)

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

const digits = new TextEncoder()
/** As a float64 of MessagePack. The library would write 0. */
const NEGATIVE_ZERO = Uint8Array.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0)

/** Encodes a value. Throws a TypeError if it cannot be stored: undefined, functions, symbols, cycles. */
export function encodeValue (value: unknown): Uint8Array {
  if (value === undefined) throw new TypeError('undefined cannot be cached, since it means "absent"; use null')
  if (Object.is(value, -0)) return NEGATIVE_ZERO
  // Not Buffer.from(): a small buffer is a part of a large one, which it would keep in memory.
  if (Number.isSafeInteger(value)) return digits.encode(String(value))
  try {
    return encoder.encode(value)
  } catch (error) {
    throw new TypeError(`this value cannot be cached: ${(error as Error).message}`, { cause: error })
  }
}

/** Decodes a new copy of the value. Throws if `encodeValue` did not write these bytes. */
export function decodeValue (payload: Uint8Array): unknown {
  return decodeInteger(payload) ?? decoder.decode(payload)
}

/** As `decodeValue`, but bytes in the value are views of the payload, so the caller must not change them. */
export function decodeShared (payload: Uint8Array): unknown {
  return decodeInteger(payload) ?? sharingDecoder.decode(payload)
}

/** The integer that the bytes spell in decimal; undefined if they are another value. */
export function decodeInteger (payload: Uint8Array): number | undefined {
  const first = payload[0]
  if (first === undefined || (first !== MINUS && (first < ZERO || first > NINE))) return undefined
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1')
  const value = Number(text)
  if (!Number.isSafeInteger(value) || String(value) !== text) {
    throw new RangeError('The bytes are not a safe integer in decimal digits.')
  }
  return value
}
