import type { Cache, Miss, MissReason } from '../../cache/index.ts'
import { BACKED_OFF, type CacheStatus, FORWARD_REASONS, HIT, STALE_HIT, TAKEN_STALE } from '../http/cache-status.ts'
import type { CacheLocation } from '../key/variants.ts'
import type { LookupResult } from './lookup.ts'
import type { RouteCacheConfig } from '../options.ts'
import { mayServeStaleIfError, headersAt, readPage, type PreparedPage } from '../stored-response.ts'
import { type RequestDirectives, acceptsStale, rejectedBy } from './directives.ts'

/** What is known of a request for a page. */
export interface DecisionInput {
  readonly plan: RouteCacheConfig
  /** What the client asks, where it is heeded. */
  readonly demand: RequestDirectives | undefined
  /** Why nobody may wait for this request: what it gets may be its own, or not the whole. */
  readonly alone: 'authorization' | 'range' | undefined
  readonly cache: Cache
  /** Milliseconds since 1970. */
  readonly now: number
}

/** What is to be done about a request. */
export type Decision = { readonly status: CacheStatus } & (
  /** Answer with a page. @property renew what to renew it by, in the background */
  | { readonly act: 'serve', readonly page: PreparedPage, readonly renew?: Miss | undefined }
  /** Run the handler for this request alone. */
  | { readonly act: 'alone' }
  /** Run the handler for all who miss the same, or wait for who does. */
  | { readonly act: 'lead', readonly miss: Miss, readonly old?: PreparedPage | undefined }
  /** The same, but for so long only: then the old page is answered. */
  | { readonly act: 'race', readonly miss: Miss, readonly old: PreparedPage }
  /** Answer that there is nothing, RFC 9111 section 5.2.1.7. */
  | { readonly act: 'refuse', readonly miss: Miss }
)

/** What is to be done about a request, after what was found for it. */
export function decide (found: LookupResult, asked: DecisionInput): Decision {
  if ('miss' in found) return decideMiss(found.location, found.miss, asked)
  const { page } = found
  const { alone, demand } = asked
  // RFC 9111 section 3.5
  if (!page.allowsAuthorization && alone === 'authorization') return byItself({ miss: 'expired', seen: page.entry }, { fwd: 'bypass', detail: alone }, demand)
  const why = demand && rejectedBy(demand, headersAt(page, asked.now))
  if (why === undefined) return { act: 'serve', page, status: HIT }
  return forward(demand!, { miss: 'expired', seen: page.entry }, { fwd: 'request', detail: why }, page)
}

function decideMiss (place: CacheLocation, miss: Miss, { plan, demand, alone, cache, now }: DecisionInput): Decision {
  const status = forwardReason(place, miss.miss)
  if (alone === 'authorization') return byItself(miss, { fwd: 'bypass', detail: alone }, demand)
  const old = miss.stale && readPage(miss.stale)
  if (demand !== undefined) {
    if (old !== undefined && acceptsStale(demand, old, headersAt(old, now))) return { act: 'serve', page: old, status: TAKEN_STALE }
    if (alone === 'range') return byItself(miss, { ...status, detail: status.detail ?? alone }, demand)
    return forward(demand, miss, status, old)
  }
  const standIn = old && cache.findStale(miss, old)
  if (alone === 'range' && standIn === undefined) return byItself(miss, { ...status, detail: status.detail ?? alone }, demand)
  if (old === undefined) return { act: 'lead', miss, status }
  if (standIn === undefined) return { act: plan.timeout !== undefined && mayServeStaleIfError(old, now) ? 'race' : 'lead', miss, old, status }
  const { stale: _, ...renew } = miss // nothing stands in for what fails in the background
  return { act: 'serve', page: old, status: standIn.refresh ? STALE_HIT : BACKED_OFF, renew: standIn.refresh ? renew : undefined }
}

/** What follows for a request that nobody may wait for. */
function byItself (miss: Miss, status: CacheStatus, demand: RequestDirectives | undefined): Decision {
  return demand?.onlyIfCached ? forward(demand, miss, status) : { act: 'alone', status }
}

/** What follows where a client's wishes are heeded, and what is kept will not do. */
function forward (demand: RequestDirectives, miss: Miss, status: CacheStatus, old?: PreparedPage): Decision {
  return demand.onlyIfCached ? { act: 'refuse', miss, status: { detail: 'only-if-cached' } } : { act: 'lead', miss, status, old }
}

/** Why the handler runs. */
function forwardReason ({ variants }: CacheLocation, reason: MissReason): CacheStatus {
  return variants !== undefined && reason === 'absent' ? { fwd: 'vary-miss' } : FORWARD_REASONS[reason]
}
