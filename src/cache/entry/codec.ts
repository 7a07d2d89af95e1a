import { ValueError } from '../errors.ts'
import { checkValue } from './check-value.ts'
import { decodeStructured, encodeStructured, STRUCTURED_MARK } from './structured.ts'

/*
 * A value is encoded as JSON text if JSON represents it exactly, and otherwise in the format in which V8 clones
 * objects. Either decodes to an equal value. JSON is parsed faster, and the text of an integer is its decimal digits,
 * so that a script inside Redis can increment it.
 */

const utf8 = new TextEncoder()

/** Encodes a value. Throws a TypeError with the path of the part that would not be decoded unchanged. */
export function encodeValue (value: unknown): Uint8Array {
  if (value === undefined) {
    throw new ValueError('undefined cannot be cached, since it means "absent". Use null.')
  }
  const { isJson, nullPrototype } = checkValue(value)
  // Not Buffer.from(): a small buffer is a part of a large one, which it would keep in memory.
  return isJson ? utf8.encode(JSON.stringify(value)) : encodeStructured(value, nullPrototype)
}

/** Decodes a new copy of the value. Throws if `encodeValue` did not write these bytes. */
export function decodeValue (payload: Uint8Array): unknown {
  return payload[0] === STRUCTURED_MARK ? decodeStructured(payload, false) : decodeJson(payload)
}

/** As `decodeValue`, but bytes in the value may be views of the payload, so the caller must not change them. */
export function decodeShared (payload: Uint8Array): unknown {
  return payload[0] === STRUCTURED_MARK ? decodeStructured(payload, true) : decodeJson(payload)
}

/** The safe integer that the bytes spell in decimal; undefined if they are another value. */
export function decodeInteger (payload: Uint8Array): number | undefined {
  const first = payload[0]
  if (first === undefined || (first !== MINUS && (first < ZERO || first > NINE))) return undefined
  const value = decodeJson(payload)
  return Number.isSafeInteger(value) ? value as number : undefined
}

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

function decodeJson (payload: Uint8Array): unknown {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString()
  const value: unknown = JSON.parse(text)
  if (typeof value === 'number' && String(value) !== text) {
    throw new RangeError('The bytes are a number that was not encoded here.')
  }
  return value
}
