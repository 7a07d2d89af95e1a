import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { currentReads, type LoadFunction, type LoadResult, type ReadSet } from '../../cache/index.ts'
import type { CacheLocation } from '../key/variants.ts'
import { CollapsedRequest } from '../collapse.ts'
import { runAs } from '../self-request.ts'
import type { PreparedPage } from '../stored-response.ts'

/** A request of our own that runs the handler of a page again. */
export interface Revalidation {
  /** That of the request in whose place it is made. */
  readonly location: CacheLocation
  /** The page that is to be renewed. */
  readonly stale: PreparedPage | undefined
  readonly handover: CollapsedRequest
  /** Where what is read for the page goes. */
  readonly reads: ReadSet
  readonly encrypted: boolean
}

/** Fields that would make an answer other than the whole page. */
export const CONDITIONAL_HEADERS = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range']
/** Fields of a body, which a request of our own does not have. */
const OF_BODY = ['content-length', 'transfer-encoding']

/**
 * A load that asks the application itself for the page, as the request did, hooks included.
 *
 * @param loaded the load that it is made for
 */
export function revalidateInBackground (
  app: FastifyInstance, request: FastifyRequest, { location, stale }: Pick<Revalidation, 'location' | 'stale'>, loaded: () => Promise<LoadResult>
): LoadFunction<unknown> {
  const headers: Record<string, string | string[] | undefined> = { ...request.pageCache!.headerTracker.sent } // its hooks run again
  headers.host ??= headers[':authority'] // HTTP/2
  for (const name of Object.keys(headers)) if (name.startsWith(':') || CONDITIONAL_HEADERS.includes(name) || OF_BODY.includes(name)) delete headers[name]
  const method = request.raw.method as 'GET' | 'HEAD'
  const { originalUrl: url } = request
  // Not `request.ip`, which a trusted proxy has said: what it says is only believed when it comes from the proxy.
  const remoteAddress = request.raw.socket.remoteAddress as string // none over a Unix socket
  const encrypted = (request.raw.socket as TLSSocket).encrypted === true

  return async (context) => {
    const handover = new CollapsedRequest(context, loaded)
    const renewal: Revalidation = { location, stale, handover, reads: currentReads()!, encrypted }
    runAs({ revalidation: renewal }, () => app.inject({ method, url, headers, remoteAddress }))
      .finally(() => handover.settle(undefined)) // a hook may have answered before the handler
      .catch(() => {})
    return await handover.content
  }
}
