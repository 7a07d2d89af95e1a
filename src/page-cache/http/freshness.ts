import { type CacheControl, parseDeltaSeconds, parseFieldNames, MAX_DELTA, parseCacheControl } from './cache-control.ts'
import { parseHttpDate } from './date.ts'
import { combineLines, type Fields, type FieldValue, splitList } from './fields.ts'

/**
 * Returns the explicit freshness lifetime of a response for a shared cache, RFC 9111 section 4.2.1.
 *
 * @param targeted whether the directives are from `CDN-Cache-Control`, which overrides `Expires`
 * @param received milliseconds since 1970
 * @returns seconds; undefined if the response has none
 */
export function parseFreshnessLifetime (
  headers: Fields, directives: CacheControl, targeted: boolean, received: number
): number | undefined {
  const lifetime = parseDeltaSeconds(directives, 's-maxage') ?? parseDeltaSeconds(directives, 'max-age')
  return lifetime !== undefined || targeted ? lifetime : computeLifetimeByExpires(headers, received)
}

/** Returns the freshness lifetime for clients, which follow `Cache-Control` and `Expires` only. */
export function parseClientMaxAge (headers: Fields, received: number): number | undefined {
  const maxAge = parseDeltaSeconds(parseCacheControl(headers['cache-control']), 'max-age')
  return maxAge ?? computeLifetimeByExpires(headers, received)
}

function computeLifetimeByExpires (headers: Fields, received: number): number | undefined {
  if (headers.expires === undefined) return undefined
  const expires = parseDate(headers.expires, received)
  if (expires === undefined) return 0 // RFC 9111 section 5.3: an invalid date is in the past
  return Math.max(0, expires - (parseDate(headers.date, received) ?? received)) / 1000
}

/**
 * Computes the age in seconds that a response had when it was received: corrected_initial_age, RFC 9111 section 4.2.3.
 *
 * @param times milliseconds since 1970
 */
export function computeInitialAge (
  headers: Fields, { requested, received }: { readonly requested: number, readonly received: number }
): number {
  const age = parseAge(headers.age)
  const date = parseDate(headers.date, received)
  // The handler has generated it, however long that took.
  if (age === undefined && date === undefined) return 0
  // In whole seconds, as dates are: the fraction of a second is not age.
  const apparent = date === undefined ? 0 : Math.max(0, Math.floor(received / 1000) - date / 1000)
  const delay = Math.max(0, received - requested) / 1000
  return Math.max(apparent, (age ?? 0) + delay)
}

/** Returns the first value of an `Age` field; undefined if it is not a number of seconds, RFC 9111 section 5.1. */
function parseAge (field: FieldValue): number | undefined {
  if (field === undefined) return undefined
  const first = splitList(combineLines(field)!).find((element) => element !== '')
  return first !== undefined && /^\d+$/.test(first) ? Math.min(Number(first), MAX_DELTA) : undefined
}

/** Returns milliseconds since 1970; undefined if the field is absent or not exactly one date. */
function parseDate (field: FieldValue, now: number): number | undefined {
  return field === undefined ? undefined : parseHttpDate(combineLines(field)!, now)
}

/** Seconds for which a response may be served stale; undefined if it does not say. RFC 5861. */
export interface StaleWindows {
  readonly whileRevalidate: number | undefined
  readonly ifError: number | undefined
}

/** Directives with which a shared cache must not serve a stale response, RFC 9111 sections 4.2.4 and 5.2.2.10. */
const FORBIDDING = ['must-revalidate', 'proxy-revalidate', 's-maxage']

/** Returns how long a response may be served stale. A `no-cache` with field names applies to these fields only. */
export function parseStaleWindows (directives: CacheControl): StaleWindows | 'forbidden' {
  if (FORBIDDING.some((name) => directives.has(name))) return 'forbidden'
  if (parseFieldNames(directives, 'no-cache') === 'all') return 'forbidden'
  return {
    whileRevalidate: parseDeltaSeconds(directives, 'stale-while-revalidate'),
    ifError: parseDeltaSeconds(directives, 'stale-if-error')
  }
}
