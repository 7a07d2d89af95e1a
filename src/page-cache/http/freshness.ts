import { type CacheControl, parseDeltaSeconds, parseFieldNames, MAX_DELTA, parseCacheControl } from './cache-control.ts'
import { parseHttpDate } from './date.ts'
import { combineLines, type Fields, type FieldValue, splitList } from './fields.ts'

/**
 * The seconds for which a response says that it is fresh, counted from its making; undefined when it does not say.
 * RFC 9111 section 4.2.1.
 *
 * @param targeted whether the directives are from `CDN-Cache-Control`, which puts `Expires` out of force
 * @param received milliseconds since 1970
 */
export function parseFreshnessLifetime (headers: Fields, directives: CacheControl, targeted: boolean, received: number): number | undefined {
  const lifetime = parseDeltaSeconds(directives, 's-maxage') ?? parseDeltaSeconds(directives, 'max-age')
  return lifetime !== undefined || targeted ? lifetime : lifetimeByExpires(headers, received)
}

/** As `explicitLifetime`, for who is no shared cache: by `Cache-Control` and `Expires` alone. */
export function parseClientMaxAge (headers: Fields, received: number): number | undefined {
  return parseDeltaSeconds(parseCacheControl(headers['cache-control']), 'max-age') ?? lifetimeByExpires(headers, received)
}

function lifetimeByExpires (headers: Fields, received: number): number | undefined {
  if (headers.expires === undefined) return undefined
  const expires = dateOf(headers.expires, received)
  if (expires === undefined) return 0 // RFC 9111 section 5.3: what is no date is in the past
  return Math.max(0, expires - (dateOf(headers.date, received) ?? received)) / 1000
}

/**
 * The seconds since a response was made, by the time it was received: the corrected_initial_age of RFC 9111 section
 * 4.2.3.
 *
 * @param times milliseconds since 1970
 */
export function computeInitialAge (headers: Fields, { requested, received }: { readonly requested: number, readonly received: number }): number {
  const age = ageValue(headers.age)
  const date = dateOf(headers.date, received)
  // Made by a handler of our own, however long it took.
  if (age === undefined && date === undefined) return 0
  // In whole seconds, as dates are: the rest of the second is not age.
  const apparent = date === undefined ? 0 : Math.max(0, Math.floor(received / 1000) - date / 1000)
  const delay = Math.max(0, received - requested) / 1000
  return Math.max(apparent, (age ?? 0) + delay)
}

/** RFC 9111 section 5.1: the first of several counts, and what is no number of seconds does not. */
function ageValue (field: FieldValue): number | undefined {
  if (field === undefined) return undefined
  const first = splitList(combineLines(field)!).find((element) => element !== '')
  return first !== undefined && /^\d+$/.test(first) ? Math.min(Number(first), MAX_DELTA) : undefined
}

/** Milliseconds since 1970; undefined: not there, or no date, as several dates are none. */
function dateOf (field: FieldValue, now: number): number | undefined {
  return field === undefined ? undefined : parseHttpDate(combineLines(field)!, now)
}

/** Seconds for which a response allows to be used stale; undefined where it does not say. RFC 5861. */
export interface StaleWindows {
  readonly whileRevalidate: number | undefined
  readonly ifError: number | undefined
}

/** Directives under which nothing stale may be served by a shared cache, RFC 9111 sections 4.2.4 and 5.2.2.10. */
const FORBIDDING = ['must-revalidate', 'proxy-revalidate', 's-maxage']

/** How long a response may be used stale. A `no-cache` for some fields is not for the rest of it. */
export function parseStaleWindows (directives: CacheControl): StaleWindows | 'forbidden' {
  if (FORBIDDING.some((name) => directives.has(name)) || parseFieldNames(directives, 'no-cache') === 'all') return 'forbidden'
  return { whileRevalidate: parseDeltaSeconds(directives, 'stale-while-revalidate'), ifError: parseDeltaSeconds(directives, 'stale-if-error') }
}
