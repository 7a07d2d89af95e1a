import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheAdapter } from '../cache/index.ts'
import type { SharedFailure } from './collapse.ts'
import { CONTEXT, type PageCacheContext } from './context.ts'
import type { DirectHits } from './direct-hit.ts'
import { type PageEvent, pageEvents } from './events.ts'
import { type CacheStatus, formatCacheStatus, HIT, isFreshHit, UNTAGGED } from './http/cache-status.ts'
import { isNotModified, type Validators } from './http/conditional.ts'
import { selectRange } from './http/range.ts'
import { appendHeader, markUncacheable, setStatusMessage, toNotModified } from './reply-headers.ts'
import { headersAt, type PreparedPage, selectPolicies } from './stored-response.ts'

/** Turns stored responses into replies, and reports in each reply what the cache did. */
export class Responder {
  readonly #cache: CacheAdapter
  readonly #directHits: DirectHits
  readonly #now: () => number

  constructor (cache: CacheAdapter, directHits: DirectHits, now: () => number) {
    this.#cache = cache
    this.#directHits = directHits
    this.#now = now
  }

  /** Sends a stored response. */
  serveStored (request: FastifyRequest, reply: FastifyReply, page: PreparedPage, status: CacheStatus): void {
    const ctx = request[CONTEXT]!
    if (ctx.outerReads !== undefined) this.#cache.recordDependencies(ctx.outerReads, page.entry)
    ctx.served = page
    if (isFreshHit(status) && this.#writeHit(ctx, page, status)) return
    sendBody(reply, this.applyStored(request, reply, page, status))
  }

  /** Writes a hit to the response of Node, if nothing about it is unusual. */
  #writeHit (ctx: PageCacheContext, page: PreparedPage, status: CacheStatus): boolean {
    const ms = performance.now() - ctx.startedAt
    const { replied } = ctx
    ctx.replied = true // an error of Node replaces the reply
    if (!this.#directHits.write(ctx, page, headersAt(page, this.#now(), status), formatHitTiming(ms))) {
      ctx.replied = replied
      return false
    }
    ctx.headerTracker.end()
    this.#publish(ctx, status, ms, page)
    return true
  }

  /** Removes what Fastify, and `onSend` hooks that run before ours, have set for the response of another run. */
  restoreStored (reply: FastifyReply, { headers, policies }: NonNullable<PageCacheContext['served']>): void {
    if (headers['content-type'] === undefined) reply.removeHeader('content-type')
    for (const [name, value] of policies) {
      if (reply.getHeader(name) !== value) reply.header(name, value)
    }
  }

  /** Gives a reply the status and headers of a stored response, and returns the payload to send. */
  applyStored (
    request: FastifyRequest, reply: FastifyReply, page: PreparedPage, status: CacheStatus
  ): Buffer | string | undefined {
    const isHit = isFreshHit(status)
    const { headers, ttl, cacheStatus } = headersAt(page, this.#now(), isHit ? status : HIT)
    reply.code(page.status)
    setStatusMessage(reply, page.statusMessage)
    if (page.removed !== undefined) for (const name of page.removed) reply.removeHeader(name)
    reply.headers(headers)
    const described = isHit
      ? cacheStatus
      : formatCacheStatus(page.untagged ? { ...UNTAGGED, ...status } : status, ttl)
    this.#report(reply, status, described, page)
    const body = this.selectContent(request, reply, page, page.body)
    return body === page.body && request.raw.method !== 'HEAD' ? page.payload : body
  }

  /** Sends the failure of another request. */
  serveFailure (
    reply: FastifyReply, statusCode: number, { headers, removed = [], body, statusMessage }: SharedFailure
  ): void {
    reply.request[CONTEXT]!.served = { headers, policies: selectPolicies(headers) }
    for (const name of removed) reply.removeHeader(name)
    reply.code(statusCode).headers(headers)
    setStatusMessage(reply, statusMessage)
    this.setCacheStatus(reply, { fwd: 'miss', fwdStatus: statusCode, collapsed: true })
    sendBody(reply, body as Buffer)
  }

  /**
   * Returns the part of a whole response that a request selects, RFC 9110 sections 13 and 14; undefined: nothing.
   *
   * Sets the status 304, 206 or 416 with its headers.
   */
  selectContent (
    request: FastifyRequest, reply: FastifyReply, page: Validators & Pick<PreparedPage, 'status'>, body: Buffer
  ): Buffer | undefined {
    const { headers } = request[CONTEXT]!.headerTracker
    const isHead = request.raw.method === 'HEAD'
    if (page.status === 200) {
      if (isNotModified(headers, page)) {
        toNotModified(reply)
        // The hook of a HEAD route that Fastify derives reads the body that it leaves out.
        return isHead ? body : undefined
      }
      if (headers.range !== undefined && !isHead) {
        const { etag, lastModified, date } = page
        const range = selectRange(headers, { size: body.length, etag, lastModified, date })
        if (range !== undefined) setStatusMessage(reply, undefined)
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
    if (page.status === 204) reply.removeHeader('content-type') // as Fastify does for an empty body
    // Fastify would add a content type to an empty body.
    return body.length === 0 ? undefined : body
  }

  /**
   * Reports what the cache did with a request, in `Cache-Status`, `Server-Timing` and an event.
   *
   * @param ttl seconds for which the response stays fresh; default: not reported
   */
  setCacheStatus (reply: FastifyReply, status: CacheStatus, ttl?: number): void {
    this.#report(reply, status, formatCacheStatus(status, ttl))
  }

  /** @param page the stored response that is sent, if there is one */
  #report (reply: FastifyReply, status: CacheStatus, cacheStatus: string, page?: PreparedPage): void {
    const ctx = reply.request[CONTEXT]!
    const ms = performance.now() - ctx.startedAt
    appendHeader(reply, 'cache-status', cacheStatus)
    appendHeader(reply, 'server-timing', formatServerTiming(status, ms))
    this.#publish(ctx, status, ms, page)
  }

  #publish ({ route, revalidation }: PageCacheContext, status: CacheStatus, ms: number, page?: PreparedPage): void {
    if (!pageEvents.hasSubscribers || revalidation !== undefined) return
    const event: PageEvent = {
      cache: this.#cache,
      route: route.url,
      status,
      ms,
      bytes: page?.body.length,
      loadMs: page?.entry.loadMs,
      untagged: page?.untagged ?? status.detail === UNTAGGED.detail
    }
    pageEvents.publish(event)
  }
}

function formatServerTiming ({ hit }: CacheStatus, ms: number): string {
  return `cache;desc="${hit ? 'hit' : 'miss'}";dur=${ms.toFixed(2)}`
}

/** The texts for hits of less than ten milliseconds, by hundredths of one: formatting takes longer than a lookup. */
const HIT_TIMINGS = Array.from<string | undefined>({ length: 1_000 })

function formatHitTiming (ms: number): string {
  const hundredths = Math.round(ms * 100)
  const known = HIT_TIMINGS[hundredths]
  if (known !== undefined) return known
  const text = formatServerTiming(HIT, ms)
  if (hundredths < HIT_TIMINGS.length) HIT_TIMINGS[hundredths] = text
  return text
}

/** Sends a body that is serialized already: Fastify would serialize a text again, and add to its content type. */
function sendBody (reply: FastifyReply, body: Buffer | string | undefined): void {
  reply.serializer(keepText).send(body)
}

function keepText (payload: unknown): string {
  return typeof payload === 'string' ? payload : JSON.stringify(payload)
}
