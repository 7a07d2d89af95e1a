import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { PageCacheContext, StoreTask } from '../context.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import { trackRequestId } from '../key/client-identity.ts'
import { markSilence } from '../reply-headers.ts'
import type { PreparedPage, ReplyHeaders } from '../stored-response.ts'
import { CONDITIONAL_HEADERS } from './revalidate.ts'

/** How a request goes on: its handler runs now, or a reply has been sent. */
export type Next = 'run-handler' | 'replied'

interface HandlerTools {
  readonly app: FastifyInstance
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * Prepares the run of the handler.
 *
 * @param task absent if the handler runs for this request alone and its response must not be stored
 */
export function beginHandler (
  { app, now }: HandlerTools, ctx: PageCacheContext, status: CacheStatus, task?: StoreTask
): Next {
  const { request, reply, route, headerTracker } = ctx
  const before: ReplyHeaders = task === undefined ? {} : reply.getHeaders()
  if (task !== undefined) {
    headerTracker.beginHandler(unconditional(headerTracker.headers, task.stale))
    trackRequestId(request, headerTracker, app.initialConfig.requestIdHeader)
    if (route.ttl !== undefined) markSilence(reply)
  }
  ctx.handlerRun = { status, before, requested: now(), task }
  return 'run-handler'
}

/** Makes the headers request a whole response. The handler may validate a stale one (RFC 9111 section 4.3.1). */
function unconditional (given: IncomingHttpHeaders, stale: PreparedPage | undefined): IncomingHttpHeaders {
  const headers = { ...given }
  for (const name of CONDITIONAL_HEADERS) delete headers[name]
  if (stale === undefined) return headers
  if (stale.ownEtag) headers['if-none-match'] = stale.etag
  const lastModified = stale.headers['last-modified']
  if (typeof lastModified === 'string') headers['if-modified-since'] = lastModified
  return headers
}

/** Whether nothing of a reply has been sent, and its client is still there. */
export function mayStillSend ({ request: { raw }, reply, headerTracker }: PageCacheContext): boolean {
  const isOpen = headerTracker.ignoreConnection(() => raw.socket && !raw.socket.destroyed)
  return !reply.sent && !reply.raw.headersSent && !raw.aborted && isOpen
}
