import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Cache } from '../cache/index.ts'
import { type CacheStatus, formatCacheStatus, HIT, hitTiming, missTiming } from './cache-status.ts'
import { isNotModified, type Validators } from './rules/conditional.ts'
import { type PageEvent, pageEvents } from './events.ts'
import { addToField, notModified, promiseNothing } from './fields.ts'
import { momentOf, type ReadyPage } from './page.ts'
import { rangeOf } from './rules/range.ts'

/** Makes answers out of pages, and says of each answer what the cache did. */
export class Answers {
  readonly #cache: Cache
  readonly #now: () => number

  constructor (cache: Cache, now: () => number) {
    this.#cache = cache
    this.#now = now
  }

  /** Answers with a page. */
  serve (request: FastifyRequest, reply: FastifyReply, page: ReadyPage, status: CacheStatus): void {
    const { outer } = request.pageVisit!
    if (outer !== undefined) this.#cache.noteReads(outer, page.entry)
    reply.send(this.present(request, reply, page, status))
  }

  /** Makes an answer that of a page, and gives what is to be sent. */
  present (request: FastifyRequest, reply: FastifyReply, page: ReadyPage, status: CacheStatus): Buffer | string | undefined {
    const { fields, ttl, hit } = momentOf(page, this.#now())
    reply.code(page.status)
    reply.headers(fields)
    this.describe(reply, status, ttl, status === HIT ? hit : undefined, page)
    const body = this.part(request, reply, page, page.body)
    return body === page.body && request.raw.method !== 'HEAD' ? page.sent : body
  }

  /** What of a whole response a request asks for, RFC 9110 sections 13 and 14; undefined: nothing. */
  part (request: FastifyRequest, reply: FastifyReply, page: Validators & Pick<ReadyPage, 'status'>, body: Buffer): Buffer | undefined {
    const { headers } = request.pageVisit!.headerReads
    const isHead = request.raw.method === 'HEAD'
    if (page.status === 200) {
      if (isNotModified(headers, page)) {
        notModified(reply)
        // The hook of a HEAD route that Fastify derives reads the body that it leaves out.
        return isHead ? body : undefined
      }
      if (headers.range !== undefined && !isHead) {
        const range = rangeOf(headers, { size: body.length, etag: page.etag, lastModified: page.lastModified, date: page.date })
        if (range === 'unsatisfiable') {
          promiseNothing(reply)
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
  describe (reply: FastifyReply, status: CacheStatus, ttl?: number, field = formatCacheStatus(status, ttl), page?: ReadyPage): void {
    const { began, plan, renewal } = reply.request.pageVisit!
    const ms = performance.now() - began
    addToField(reply, 'cache-status', field)
    addToField(reply, 'server-timing', status.hit ? hitTiming(ms) : missTiming(ms))
    if (pageEvents.hasSubscribers && renewal === undefined) pageEvents.publish({ cache: this.#cache, route: plan.url, status, ms, bytes: page?.body.length, loadMs: page?.entry.loadMs } satisfies PageEvent)
  }
}
