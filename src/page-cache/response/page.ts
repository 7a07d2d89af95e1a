import type { CacheAdapter } from '../../cache/index.ts'
import { matchRequestVary, type PageCacheContext } from '../context.ts'
import { computeEtag } from '../http/conditional.ts'
import { readStatusMessage } from '../reply-headers.ts'
import type { Page, StoragePolicy } from '../stored-response.ts'
import type { HandlerResponse } from './handler-response.ts'
import { setsClientLifetime } from './lifetime.ts'
import { selectPrintedHeaders, type StoredHeaders } from './stored-headers.ts'

/**
 * Builds what is stored of a response, still without its body.
 *
 * @param now milliseconds since 1970
 */
export function buildPage (
  ctx: PageCacheContext, { code, headers }: HandlerResponse, stored: StoredHeaders, policy: StoragePolicy, now: number
): Page {
  const { age, staleWhileRevalidate, staleIfError, allowsAuthorization, varyNames, clientMaxAge } = policy
  const statusMessage = readStatusMessage(ctx.reply)
  const page: Page = {
    status: code,
    ...statusMessage !== undefined && { statusMessage },
    headers: stored.headers,
    ...stored.removed.length > 0 && { removed: stored.removed },
    body: Buffer.alloc(0),
    etag: String(headers.etag ?? ''),
    ownEtag: headers.etag !== undefined,
    age,
    staleWhileRevalidate,
    staleIfError,
    allowsAuthorization,
    varyValues: matchRequestVary(ctx, varyNames).varyValues
  }
  if (setsClientLifetime(ctx.route, code)) {
    const { clientTtl } = ctx.route
    page.cacheControl = String(headers['cache-control'] ?? '')
    delete page.headers['cache-control']
    if (clientMaxAge !== undefined) page.clientMaxAge = clientMaxAge
    if (clientTtl !== undefined) page.clientTtl = clientTtl
  } else if (headers.expires !== undefined && headers.date === undefined) {
    // RFC 9110 section 6.6.1: a recipient records when it received a response without a date.
    page.headers.date = new Date(now).toUTCString()
  }
  return page
}

/**
 * Marks a page whose reads went unnoticed, as it seems, so that all who look at it can see it.
 *
 * @param tags those that are named for it
 */
export function markUntagged (
  cache: CacheAdapter, { route, reads }: PageCacheContext, page: Page, tags: readonly string[]
): Page {
  const isExpected = route.namesTags || tags.length > 0 || !cache.tracksReads || cache.hasDependencies(reads)
  return isExpected ? page : { ...page, untagged: true }
}

/** Adds the body to a page, the headers of hooks that it depends on, and an entity tag if the handler has set none. */
export function withBody (
  page: Page, body: Buffer, hookHeaders: Page['headers'], { request }: PageCacheContext
): Page {
  // A handler that gives a HEAD no body does not say which body a GET would get.
  const isUnknown = request.raw.method === 'HEAD' && body.length === 0
  const needsEtag = !page.ownEtag && page.status === 200 && !isUnknown
  const headers = { ...selectPrintedHeaders(hookHeaders, body), ...page.headers }
  return { ...page, headers, body, etag: needsEtag ? computeEtag(body) : page.etag }
}
