import { isUtf8 } from 'node:buffer'
import type { ErrorObject } from 'ajv'
import secureJson from 'secure-json-parse'
import type { Validator } from '../validation.ts'

/** The result of parsing a body. The items of an array follow in batches. */
export type Outcome =
  { readonly type: 'not-utf8' | 'not-json' | 'too-complex' | 'too-large' } |
  { readonly type: 'invalid', readonly errors: ErrorObject[] } |
  { readonly type: 'value', readonly body: unknown } |
  { readonly type: 'array', readonly batches: number }

/**
 * The deepest nesting of a large body, and the largest number of its values. Millions of levels or of empty objects
 * would take a hundred times as much memory as the body itself. No valid body comes near these limits.
 */
export const MAX_DEPTH = 32
export const MAX_VALUES = 200_000
/** Bytes of a body that is not an array. */
const MAX_OBJECT = 1024 * 1024
/** Products in a batch: copying it takes about a millisecond. */
const BATCH = 250

/**
 * Parses and validates a body.
 *
 * @param validate undefined if the route has no schema of a body
 * @param sendItems receives each batch of the items of an array
 */
export function parseBody (
  bytes: Uint8Array, validate: Validator | undefined, sendItems: (batch: unknown[]) => void
): Outcome {
  // Otherwise each invalid byte would become U+FFFD.
  if (!isUtf8(bytes)) return { type: 'not-utf8' }
  if (isTooComplex(bytes)) return { type: 'too-complex' }
  let body: unknown
  try {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    body = secureJson.parse(text, { protoAction: 'error', constructorAction: 'error' })
  } catch {
    return { type: 'not-json' }
  }
  if (!Array.isArray(body) && bytes.length > MAX_OBJECT) return { type: 'too-large' }
  if (validate?.(body) === false) return { type: 'invalid', errors: validate.errors! }
  if (!Array.isArray(body)) return { type: 'value', body }
  let batches = 0
  for (; batches * BATCH < body.length; batches++) sendItems(body.slice(batches * BATCH, (batches + 1) * BATCH))
  return { type: 'array', batches }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Counts the brackets and commas outside of strings, and returns whether there are too many of them. */
function isTooComplex (bytes: Uint8Array): boolean {
  let depth = 0
  let values = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === QUOTE) inString = !inString
    else if (inString) i += Number(byte === BACKSLASH) // the next byte is escaped
    else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      values++
      depth++
    } else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) depth--
    else if (byte === COMMA) values++
    if (depth > MAX_DEPTH || values > MAX_VALUES) return true
  }
  return false
}
