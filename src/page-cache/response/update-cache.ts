import type { CacheAdapter } from '../../cache/index.ts'
import type {
  HandlerRun, PageCacheContext, PendingStore, PendingStream, StoreResult, StoreTask
} from '../context.ts'
import type { HitForMiss } from '../hit-for-miss.ts'
import { type CacheStatus, UNTAGGED } from '../http/cache-status.ts'
import { groupTags, listGroups } from '../key/group-tags.ts'
import { warnOnce } from '../key/read-refusals.ts'
import { addVary } from '../reply-headers.ts'
import type { Responder } from '../serve.ts'
import { mayServeStaleIfError, type Page, type ReplyHeaders, type StoragePolicy } from '../stored-response.ts'
import { sendStream } from './body.ts'
import { applyPolicy } from './apply-policy.ts'
import { failLoad } from './failure.ts'
import { type HandlerResponse, readResponse, restoreHeaders } from './handler-response.ts'
import { forbidHeuristicReuse, removeLifetime, setLifetime } from './lifetime.ts'
import { buildPage, markUntagged, withBody } from './page.ts'
import { describeLifetime, forbiddenByLaterHooks, isFailure } from './policy.ts'
import { ResponseStore } from './store.ts'
import { hasLaterNonce, selectStoredHeaders } from './stored-headers.ts'
import type { Detail } from '../http/details.ts'

/** Stores the responses of handlers if HTTP allows it, in two `onSend` hooks: the first one and the last one. */
export class UpdateCache {
  readonly #cache: CacheAdapter
  readonly #responder: Responder
  readonly #store: ResponseStore
  readonly #hitForMiss: HitForMiss
  readonly #now: () => number

  constructor (cache: CacheAdapter, responder: Responder, hitForMiss: HitForMiss, now: () => number) {
    this.#cache = cache
    this.#responder = responder
    this.#store = new ResponseStore(cache, now)
    this.#hitForMiss = hitForMiss
    this.#now = now
  }

  // The first hook: the response is as the handler made it.

  /** Decides whether a response may be stored, and returns the payload to send. */
  async onResponse (ctx: PageCacheContext, payload: unknown, run: HandlerRun): Promise<unknown> {
    const { reply, route, outerReads, reads } = ctx
    if (run.task === undefined) {
      addVary(reply, route.vary)
      forbidHeuristicReuse(ctx)
      this.#responder.setCacheStatus(reply, run.status)
      outerReads?.include(reads)
      return payload
    }
    const response = readResponse(ctx, payload, run, run.task)
    const { code, task: { stale } } = response
    const decision = await applyPolicy(ctx, response, this.#now, this.#cache.maxWaitMs)
    const mayServeStale = stale !== undefined && mayServeStaleIfError(stale, this.#now())
    if (isFailure(code) && mayServeStale) return await this.#serveStaleOrPass(ctx, response, `status-${code}`)
    if (!decision.store) return await this.#serveStaleOrPass(ctx, response, decision.reason)
    return await this.#sendStorable(ctx, response, decision.policy)
  }

  /** Sends a response that may be stored, with the lifetime that a hit would report. */
  async #sendStorable (ctx: PageCacheContext, response: HandlerResponse, policy: StoragePolicy): Promise<unknown> {
    const { reply, headerTracker, outerReads, reads } = ctx
    const { task, code, body } = response
    addVary(reply, [...policy.varyNames, ...headerTracker.keyHeaders])
    const headers: ReplyHeaders = { ...response.headers, vary: reply.getHeader('vary') }
    const isOutdated = await this.#isOutdated(ctx, response)
    if (isOutdated) await task.load.discard()
    const stored = selectStoredHeaders(headers, response.run.before, policy.omitted)
    const { hookHeaders } = stored
    let page = isOutdated ? undefined : buildPage(ctx, { ...response, headers }, stored, policy, this.#now())
    if (page !== undefined && Buffer.isBuffer(body)) page = withBody(page, body, hookHeaders, ctx)
    if (page !== undefined && page.etag !== '') reply.header('etag', page.etag)
    const lifetimeHeaders = setLifetime(ctx, response, policy, this.#mayGetTags(ctx, response), this.#now())
    outerReads?.include(reads)

    const sent = Buffer.isBuffer(body)
      ? { payload: this.#selectContent(ctx, response, body), stream: undefined }
      : sendStream(ctx, body, headers['content-length'])
    ctx.pendingStore = {
      task,
      code,
      requested: response.run.requested,
      status: { ...reply.statusCode !== code && { fwdStatus: code }, ...response.status },
      policy,
      page,
      hookHeaders,
      stream: sent.stream,
      lifetimeHeaders,
      lifetime: describeLifetime(reply.getHeaders())
    }
    return sent.payload ?? null
  }

  /** Whether the stored response that a 304 has freshened is outdated: its first dependencies still count. */
  async #isOutdated ({ reads }: PageCacheContext, { freshened, validatesOther }: HandlerResponse): Promise<boolean> {
    if (freshened === undefined) return false
    if (validatesOther || !await this.#cache.isCurrent(freshened.entry)) return true
    this.#cache.recordDependencies(reads, freshened.entry)
    return false
  }

  /** Whether a response has tags, or may still get one: a stream may read from a database on its way. */
  #mayGetTags ({ reads, tags }: PageCacheContext, { headers, body }: HandlerResponse): boolean {
    return !Buffer.isBuffer(body) || tags.length > 0 || headers['cache-groups'] !== undefined ||
      this.#cache.hasDependencies(reads)
  }

  #selectContent (
    { request, reply }: PageCacheContext, { code, headers }: HandlerResponse, body: Buffer
  ): Buffer | undefined {
    return this.#responder.selectContent(request, reply, {
      status: code,
      etag: String(reply.getHeader('etag') ?? ''),
      lastModified: headers['last-modified'] as string | undefined,
      date: this.#now()
    }, body)
  }

