import type { Step } from './suite.ts'

/** Of a message with several lines of one field, they stand in one. */
export type Fields = Record<string, string>

const DATES = new Set(['date', 'expires', 'last-modified', 'if-modified-since', 'if-unmodified-since'])
const LOCATIONS = new Set(['location', 'content-location'])

/**
 * Returns the value of a field to send: dates are seconds from now, locations are relative to the URL of the test.
 *
 * @param now milliseconds since 1970 @param base the path of the request
 */
export function fieldValue (name: string, value: string | number, step: Step, now: number, base: string): string {
  const lower = name.toLowerCase()
  if (typeof value === 'number' && DATES.has(lower)) {
    const date = new Date(now + value * 1000)
    return step.rfc850date?.includes(lower) ? rfc850(date) : date.toUTCString()
  }
  if (LOCATIONS.has(lower) && step.magic_locations) return value === '' ? base : `${base}/${value}`
  return String(value)
}

/** The obsolete form that RFC 9110 section 5.6.7 still wants understood: Sunday, 06-Nov-94 08:49:37 GMT. */
function rfc850 (date: Date): string {
  const weekday = date.toLocaleDateString('en-US', { weekday: 'long', timeZone: 'UTC' })
  const [, day, month, year, time] = date.toUTCString().split(' ')
  return `${weekday}, ${day}-${month}-${year!.slice(2)} ${time} GMT`
}

export function joined (headers: Record<string, string | string[] | undefined>): Fields {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) fields[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return fields
}
