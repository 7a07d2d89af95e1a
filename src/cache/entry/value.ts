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
  if ((Array.isArray(value) || isPlainObject(value)) && !Object.isFrozen(value)) {
    Object.freeze(value) // first, since the value may contain itself
    for (const item of Object.values(value)) deepFreeze(item)
  }
  return value
}

function isPlainObject (value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
