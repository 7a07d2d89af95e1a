import type { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { currentReads, type LoadFunction, type LoadResult } from '../../cache/index.ts'
import { CollapsedRequest } from '../collapse.ts'
import type { PageCacheContext } from '../context.ts'
import type { CacheLocation } from '../key/variants.ts'
import { type Revalidation, runAs } from '../self-request.ts'
import type { PreparedPage } from '../stored-response.ts'

/** Request headers for which a response is not the whole, unconditional one. */
export const CONDITIONAL_HEADERS =
  ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range']
/** Request headers about a body, which a self-request does not have. */
const BODY_HEADERS = ['content-length', 'transfer-encoding']

/**
 * A load that makes a self-request like the given request, so that all hooks of the route run again.
 *
 * @param loaded the load that it is made for
 */
export function revalidateInBackground (
  app: FastifyInstance, { request: { raw, originalUrl: url }, headerTracker }: PageCacheContext, location: CacheLocation,
  stale: PreparedPage, loaded: () => Promise<LoadResult>
): LoadFunction<unknown> {
  const headers: Record<string, string | string[] | undefined> = { ...headerTracker.sent } // its hooks run again
  headers.host ??= headers[':authority'] // HTTP/2
  for (const name of Object.keys(headers)) {
    if (name.startsWith(':') || CONDITIONAL_HEADERS.includes(name) || BODY_HEADERS.includes(name)) delete headers[name]
  }
  const method = raw.method as 'GET' | 'HEAD'
  // Not `request.ip`, which may be the word of a trusted proxy: it is trusted again only if it comes from that proxy.
  const remoteAddress = raw.socket.remoteAddress as string // undefined for a Unix socket
  const encrypted = (raw.socket as TLSSocket).encrypted === true

  return async (context) => {
    const collapsed = new CollapsedRequest(context, loaded)
    const revalidation: Revalidation = { location, stale, finish: collapsed.finish, reads: currentReads()!, encrypted }
    runAs({ revalidation }, () => app.inject({ method, url, headers, remoteAddress }))
      .finally(() => collapsed.settle(undefined)) // a hook may have answered before the handler
      .catch(() => {})
    return await collapsed.content
  }
}
