import { decodeValue } from './codec.ts'
import type { Entry } from './entry.ts'

const values = new WeakMap<Entry, { value: unknown }>()

/**
 * Decodes the value of an entry, once: all callers share one object, whose arrays and plain objects are frozen. Throws
 * if the value cannot be decoded.
 */
export function decodeSharedValue (entry: Entry): { value: unknown } {
  let shared = values.get(entry)
  if (shared === undefined) values.set(entry, shared = { value: deepFreeze(decodeValue(entry.payload)) })
  return shared
}

/** Freezes arrays and plain objects. Other objects, e.g. a Date, keep their state where freezing cannot reach it. */
function deepFreeze<T> (value: T): T {
  if (Array.isArray(value) || isPlainObject(value)) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}

function isPlainObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
