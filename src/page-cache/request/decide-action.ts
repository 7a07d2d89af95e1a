import type { CacheAdapter, Miss, MissReason } from '../../cache/index.ts'
import { BACKED_OFF, BOUNDED_HIT, type CacheStatus, HIT, STALE_HIT, TAKEN_STALE } from '../http/cache-status.ts'
import type { CacheLocation } from '../key/variants.ts'
import type { RouteCacheConfig } from '../options.ts'
import { headersAt, mayServeStaleIfError, type PreparedPage, readPage } from '../stored-response.ts'
import { acceptsStale, rejectedBy, type RequestDirectives } from './directives.ts'
import type { LookupResult } from './lookup.ts'

/** A request, as far as the decision depends on it. */
export interface DecisionInput {
  readonly route: Pick<RouteCacheConfig, 'refreshAhead' | 'timeout'>
  /** `Cache-Control` of the request, if the route respects it. */
  readonly directives: RequestDirectives | undefined
  /** The request header because of which a new response to this request is neither stored nor shared. */
  readonly uncacheable: 'authorization' | 'range' | undefined
  readonly cache: Pick<CacheAdapter, 'findStale' | 'shouldRefreshEarly'>
  /** Whether the lookup has used the result of an earlier check. */
  readonly isBounded: boolean
  /** Milliseconds since 1970. */
  readonly now: number
}

/** How to answer a request. */
export type Decision = { readonly status: CacheStatus } & (
  /** Serve the stored response. @property refresh the miss with which to refresh it in the background */
  | { readonly act: 'hit', readonly page: PreparedPage, readonly refresh?: Miss | undefined }
  /** Run the handler for this request alone, and do not store its response. */
  | { readonly act: 'pass' }
  /** Run the handler for all requests that miss the same key, or wait for the one that does. */
  | { readonly act: 'fetch', readonly miss: Miss, readonly stale?: PreparedPage | undefined }
  /** The same, for a limited time; then serve the stale response. */
  | { readonly act: 'fetch-with-timeout', readonly miss: Miss, readonly stale: PreparedPage }
  /** Answer 504, since the client accepts stored responses only (RFC 9111 section 5.2.1.7). */
  | { readonly act: 'gateway-timeout' }
)

/** Decides how to answer a request, given the result of its lookup. */
export function decideAction (found: LookupResult, input: DecisionInput): Decision {
  if ('page' in found) return decideFresh(found.location, found.page, input)
  return decideMiss(found.location, found.miss, input)
}

function decideFresh ({ key }: CacheLocation, page: PreparedPage, input: DecisionInput): Decision {
  const { route, directives, uncacheable, cache, isBounded, now } = input
  const miss: Miss = { miss: 'expired', seen: page.entry }
  // RFC 9111 section 3.5
  if (uncacheable === 'authorization' && !page.allowsAuthorization) return decideFetch({}, miss, input)
  const detail = directives && rejectedBy(directives, headersAt(page, now))
  if (detail !== undefined) return decideFetch({ fwd: 'request', detail }, miss, input, page)
  const refresh = route.refreshAhead && uncacheable === undefined && cache.shouldRefreshEarly(key, page.entry)
  return { act: 'hit', status: isBounded ? BOUNDED_HIT : HIT, page, refresh: refresh ? miss : undefined }
}

function decideMiss (location: CacheLocation, miss: Miss, input: DecisionInput): Decision {
  const { route, directives, uncacheable, cache, now } = input
  const status = forwardReason(location, miss.miss)
  // A stale response is for requests that can also refresh it.
  const stale = uncacheable === 'authorization' ? undefined : miss.stale && readPage(miss.stale)
  if (stale === undefined) return decideFetch(status, miss, input)
  if (directives !== undefined) {
    const accepted = acceptsStale(directives, stale, headersAt(stale, now))
    return accepted ? { act: 'hit', status: TAKEN_STALE, page: stale } : decideFetch(status, miss, input, stale)
  }
  const served = cache.findStale(miss, stale)
  if (served !== undefined) {
    const { stale: _, ...refresh } = miss // no stale value is served in place of a failed background refresh
    if (served.refresh) return { act: 'hit', status: STALE_HIT, page: stale, refresh }
    return { act: 'hit', status: BACKED_OFF, page: stale }
  }
  const limited = route.timeout !== undefined && uncacheable === undefined && mayServeStaleIfError(stale, now)
  return limited ? { act: 'fetch-with-timeout', status, miss, stale } : decideFetch(status, miss, input, stale)
}

/** Decides how to get a new response. */
function decideFetch (
  status: CacheStatus, miss: Miss, { directives, uncacheable }: DecisionInput, stale?: PreparedPage
): Decision {
  if (directives?.onlyIfCached) return { act: 'gateway-timeout', status: { detail: 'only-if-cached' } }
  if (uncacheable === 'authorization') return { act: 'pass', status: { fwd: 'bypass', detail: uncacheable } }
  if (uncacheable === 'range') return { act: 'pass', status: { ...status, detail: status.detail ?? uncacheable } }
  return { act: 'fetch', status, miss, stale }
}

/** The status for a miss of the cache, RFC 9211 section 2.2. */
const FORWARD_REASONS: Readonly<Record<MissReason, CacheStatus>> = {
  absent: { fwd: 'uri-miss' },
  expired: { fwd: 'stale' },
  invalidated: { fwd: 'stale', detail: 'invalidated' },
  corrupt: { fwd: 'miss', detail: 'corrupt' },
  unavailable: { fwd: 'miss', detail: 'store-unavailable' }
}

function forwardReason ({ variants }: CacheLocation, reason: MissReason): CacheStatus {
  return variants !== undefined && reason === 'absent' ? { fwd: 'vary-miss' } : FORWARD_REASONS[reason]
}
