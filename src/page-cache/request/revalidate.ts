import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, InjectOptions } from 'fastify'
import {
  type CacheAdapter, ignoreReads, type LoadOptions, type LoadResult, type Miss, ReadSet
} from '../../cache/index.ts'
import { limitLoad } from '../collapse.ts'
import type { PageCacheContext } from '../context.ts'
import type { CacheLocation } from '../key/variants.ts'
import { runAs } from '../self-request.ts'
import type { PreparedPage } from '../stored-response.ts'

/** Request headers for which a response is not the whole, unconditional one. */
export const CONDITIONAL_HEADERS =
  ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range']
/** Request headers about a body, which a self-request does not have. */
const BODY_HEADERS = ['content-length', 'transfer-encoding']

interface RevalidateTools {
  readonly app: FastifyInstance
  readonly cache: CacheAdapter
}

/** Revalidates a stored response by a self-request, which passes all hooks of the route again. */
export function revalidate (
  { app, cache }: RevalidateTools, ctx: PageCacheContext, location: CacheLocation, miss: Miss, stale: PreparedPage,
  options: LoadOptions = {}
): Promise<LoadResult> {
  const request = copyRequest(ctx)
  const encrypted = (ctx.request.raw.socket as TLSSocket).encrypted === true
  return ignoreReads(() => {
    const reads = new ReadSet()
    const result = cache.beginLoad(location.key, miss, { ...options, tags: ctx.route.tags, reads }, (handle) => {
      const load = limitLoad(handle, cache.maxWaitMs)
      const end = () => { load.discard({ keepStale: true }) } // a hook may have replied before the handler
      runAs({ revalidation: { location, stale, load, reads, encrypted } }, () => app.inject(request)).then(end, end)
    })
    result.catch(() => {}) // the cache emits it as an event
    return result
  })
}

function copyRequest ({ request: { raw, originalUrl: url }, headerTracker }: PageCacheContext): InjectOptions {
  const headers: Record<string, string | string[] | undefined> = { ...headerTracker.sent } // its hooks run again
  headers.host ??= headers[':authority'] // HTTP/2
  for (const name of Object.keys(headers)) {
    if (name.startsWith(':') || CONDITIONAL_HEADERS.includes(name) || BODY_HEADERS.includes(name)) delete headers[name]
  }
  // Not `request.ip`, which may be the word of a trusted proxy: it is trusted again only if it comes from that proxy.
  const remoteAddress = raw.socket.remoteAddress as string // undefined for a Unix socket
  return { method: raw.method as 'GET' | 'HEAD', url, headers, remoteAddress }
}
