import type { FastifyReply } from 'fastify'
import type { Cache } from '../../cache/index.ts'
import { groupTags } from '../key/group-tags.ts'
import { computeKey, type RequestTarget } from '../key/key.ts'
import type { CachedRoutes } from '../cached-routes.ts'
import { combineLines } from '../http/fields.ts'

/** Methods that change nothing, RFC 9110 section 9.2.1. Of others that are not known the same cannot be assumed. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY'])

/** Whether a request may change something. */
export function isUnsafe (method: string): boolean {
  return !SAFE.has(method)
}

/** Whether a response tells that it did, RFC 9111 section 4.4. */
export function isSuccess (status: number): boolean {
  return status >= 200 && status < 400
}

/**
 * Forgets the pages of what a request has changed, RFC 9111 section 4.4: those of its target, and of the same origin those of
 * `Location` and `Content-Location`, and the groups that `Cache-Group-Invalidation` names, RFC 9875 section 3. Where
 * the cache fails it is told as an event: the change itself has been made.
 */
export async function invalidateAfterUnsafeRequest (cache: Cache, plans: CachedRoutes, target: RequestTarget, reply: FastifyReply): Promise<void> {
  const targets = [target, ...['location', 'content-location'].flatMap((name) => resolved(reply.getHeader(name), target))]
  const keys = targets.flatMap((target) => findKeys(plans, target))
  const tags = groupTags(reply.getHeader('cache-group-invalidation'), target)
  await Promise.allSettled([
    keys.length > 0 && cache.deleteMany([...new Set(keys)]),
    tags.length > 0 && cache.invalidateTags(tags)
  ])
}

/** The keys under which all pages of a URL hang. */
export function findKeys (plans: CachedRoutes, target: RequestTarget): string[] {
  return plans.for(target.url).flatMap((plan) => [computeKey(target, plan, 'GET'), computeKey(target, plan, 'HEAD')])
}

/** What a field refers to, where it is of the same origin. */
function resolved (reference: ReturnType<FastifyReply['getHeader']>, base: RequestTarget): RequestTarget[] {
  const text = combineLines(reference)
  if (text === undefined) return []
  const origin = URL.parse(`${base.protocol}://${base.host}`)?.origin
  const url = URL.parse(text, `${base.protocol}://${base.host}${base.url}`)
  return url === null || url.origin !== origin ? [] : [{ protocol: base.protocol, host: base.host, url: url.pathname + url.search }]
}
