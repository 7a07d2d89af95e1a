import { Decoder, Encoder, ExtensionCodec } from '@msgpack/msgpack'

/*
 * Values travel as MessagePack, with Date, Map, Set, BigInt and bytes beside what JSON has. A safe integer is
 * written as its decimal digits instead: no other value begins with such a byte, and a script inside Redis can
 * count with it.
 */
const extensions = new ExtensionCodec()
const encoder = new Encoder({ extensionCodec: extensions, ignoreUndefined: true })
const decoder = new Decoder({ extensionCodec: extensions })

const BIGINT = 1
const MAP = 2
const SET = 3

extensions.register({
  type: BIGINT,
  encode: (value) => typeof value === 'bigint' ? encoder.encode(value.toString()) : null,
  decode: (bytes) => BigInt(decoder.decode(bytes) as string)
})
extensions.register({
  type: MAP,
  encode: (value) => value instanceof Map ? encoder.encode([...value]) : null,
  decode: (bytes) => new Map(decoder.decode(bytes) as [unknown, unknown][])
})
extensions.register({
  type: SET,
  encode: (value) => value instanceof Set ? encoder.encode([...value]) : null,
  decode: (bytes) => new Set(decoder.decode(bytes) as unknown[])
})

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Bytes of a value. Throws a TypeError for what cannot be kept: undefined, functions, symbols, cycles. */
export function encodeValue (value: unknown): Uint8Array {
  if (value === undefined) throw new TypeError('undefined cannot be cached, since it means "absent"; use null')
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return Buffer.from(String(value), 'latin1')
  try {
    return encoder.encode(value)
  } catch (error) {
    throw new TypeError(`this value cannot be cached: ${(error as Error).message}`, { cause: error })
  }
}

/** A fresh copy of the value. Throws where the bytes are not what `encodeValue` wrote. */
export function decodeValue (payload: Uint8Array): unknown {
  const integer = decodeInteger(payload)
  return integer ?? decoder.decode(payload)
}

/** The integer that the bytes spell in decimal, or undefined when they are something else. */
export function decodeInteger (payload: Uint8Array): number | undefined {
  const first = payload[0]
  if (first === undefined || (first !== MINUS && (first < ZERO || first > NINE))) return undefined
  const value = Number(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1'))
  if (!Number.isSafeInteger(value)) throw new RangeError('the bytes are no integer')
  return value
}
