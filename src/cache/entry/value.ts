import { decodeValue } from './codec.ts'
import type { Entry } from './entry.ts'

const values = new WeakMap<Entry, { value: unknown }>()

/**
 * The value in an entry, the same object each time: it is read once, and arrays and plain objects in it are frozen. Throws
 * where it cannot be read.
 */
export function decodeSharedValue (entry: Entry): { value: unknown } {
  let known = values.get(entry)
  if (known === undefined) values.set(entry, known = { value: frozen(decodeValue(entry.payload)) })
  return known
}

/** What else has a state, a Date for one, cannot be frozen. */
function frozen<T> (value: T): T {
  if (Array.isArray(value) || isPlain(value)) {
    for (const item of Object.values(value)) frozen(item)
    Object.freeze(value)
  }
  return value
}

function isPlain (value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
