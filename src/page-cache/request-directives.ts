import type { IncomingHttpHeaders } from 'node:http'
import { deltaSeconds, parseCacheControl } from './rules/cache-control.ts'
import { staleWindows } from './rules/freshness.ts'
import type { PageMoment, ReadyPage } from './page.ts'
import { directivesOf } from './rules/targeted.ts'

/** What a client asks of a page, in seconds. RFC 9111 section 5.2.1. */
export interface Demand {
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
export function demandOf (headers: IncomingHttpHeaders): Demand | undefined {
  // RFC 9111 section 5.4
  const directives = parseCacheControl(headers['cache-control'] ?? (parseCacheControl(headers.pragma).has('no-cache') ? 'no-cache' : undefined))
  if (!DIRECTIVES.some((name) => directives.has(name))) return undefined
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAge: deltaSeconds(directives, 'max-age'),
    minFresh: deltaSeconds(directives, 'min-fresh'),
    maxStale: directives.get('max-stale') === true ? Infinity : deltaSeconds(directives, 'max-stale')
  }
}

/** The directive for which a page will not do; undefined where it will. */
export function unmet ({ noCache, maxAge, minFresh, maxStale }: Demand, { age, ttl }: Pick<PageMoment, 'age' | 'ttl'>): string | undefined {
  if (noCache) return 'no-cache'
  if (maxAge !== undefined && age > maxAge + (maxStale ?? 0)) return 'max-age'
  if (minFresh !== undefined && ttl < minFresh) return 'min-fresh'
  return undefined
}

/** Whether a page will do although its life is over. What must be confirmed then is not answered to anyone. */
export function takesStale (demand: Demand, page: ReadyPage, { age, ttl }: Pick<PageMoment, 'age' | 'ttl'>): boolean {
  if (demand.maxStale === undefined || -ttl > demand.maxStale || unmet(demand, { age, ttl: Infinity }) !== undefined || demand.minFresh !== undefined) return false
  return staleWindows(directivesOf({ 'cache-control': page.cacheControl, ...page.headers }).directives) !== 'forbidden'
}
