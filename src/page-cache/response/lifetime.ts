import type { FastifyReply } from 'fastify'
import { formatClientLifetime, resolveClientLifetime } from '../client-lifetime.ts'
import type { PageCacheContext, PendingStore } from '../context.ts'
import type { RouteCacheConfig } from '../options.ts'
import type { ReplyHeaders, StoragePolicy } from '../stored-response.ts'
import type { HandlerResponse } from './handler-response.ts'

/** Whether the cache states the lifetime for clients, in place of the response. */
export function setsClientLifetime ({ ttl, clientTtl }: RouteCacheConfig, status: number): boolean {
  return status === 200 && (ttl !== undefined || clientTtl !== undefined)
}

/**
 * Sets the lifetime for clients that a hit would have.
 *
 * @param hasTags whether the response has tags, or may still get one
 * @param now milliseconds since 1970
 * @returns the headers that it has set
 */
export function setLifetime (
  { reply, route }: PageCacheContext, { code, headers }: HandlerResponse,
  { ttl, age, clientMaxAge }: StoragePolicy, hasTags: boolean, now: number
): ReplyHeaders {
  if (!setsClientLifetime(route, code)) return {}
  const lifetime = formatClientLifetime(resolveClientLifetime({
    cacheControl: String(headers['cache-control'] ?? ''),
    clientMaxAge,
    clientTtl: route.clientTtl,
    freshnessLifetime: age + ttl,
    date: now - age * 1000,
    hasTags
  }), age)
  reply.headers(lifetime)
  if (lifetime.expires === undefined) reply.removeHeader('expires')
  return lifetime
}

/** Removes the lifetime of a response that is not stored after all, unless a later hook has changed it. */
export function removeLifetime (reply: FastifyReply, { lifetimeHeaders }: PendingStore): void {
  const { 'cache-control': cacheControl, expires } = lifetimeHeaders
  if (reply.getHeader('cache-control') === cacheControl) reply.header('cache-control', 'no-cache')
  if (expires !== undefined && reply.getHeader('expires') === expires) reply.removeHeader('expires')
}

/**
 * Tells clients to validate a response that is not stored and does not state its lifetime. Else a browser could reuse
 * it by its `Last-Modified` (RFC 9111 section 4.2.2), though its data has changed.
 */
export function forbidHeuristicReuse ({ request, reply, route }: PageCacheContext): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const isSilent = reply.getHeader('cache-control') === undefined && reply.raw.getHeader('cache-control') === undefined
  if (!isRead || !isSilent || route.ttl === undefined || route.ttl === 0) return
  reply.header('cache-control', reply.statusCode < 400 ? 'no-cache' : 'no-store')
}
