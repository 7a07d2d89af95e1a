import type { ServerHttp2Stream } from 'node:http2'
import type { PageCacheContext } from '../context.ts'
import { parseCacheControl } from '../http/cache-control.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import type { DecisionInput } from './decide-action.ts'
import type { Detail } from '../http/details.ts'

/** Returns why a request bypasses the cache, as far as that is known before the lookup. */
export function reasonToBypass (
  { request, reply, route, notKeyedBecause, headerTracker }: PageCacheContext
): CacheStatus | undefined {
  const bypass = (detail: Detail): CacheStatus => ({ fwd: 'bypass', detail })
  if (route.ttl === 0) return bypass('ttl-zero')
  if (notKeyedBecause !== undefined) return bypass(notKeyedBecause)
  // A body would not be part of the key.
  const hasBody = [headerTracker.headers, headerTracker.sent]
    .some((headers) => headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0')
  const raw = request.raw as { stream?: Partial<ServerHttp2Stream> } // of HTTP/2
  const stream = headerTracker.ignoreConnection(() => raw.stream)
  if (hasBody || stream?.endAfterHeaders === false) return bypass('request-body')
  // A hook may have declared already that the response is for one client alone.
  const cacheControl = reply.getHeader('cache-control')
  if (cacheControl === undefined) return undefined
  const directives = parseCacheControl(String(cacheControl))
  const forbidden = (['no-store', 'private'] as const).find((directive) => directives.has(directive))
  return forbidden === undefined ? undefined : bypass(forbidden)
}

/** Returns the request header because of which a new response is neither stored nor shared. */
export function findUncacheableHeader (
  { request, headerTracker: { headers, sent } }: PageCacheContext
): DecisionInput['uncacheable'] {
  if (headers.authorization !== undefined || sent.authorization !== undefined) return 'authorization'
  // RFC 9110 section 14.2: other methods ignore it.
  return headers.range !== undefined && request.raw.method === 'GET' ? 'range' : undefined
}
