import { decodeValue } from './codec.ts'
import { DerivedValues } from './derived.ts'
import type { Entry } from './entry.ts'
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
