import type { Detail } from './details.ts'

/** What the cache did with a request, and why: the parameters of `Cache-Status`, RFC 9211 section 2. */
export interface CacheStatus {
  hit?: boolean
  /** Why the handler ran: `uri-miss`, `vary-miss`, `stale`, `request`, `bypass`, `method`, `miss`. */
  fwd?: string
  /** The status code of the handler's response, if another one was sent. */
  fwdStatus?: number
  stored?: boolean
  collapsed?: boolean
  detail?: Detail
}

export const HIT: CacheStatus = { hit: true }
/** A fresh response that was not checked for this request, but a moment before: see `maxStaleness`. */
export const BOUNDED_HIT: CacheStatus = { hit: true, detail: 'bounded' }
/** A response without tags although there is a version clock: reads for it may have gone unnoticed. */
export const UNTAGGED: CacheStatus = { detail: 'untagged' }
/** A stale response while it is revalidated in the background. */
export const STALE_HIT: CacheStatus = { hit: true, detail: 'stale-while-revalidate' }
/** A stale response, because revalidation failed a moment ago. */
export const BACKED_OFF: CacheStatus = { hit: true, detail: 'stale-if-error' }
/** A stale response that the client accepted with `max-stale`. */
export const TAKEN_STALE: CacheStatus = { hit: true, detail: 'max-stale' }

/** Whether a status says that a fresh response was served. */
export function isFreshHit ({ hit, detail }: CacheStatus): boolean {
  return hit === true && (detail === undefined || detail === BOUNDED_HIT.detail)
}

/**
 * Formats `Cache-Status`.
 *
 * @param ttl remaining freshness lifetime in seconds; negative if the response is stale
 */
export function formatCacheStatus (
  { hit, fwd, fwdStatus, stored, collapsed, detail }: CacheStatus, ttl?: number
): string {
  let field = 'larder'
  if (hit) field += '; hit'
  if (fwd !== undefined) field += `; fwd=${fwd}`
  if (fwdStatus !== undefined) field += `; fwd-status=${fwdStatus}`
  if (stored) field += '; stored'
  if (collapsed) field += '; collapsed'
  if (ttl !== undefined) field += `; ttl=${ttl}`
  if (detail !== undefined) field += `; detail=${detail}`
  return field
}
