import type { IncomingHttpHeaders } from 'node:http'
import { parseCacheControl, parseDeltaSeconds } from '../http/cache-control.ts'
import { parseDirectives } from '../http/cdn-cache-control.ts'
import { parseStaleWindows } from '../http/freshness.ts'
import type { PreparedPage, ResponseAtAge } from '../stored-response.ts'
import type { Detail } from '../http/details.ts'

/** `Cache-Control` of a request. Times are in seconds. RFC 9111 section 5.2.1. */
export interface RequestDirectives {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | undefined
  readonly minFresh: number | undefined
  /** Infinity: any age. */
  readonly maxStale: number | undefined
}

type Age = Pick<ResponseAtAge, 'age' | 'ttl'>

const NAMES = ['no-store', 'no-cache', 'only-if-cached', 'max-age', 'min-fresh', 'max-stale']

/** Parses the directives of a request. Returns undefined if it has none. */
export function parseRequestDirectives (headers: IncomingHttpHeaders): RequestDirectives | undefined {
  // RFC 9111 section 5.4
  const pragma = parseCacheControl(headers.pragma).has('no-cache') ? 'no-cache' : undefined
  const directives = parseCacheControl(headers['cache-control'] ?? pragma)
  if (!NAMES.some((name) => directives.has(name))) return undefined
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAge: parseDeltaSeconds(directives, 'max-age'),
    minFresh: parseDeltaSeconds(directives, 'min-fresh'),
    maxStale: directives.get('max-stale') === true ? Infinity : parseDeltaSeconds(directives, 'max-stale')
  }
}

/** Returns the directive that rejects a fresh response; undefined if none does. */
export function rejectedBy (
  { noCache, maxAge, minFresh, maxStale }: RequestDirectives, { age, ttl }: Age
): Detail | undefined {
  if (noCache) return 'no-cache'
  if (maxAge !== undefined && age > maxAge + (maxStale ?? 0)) return 'max-age'
  if (minFresh !== undefined && ttl < minFresh) return 'min-fresh'
  return undefined
}

/** Whether the client accepts an expired response, and the response allows to serve it stale. */
export function acceptsStale (directives: RequestDirectives, page: PreparedPage, { age, ttl }: Age): boolean {
  const { maxStale, minFresh } = directives
  if (maxStale === undefined || -ttl > maxStale || minFresh !== undefined) return false
  if (rejectedBy(directives, { age, ttl: Infinity }) !== undefined) return false
  const stored = parseDirectives({ 'cache-control': page.cacheControl, ...page.headers })
  return parseStaleWindows(stored.directives) !== 'forbidden'
}
