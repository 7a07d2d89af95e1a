import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Cache } from '../cache/index.ts'
import { type CacheStatus, formatCacheStatus, HIT } from './http/cache-status.ts'
import { isNotModified, type Validators } from './http/conditional.ts'
import { type PageEvent, pageEvents } from './events.ts'
import { appendHeader, toNotModified, markUncacheable } from './reply-headers.ts'
import { headersAt, type PreparedPage } from './stored-response.ts'
import { selectRange } from './http/range.ts'

/** Makes answers out of pages, and says of each answer what the cache did. */
export class Responder {
  readonly #cache: Cache
  readonly #now: () => number

  constructor (cache: Cache, now: () => number) {
    this.#cache = cache
    this.#now = now
  }

  /** Answers with a page. */
  serveStored (request: FastifyRequest, reply: FastifyReply, page: PreparedPage, status: CacheStatus): void {
    const { outerReads } = request.pageCache!
    if (outerReads !== undefined) this.#cache.recordDependencies(outerReads, page.entry)
    reply.send(this.applyStored(request, reply, page, status))
  }

  /** Makes an answer that of a page, and gives what is to be sent. */
  applyStored (request: FastifyRequest, reply: FastifyReply, page: PreparedPage, status: CacheStatus): Buffer | string | undefined {
    const { headers, ttl, cacheStatus } = headersAt(page, this.#now())
    reply.code(page.status)
    reply.headers(headers)
    this.setCacheStatus(reply, status, ttl, status === HIT ? cacheStatus : undefined, page)
    const body = this.selectContent(request, reply, page, page.body)
    return body === page.body && request.raw.method !== 'HEAD' ? page.payload : body
  }

  /** What of a whole response a request asks for, RFC 9110 sections 13 and 14; undefined: nothing. */
  selectContent (request: FastifyRequest, reply: FastifyReply, page: Validators & Pick<PreparedPage, 'status'>, body: Buffer): Buffer | undefined {
    const { headers } = request.pageCache!.headerTracker
    const isHead = request.raw.method === 'HEAD'
    if (page.status === 200) {
      if (isNotModified(headers, page)) {
        toNotModified(reply)
        // The hook of a HEAD route that Fastify derives reads the body that it leaves out.
        return isHead ? body : undefined
      }
      if (headers.range !== undefined && !isHead) {
        const range = selectRange(headers, { size: body.length, etag: page.etag, lastModified: page.lastModified, date: page.date })
        if (range === 'unsatisfiable') {
          markUncacheable(reply)
          reply.code(416).header('content-range', `bytes */${body.length}`).removeHeader('content-type')
          return undefined
        }
        if (range !== undefined) {
          reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${body.length}`)
          return body.subarray(range.start, range.end + 1)
        }
      }
    }
    if (page.status === 204) reply.removeHeader('content-type') // as Fastify does with a body that is empty
    // An empty body would be given a type that it did not have.
    return body.length === 0 ? undefined : body
  }

  /**
   * Says what the cache did.
   *
   * @param ttl seconds that the answer stays fresh @param field what is known to be the text of the status @param page that it is answered with
   */
  setCacheStatus (reply: FastifyReply, status: CacheStatus, ttl?: number, field = formatCacheStatus(status, ttl), page?: PreparedPage): void {
    const { startedAt, route, revalidation } = reply.request.pageCache!
    const ms = performance.now() - startedAt
    appendHeader(reply, 'cache-status', field)
    appendHeader(reply, 'server-timing', `cache;desc="${status.hit ? 'hit' : 'miss'}";dur=${ms.toFixed(2)}`)
    if (pageEvents.hasSubscribers && revalidation === undefined) pageEvents.publish({ cache: this.#cache, route: route.url, status, ms, bytes: page?.body.length, loadMs: page?.entry.loadMs } satisfies PageEvent)
  }
}