  /** Serves a stale response in place of a failure; passes any other response on that may not be stored. */
  async #serveStaleOrPass (ctx: PageCacheContext, response: HandlerResponse, reason: Detail): Promise<unknown> {
    const { request, reply, route, outerReads, reads } = ctx
    const { code, body, status } = response
    if (!isFailure(code)) this.#release(ctx, response.task, code, response.run.requested, reason)
    const { stale, isShared } = isFailure(code) ? await failLoad(ctx, response) : { isShared: true }
    if (stale === undefined) {
      if (!isShared) this.#hitForMiss.mark(response.task.location.key, ctx, response.run.requested)
      if (response.isSilent) reply.header('cache-control', code < 400 ? 'no-cache' : 'no-store')
      this.#responder.setCacheStatus(reply, { ...status, detail: reason })
      warnOnce(request.log, route, reason)
      outerReads?.include(reads)
      return response.payload
    }
    restoreHeaders(reply, response)
    if (!Buffer.isBuffer(body)) body.destroy()
    if (outerReads !== undefined) this.#cache.recordDependencies(outerReads, stale.entry)
    const staleStatus: CacheStatus = { ...status, fwdStatus: code, detail: 'stale-if-error' }
    return this.#responder.applyStored(request, reply, stale, staleStatus) ?? null
  }

  // The last hook: no later hook can add headers.

  /** Stores the response, or discards it if a later hook has added a header that forbids to store it. */
  async onHeadersFinal (ctx: PageCacheContext): Promise<void> {
    const { reply } = ctx
    const pending = ctx.pendingStore!
    ctx.pendingStore = undefined
    const { status, policy } = pending
    const reason = ctx.replacedByError ? 'reply-failed' : this.#forbiddenByLaterHooks(ctx, pending)
    if (reason !== undefined) {
      this.#release(ctx, pending.task, pending.code, pending.requested, reason)
      removeLifetime(reply, pending)
      return this.#responder.setCacheStatus(reply, { ...status, detail: reason })
    }
    const { stored, notStoredBecause = 'not-stored', untagged } = await this.#storePending(ctx, pending)
    const result = stored ? { ...untagged && UNTAGGED, ...status, stored } : { ...status, detail: notStoredBecause }
    this.#responder.setCacheStatus(reply, result, Math.floor(policy.ttl))
  }

  #forbiddenByLaterHooks ({ reply }: PageCacheContext, { lifetime, page }: PendingStore): Detail | undefined {
    const headers = reply.getHeaders()
    if (page !== undefined && hasLaterNonce(headers, page, page.body as Buffer)) return 'csp-nonce'
    return forbiddenByLaterHooks(headers, lifetime)
  }

  /** Releases the requests that wait for a response that an error has replaced. */
  onReplaced (ctx: PageCacheContext): void {
    ctx.pendingStore?.task.load.discard({ keepStale: true })
  }

  /** Releases the requests that wait for a response that never reaches our hooks. */
  onHijacked (ctx: PageCacheContext, { task, requested }: HandlerRun): void {
    if (task === undefined) return
    task.load.discard({ keepStale: true })
    this.#hitForMiss.mark(task.location.key, ctx, requested)
  }

  /**
   * Releases the requests that wait for a response that may not be stored: each runs the handler itself, and later ones
   * do not wait.
   *
   * After a 200, 404 or 410 the stored response is dropped. Any other response concerns this request only, and the
   * stored response stays.
   */
  #release (
    ctx: PageCacheContext, { load, location }: StoreTask, code: number, requested: number, reason: Detail
  ): void {
    load.discard({ keepStale: ctx.replacedByError || ![200, 404, 410].includes(code) })
    this.#hitForMiss.mark(location.key, ctx, requested, reason)
  }

  async #storePending (ctx: PageCacheContext, pending: PendingStore): Promise<StoreResult> {
    const { page, stream } = pending
    if (page === undefined) return { stored: false, notStoredBecause: 'outdated' }
    if (stream === undefined) return await this.#write(ctx, pending, page)
    // Headers that were read before the body flows were read by hooks, which read them on a hit as well.
    if (!stream.isFlowing) stream.readCount = ctx.headerTracker.readCount
    this.#writeStream(ctx, pending, page, stream).catch(() => {}) // the cache emits it as an event
    return { stored: false, notStoredBecause: 'streamed' }
  }

  /** Stores a response once its stream has ended. */
  async #writeStream (
    ctx: PageCacheContext, pending: PendingStore, page: Page, stream: PendingStream
  ): Promise<void> {
    const { task: { load, location }, requested, hookHeaders } = pending
    const body = await stream.body
    // The stream may depend on headers that it has read on the way, by which the response does not vary.
    const hasReadMore = ctx.headerTracker.readCount !== stream.readCount
    if (body === 'incomplete') {
      load.discard({ keepStale: true })
    } else if (body === 'too-large' || hasReadMore || hasLaterNonce(ctx.reply.getHeaders(), page, body)) {
      load.discard({ keepStale: body !== 'too-large' })
      this.#hitForMiss.mark(location.key, ctx, requested)
    } else {
      await this.#write(ctx, pending, withBody(page, body, hookHeaders, ctx))
    }
  }

  async #write (ctx: PageCacheContext, pending: PendingStore, page: Page): Promise<StoreResult> {
    const { reply, target } = ctx
    const { task, requested, policy: { ttl, staleFor, varyNames } } = pending
    const groups = reply.getHeader('cache-groups')
    const tags = [...ctx.tags, ...groupTags(groups, target), ...listGroups(groups)]
    const value = markUntagged(this.#cache, ctx, page, tags)
    const response = { value, ttl, staleFor, tags, loadMs: this.#now() - requested }
    const result = await this.#store.store(ctx, task, response, varyNames)
    const { key } = task.location
    // Other requests cannot share a response that each has to validate, or whose reads cannot be checked.
    if (ttl === 0 || (result.entry === undefined && !result.stored)) this.#hitForMiss.mark(key, ctx, requested)
    else if (result.stored) this.#hitForMiss.clear(key, ctx)
    return { ...result, untagged: value.untagged }
  }
}
