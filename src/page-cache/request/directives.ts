import type { IncomingHttpHeaders } from 'node:http'
import { parseDeltaSeconds, parseCacheControl } from '../http/cache-control.ts'
import { parseStaleWindows } from '../http/freshness.ts'
import type { ResponseAtAge, PreparedPage } from '../stored-response.ts'
import { parseDirectives } from '../http/cdn-cache-control.ts'

/** What a client asks of a page, in seconds. RFC 9111 section 5.2.1. */
export interface RequestDirectives {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | undefined
  readonly minFresh: number | undefined
  /** Infinity: however old. */
  readonly maxStale: number | undefined
}

const DIRECTIVES = ['no-store', 'no-cache', 'only-if-cached', 'max-age', 'min-fresh', 'max-stale']

/** Undefined where a client asks nothing. */
export function parseRequestDirectives (headers: IncomingHttpHeaders): RequestDirectives | undefined {
  // RFC 9111 section 5.4
  const directives = parseCacheControl(headers['cache-control'] ?? (parseCacheControl(headers.pragma).has('no-cache') ? 'no-cache' : undefined))
  if (!DIRECTIVES.some((name) => directives.has(name))) return undefined
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAge: parseDeltaSeconds(directives, 'max-age'),
    minFresh: parseDeltaSeconds(directives, 'min-fresh'),
    maxStale: directives.get('max-stale') === true ? Infinity : parseDeltaSeconds(directives, 'max-stale')
  }
}

/** The directive for which a page will not do; undefined where it will. */
export function rejectedBy ({ noCache, maxAge, minFresh, maxStale }: RequestDirectives, { age, ttl }: Pick<ResponseAtAge, 'age' | 'ttl'>): string | undefined {
  if (noCache) return 'no-cache'
  if (maxAge !== undefined && age > maxAge + (maxStale ?? 0)) return 'max-age'
  if (minFresh !== undefined && ttl < minFresh) return 'min-fresh'
  return undefined
}

/** Whether a page will do although its life is over. What must be confirmed then is not answered to anyone. */
export function acceptsStale (demand: RequestDirectives, page: PreparedPage, { age, ttl }: Pick<ResponseAtAge, 'age' | 'ttl'>): boolean {
  if (demand.maxStale === undefined || -ttl > demand.maxStale || rejectedBy(demand, { age, ttl: Infinity }) !== undefined || demand.minFresh !== undefined) return false
  return parseStaleWindows(parseDirectives({ 'cache-control': page.cacheControl, ...page.headers }).directives) !== 'forbidden'
}
