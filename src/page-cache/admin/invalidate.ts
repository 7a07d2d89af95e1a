import type { FastifyReply } from 'fastify'
import type { CacheAdapter } from '../../cache/index.ts'
import type { CachedRoutes } from '../cached-routes.ts'
import { combineLines } from '../http/fields.ts'
import { groupTags } from '../key/group-tags.ts'
import { computeKey, type RequestTarget } from '../key/key.ts'
import { normalizeTarget, toOriginForm } from '../key/request-target.ts'
import type { RouteCacheConfig } from '../options.ts'

/** Methods that change nothing (RFC 9110 section 9.2.1). An unknown method may be unsafe. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY'])

/** Whether a request may change something. */
export function isUnsafe (method: string): boolean {
  return !SAFE_METHODS.has(method)
}

/** Whether a response says that the request did so (RFC 9111 section 4.4). */
export function isSuccess (status: number): boolean {
  return status >= 200 && status < 400
}

/**
 * Invalidates the stored responses that an unsafe request has changed.
 *
 * These are the responses of its target and, in the same origin, of `Location` and `Content-Location` (RFC 9111
 * section 4.4), and the groups in `Cache-Group-Invalidation` (RFC 9875 section 3). If the cache fails, it emits an
 * event, since the change itself has been made.
 */
export async function invalidateAfterUnsafeRequest (
  cache: CacheAdapter, routes: CachedRoutes, target: RequestTarget, reply: FastifyReply
): Promise<void> {
  const targets = ['location', 'content-location'].flatMap((name) => resolveTarget(reply.getHeader(name), target))
  const keys = [target, ...targets].flatMap((target) => findKeys(routes, target))
  const tags = groupTags(reply.getHeader('cache-group-invalidation'), target)
  await Promise.allSettled([
    keys.length > 0 && cache.deleteMany([...new Set(keys)]),
    tags.length > 0 && cache.invalidateTags(tags)
  ])
}

/** Returns the primary keys of a URL, under which all its responses are found. */
export function findKeys (routes: CachedRoutes, target: RequestTarget): string[] {
  return findTargets(routes, target).flatMap(({ route, target }) => {
    return [computeKey(target, route, 'GET'), computeKey(target, route, 'HEAD')]
  })
}

/** Returns the routes that may answer to a URL, with that URL in its normal form. */
export function findTargets (
  routes: CachedRoutes, target: RequestTarget
): Array<{ readonly route: RouteCacheConfig, readonly target: RequestTarget }> {
  const { routerOptions } = routes
  const url = toOriginForm(target.url, routerOptions)
  return routes.for(url)
    .map(({ route, params }) => ({ route, target: normalizeTarget({ ...target, url }, params, routerOptions) }))
}

/** Resolves a URL in a response header, if it is of the same origin. */
function resolveTarget (
  reference: ReturnType<FastifyReply['getHeader']>, { protocol, host, url }: RequestTarget
): RequestTarget[] {
  const text = combineLines(reference)
  if (text === undefined) return []
  const origin = URL.parse(`${protocol}://${host}`)?.origin
  const resolved = URL.parse(text, `${protocol}://${host}${url}`)
  if (resolved === null || resolved.origin !== origin) return []
  return [{ protocol, host, url: resolved.pathname + resolved.search }]
}
