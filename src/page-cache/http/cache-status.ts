import type { MissReason } from '../../cache/index.ts'

/** `Cache-Status` of RFC 9211: what the cache did with a request, and why. */
export interface CacheStatus {
  hit?: boolean
  /** Why the handler ran: `uri-miss`, `vary-miss`, `stale`, `request`, `bypass`, `method`, `miss`. RFC 9211 section 2.2. */
  fwd?: string
  /** What it answered, where something else was sent. */
  fwdStatus?: number
  stored?: boolean
  collapsed?: boolean
  detail?: string
}

export const HIT: CacheStatus = { hit: true }
/** An old page, while a new one is made. */
export const STALE_HIT: CacheStatus = { hit: true, detail: 'stale-while-revalidate' }
/** An old page, since the last attempt to make a new one failed a moment ago. */
export const BACKED_OFF: CacheStatus = { hit: true, detail: 'stale-if-error' }

/** An old page, since the client takes one. */
export const TAKEN_STALE: CacheStatus = { hit: true, detail: 'max-stale' }

/** @param ttl seconds that the answer stays fresh, less than zero where it no longer is */
export function formatCacheStatus ({ hit, fwd, fwdStatus, stored, collapsed, detail }: CacheStatus, ttl?: number): string {
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

/** How a miss of the cache reads in `Cache-Status`. */
export const FORWARD_REASONS: Readonly<Record<MissReason, CacheStatus>> = {
  absent: { fwd: 'uri-miss' },
  expired: { fwd: 'stale' },
  invalidated: { fwd: 'stale', detail: 'invalidated' },
  corrupt: { fwd: 'miss', detail: 'corrupt' },
  unavailable: { fwd: 'miss', detail: 'store-unavailable' }
}

export const missTiming = (ms: number): string => `cache;desc="miss";dur=${ms.toFixed(2)}`

const HIT_TIMINGS: string[] = []

/** The texts of times below 10 ms, to a hundredth of a millisecond, are made once. */
export function hitTiming (ms: number): string {
  const hundredths = Math.round(ms * 100)
  const text = HIT_TIMINGS[hundredths] ?? `cache;desc="hit";dur=${(hundredths / 100).toFixed(2)}`
  if (hundredths < 1_000) HIT_TIMINGS[hundredths] = text
  return text
}
