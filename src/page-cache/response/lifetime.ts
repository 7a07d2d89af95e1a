import type { FastifyReply } from 'fastify'
import type { PageCacheContext, PendingStore } from '../context.ts'
import { formatBeforeMaxAge, parseCacheControl } from '../http/cache-control.ts'
import type { ReplyHeaders, StoragePolicy } from '../stored-response.ts'
import type { HandlerResponse } from './handler-response.ts'

/**
 * Sets the lifetime for clients if the route has a `ttl`: what is left of it, or less if the response says so.
 *
 * @param now milliseconds since 1970
 * @returns the headers that it has set
 */
export function setLifetime (
  { reply, route }: PageCacheContext, { code, headers }: HandlerResponse,
  { ttl, age, clientMaxAge = Infinity }: StoragePolicy, now: number
): ReplyHeaders {
  if (route.ttl === undefined || code !== 200) return {}
  const seconds = Math.max(0, Math.min(ttl, clientMaxAge - age))
  const prefix = formatBeforeMaxAge(parseCacheControl(String(headers['cache-control'] ?? '')))
  const lifetime = {
    'cache-control': prefix + Math.floor(seconds),
    expires: new Date(now + seconds * 1000).toUTCString()
  }
  reply.headers(lifetime)
  return lifetime
}

/** Removes the lifetime of a response that is not stored after all, unless a later hook has changed it. */
export function removeLifetime (reply: FastifyReply, { lifetimeHeaders }: PendingStore): void {
  const { 'cache-control': cacheControl, expires } = lifetimeHeaders
  if (reply.getHeader('cache-control') === cacheControl) reply.header('cache-control', 'no-cache')
  if (expires !== undefined && reply.getHeader('expires') === expires) reply.removeHeader('expires')
}
