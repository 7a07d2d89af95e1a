import { decodeValue } from './codec.ts'
import { DerivedValues } from './derived.ts'
import type { Entry } from './entry.ts'
import { isMiss, type Lookup, type Miss } from './lookup.ts'
import { freezeAndMeasure } from './measure.ts'

const values = new DerivedValues<{ value: unknown }>('value')

/**
 * Decodes the value of an entry, once: all callers share one object, whose arrays and plain objects are frozen. Throws
 * if the value cannot be decoded.
 */
export function decodeSharedValue (entry: Entry): { value: unknown } {
  let shared = values.get(entry)
  if (shared === undefined) {
    shared = { value: decodeValue(entry.payload) }
    values.set(entry, shared, freezeAndMeasure(shared.value))
  }
  return shared
}

/**
 * Decodes the value of an entry; a value that cannot be decoded is a miss.
 *
 * @param shared whether to return the same object each time, in place of a copy
 */
export function decodeEntry (entry: Entry, shared = false): { value: unknown } | Miss {
  try {
    return shared ? decodeSharedValue(entry) : { value: decodeValue(entry.payload) }
  } catch {
    return { miss: 'corrupt', seen: entry }
  }
}

/** Returns what was found, or a miss if its value cannot be decoded. */
export function decodableEntry (found: Lookup): Lookup {
  if (isMiss(found)) return found
  const decoded = decodeEntry(found)
  return isMiss(decoded) ? decoded : found
}
