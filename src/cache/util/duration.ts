import { parse } from '@lukeed/ms'

/** Seconds, or a text with a unit: `'90s'`, `'5m'`, `'1.5h'`, `'7d'`. */
export type Duration = number | string

/** Milliseconds, or a text with a unit: `'50ms'`, `'1s'`. */
export type Milliseconds = number | string

/** Returns the seconds of a duration; anything else unchanged, so that the check that follows can report it. */
export function toSeconds (value: unknown): unknown {
  // Without a unit, the library would read milliseconds.
  if (typeof value !== 'string' || !/[a-z]\s*$/i.test(value)) return value
  const ms = parse(value.trim().replace(/^0+(?:\.0+)?(?=[^\d.])/, '1'))
  if (ms === undefined) return value
  return Number.parseFloat(value) === 0 ? 0 : ms / 1000 // the library reads no zero
}

/** Returns milliseconds from a number of them or a text with a unit; anything else unchanged, as `toSeconds`. */
export function toMilliseconds (value: unknown): unknown {
  if (typeof value !== 'string') return value
  const seconds = toSeconds(value)
  return typeof seconds === 'number' ? seconds * 1000 : value
}
