import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Cache, ignoreReads, type Loaded, type MaybePromise, type Miss } from '../cache/index.ts'
import { beginAlone } from './alone.ts'
import type { Answers } from './answers.ts'
import { parseCacheControl } from './rules/cache-control.ts'
import { type CacheStatus, HIT } from './cache-status.ts'
import { type Asked, decide, type Decision } from './decision.ts'
import { explanationOf } from './explanation.ts'
import { findPage, findVariant, type Found, type Pages, type Place } from './finder.ts'
import { Handover, PageFailure } from './handover.ts'
import type { Inquiry } from './inquiry.ts'
import { watchRequest } from './watched-request.ts'
import { addedKey, pageKey } from './key.ts'
import type { Plan } from './options.ts'
import { contentOf, type ReadyPage, type ReplyHeaders } from './page.ts'
import { CONDITIONAL, renewing } from './renewal.ts'
import { type Demand, demandOf } from './request-directives.ts'
import { isSelected, isVariants } from './variants.ts'
import { type KeepTask, selectionOf } from './visit.ts'

type Done = (error?: Error) => void

export interface LookUpOptions {
  app: FastifyInstance
  cache: Cache
  answers: Answers
  /** Milliseconds since 1970. */
  now: () => number
}

/** One request: it is answered from the cache, or its handler runs, for all who wait for the same. */
export class LookUp {
  readonly #app: FastifyInstance
  readonly #cache: Cache
  readonly #answers: Answers
  readonly #now: () => number
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #done: Done
  readonly #plan: Plan
  /** What the client asks, where it is heeded. */
  #demand: Demand | undefined

  constructor ({ app, cache, answers, now }: LookUpOptions, request: FastifyRequest, reply: FastifyReply, done: Done) {
    this.#app = app
    this.#cache = cache
    this.#answers = answers
    this.#now = now
    this.#request = request
    this.#reply = reply
    this.#done = done
    this.#plan = request.pageVisit!.plan
  }

  /** @param pages where pages are looked for */
  begin (pages: Pages): void {
    try {
      this.#begin(pages)
    } catch (error) {
      this.#done(error as Error) // as Fastify does with what a hook throws
    }
  }

  #begin (pages: Pages): void {
    const { method } = this.#request.raw
    if (method !== 'GET' && method !== 'HEAD') return this.#run({ fwd: 'method' })
    const visit = this.#request.pageVisit!
    const { renewal, inquiry } = visit
    let refused = this.#refusedBefore()
    if (refused !== undefined && inquiry === undefined) return this.#run(refused)
    const { key } = this.#plan
    // Now, since the handler may change what it is made of.
    if (key !== undefined) visit.added = visit.headerReads.cover(() => addedKey(this.#request, key, this.#plan))
    if (renewal !== undefined) return this.#remake(renewal, method)
    if (this.#plan.requestDirectives) this.#demand = demandOf(visit.headerReads.headers)
    if (this.#demand?.noStore) refused ??= { fwd: 'request', detail: 'no-store' }
    if (inquiry !== undefined) {
      this.#explain(inquiry, method, refused).catch(this.#done)
      return
    }
    if (refused !== undefined) return this.#run(refused)

    const found = this.#find(method, pages)
    if (found instanceof Promise) found.then((found) => this.#answer(found)).catch(this.#done)
    else this.#answer(found)
  }

  /** Why a request passes by the cache, as far as is known before its handler runs. */
  #refusedBefore (): CacheStatus | undefined {
    if (this.#plan.ttl === 0) return bypass('ttl-zero')
    const { headerReads: { headers, sent }, query } = this.#request.pageVisit!
    if (!query) return bypass('query-parser')
    const { stream } = this.#request.raw as { stream?: Partial<ServerHttp2Stream> } // of HTTP/2
    // A body would be no part of the key.
    const hasBody = [headers, sent].some((fields) => fields['transfer-encoding'] !== undefined || (fields['content-length'] ?? '0') !== '0')
    if (hasBody || stream?.endAfterHeaders === false) return bypass('request-body')
    // A hook may have said already that this answer is for one client alone.
    const said = this.#reply.getHeader('cache-control')
    if (said === undefined) return undefined
    const control = parseCacheControl(String(said))
    const forbidden = ['no-store', 'private'].find((directive) => control.has(directive))
    return forbidden === undefined ? undefined : bypass(forbidden)
  }

  /** See `Asked`. */
  get #alone (): Asked['alone'] {
    const { headers, sent } = this.#request.pageVisit!.headerReads
    if (headers.authorization !== undefined || sent.authorization !== undefined) return 'authorization'
    return headers.range !== undefined ? 'range' : undefined
  }

  get #select () {
    return (list: readonly string[]) => selectionOf(this.#request, list)
  }

  #find (method: 'GET' | 'HEAD', cache: Pages, lease = this.#alone === undefined): MaybePromise<Found> {
    const { target } = this.#request.pageVisit!
    const ofGet = pageKey(target, this.#plan, 'GET')
    if (method === 'GET') return findPage(cache, ofGet, this.#select, lease)
    return this.#findHead(cache, ofGet, pageKey(target, this.#plan, 'HEAD'), lease)
  }

  /** HEAD is answered from what GET got, or else from its own. RFC 9111 section 4. */
  async #findHead (cache: Pages, ofGet: string, ofHead: string, lease: boolean): Promise<Found> {
    const found = await findPage(cache, ofGet, this.#select, false)
    return 'page' in found ? found : await findPage(cache, ofHead, this.#select, lease)
  }

  #decide (found: Found): Decision {
    return decide(found, { plan: this.#plan, demand: this.#demand, alone: this.#alone, cache: this.#cache, now: this.#now() })
  }

  #answer (found: Found): void {
    const { place } = found
    const decision = this.#decide(found)
    const { status } = decision
    switch (decision.act) {
      case 'serve': return this.#serve(place, decision.page, status, decision.renew)
      case 'alone': return this.#runAlone(place, status)
      case 'lead': return this.#lead(place, decision.miss, status, decision.old)
      case 'race': return this.#race(place, decision.miss, decision.old, status)
      case 'refuse': return this.#refuse(decision.miss, status)
    }
  }

  /** Says what `#answer` would do, and does nothing of it. */
  async #explain (inquiry: Inquiry, method: 'GET' | 'HEAD', refused: CacheStatus | undefined): Promise<void> {
    const found = await this.#find(method, { lookup: (key) => this.#cache.inspect(key) }, false)
    const decision = refused === undefined ? this.#decide(found) : { act: 'alone' as const, status: refused }
    inquiry.answer(await explanationOf({ request: this.#request, cache: this.#cache, found, decision, now: this.#now() }))
    this.#reply.code(204).send()
  }

  #serve (place: Place, page: ReadyPage, status: CacheStatus, renew: Miss | undefined): void {
    if (status === HIT && this.#plan.refreshAhead && this.#alone === undefined && this.#cache.isDue(place.key, page.entry)) renew = { miss: 'expired', seen: page.entry }
    if (renew !== undefined) this.#renew(place, renew, page)
    if (status !== HIT) this.#cache.noteStale(place.key, page.entry)
    this.#answers.serve(this.#request, this.#reply, page, status)
  }

  #refuse (miss: Miss, status: CacheStatus): void {
    release(miss)
    this.#answers.describe(this.#reply, status)
    this.#reply.code(504).header('cache-control', 'no-store').send()
  }

  // Ways to a new page

  /** Runs the handler for all who miss this key now, or waits for who does. */
  #lead (place: Place, miss: Miss, status: CacheStatus, old?: ReadyPage): void {
    let leads = false
    const visit = this.#request.pageVisit!
    const loaded = this.#cache.load(place.key, (context) => {
      leads = true
      const handover = new Handover(context, () => loaded)
      // A reply that the handler hijacked does not come through our hook; that to a client who has left does.
      this.#reply.raw.once('close', () => { if (visit.run !== undefined && this.#reply.sent) handover.settle(undefined) })
      this.#run(status, { place, old, finish: handover.finish })
      return handover.content
    }, { ...old && windowsOf(old), tags: this.#plan.tags, reads: visit.reads }, miss)

    loaded.then((loaded) => { if (!leads) this.#collapse(place, loaded, status) }, (error) => { if (!leads) this.#giveUp(error) }).catch(this.#done)
  }

  /** Runs the handler for this request alone; what comes of it may be kept all the same. */
  #runAlone (place: Place, status: CacheStatus): void {
    this.#cache.beginReads(this.#request.pageVisit!.reads, this.#plan.tags)
    this.#run(status, { place, alone: beginAlone(this.#cache, place.primary, this.#reply.raw) })
  }

  /** Has the page made by a request of our own. */
  #renew (place: Place, miss: Miss, old: ReadyPage, options = {}): Promise<Loaded> {
    const loaded: Promise<Loaded> = ignoreReads(() =>
      this.#cache.load(place.key, renewing(this.#app, this.#request, { place, old }, () => loaded), { ...options, tags: this.#plan.tags }, miss))
    loaded.catch(() => {}) // it is told as an event
    return loaded
  }

  /** The request of our own that does so. */
  #remake ({ place, old, handover }: NonNullable<NonNullable<FastifyRequest['pageVisit']>['renewal']>, method: 'GET' | 'HEAD'): void {
    const { target } = this.#request.pageVisit!
    const { list, values } = place.selection
    // Made of what the key leaves out, it would be another page.
    const same = pageKey(target, this.#plan, method) === place.primary && isSelected({ selected: values }, this.#select(list))
    this.#run({ fwd: 'stale' }, same ? { place, old, finish: handover.finish } : undefined)
  }

  /** Waits for a page that a request of our own makes, and for so long only; then an old one is answered instead. */
  #race (place: Place, miss: Miss, old: ReadyPage, status: CacheStatus): void {
    this.#renew(place, miss, old, { ...windowsOf(old), timeout: this.#plan.timeout! })
      .then((loaded) => this.#collapse(place, loaded, status), (error) => this.#giveUp(error)).catch(this.#done)
  }

  // Answers of others

  /** Answers with what another request brought. */
  #collapse (place: Place, { value, entry, stale, stored, joined }: Loaded, status: CacheStatus): void {
    const content = value === undefined || entry === undefined ? undefined : contentOf(entry)
    if (content !== undefined && isVariants(content)) {
      findVariant(this.#cache, place.primary, { entry: entry!, value: content }, this.#select, true).then((found) => this.#answer(found)).catch(this.#done)
    } else if (content === undefined || !isSelected(content, place.selection) || (!stale && content.life <= content.age)) {
      // It may be of a selection that shares the place. What is to be confirmed each time is confirmed for each, RFC 9111 section 5.2.2.4.
      this.#run({ ...status, detail: 'collapse-refused' }, undefined)
    } else {
      this.#answers.serve(this.#request, this.#reply, content, stale ? { ...status, detail: 'stale-if-error' } : { ...status, ...joined ? { collapsed: true } : { stored } })
    }
  }

  /** What another request failed by is the answer to this one too, where all may get it. */
  #giveUp (error: unknown): void {
    const answer = error instanceof PageFailure ? error.answerTo(this.#select, this.#request.pageVisit!.added) : undefined
    if (answer === undefined) return this.#run({ fwd: 'miss', detail: 'collapse-refused' })
    const { status: code } = error as PageFailure
    this.#reply.code(code).headers(answer.headers)
    this.#answers.describe(this.#reply, { fwd: 'miss', fwdStatus: code, collapsed: true })
    this.#reply.send(answer.body)
  }

  /** Goes on to the handler. */
  #run (status: CacheStatus, task?: KeepTask): void {
    const { headerReads } = this.#request.pageVisit!
    const before: ReplyHeaders = task === undefined ? {} : this.#reply.getHeaders()
    if (task !== undefined) {
      headerReads.beginHandler(task.finish === undefined ? { ...headerReads.headers } : unconditional(headerReads.headers, task.old))
      watchRequest(this.#request, headerReads, this.#app.initialConfig.requestIdHeader)
      // Set first, so that the handler can say something else, and application-wide defaults do not.
      if (this.#plan.cacheControl !== undefined) this.#reply.header('cache-control', this.#plan.cacheControl)
    }
    this.#request.pageVisit!.run = { status, before, requested: this.#now(), task }
    this.#done()
  }
}

/** The headers of a request for a whole page; where there is an old one, the handler may confirm it, RFC 9111 section 4.3.1. */
function unconditional (given: FastifyRequest['headers'], old: ReadyPage | undefined): FastifyRequest['headers'] {
  const headers = { ...given }
  for (const name of CONDITIONAL) delete headers[name]
  if (old === undefined) return headers
  if (old.ownEtag) headers['if-none-match'] = old.etag
  const lastModified = old.headers['last-modified']
  if (typeof lastModified === 'string') headers['if-modified-since'] = lastModified
  return headers
}

function bypass (detail: string): CacheStatus {
  return { fwd: 'bypass', detail }
}

/** Nobody will load: others need not wait. */
function release ({ vacancy }: Miss): void {
  Promise.resolve(vacancy?.lease?.release()).catch(() => {}) // it ends by itself
}

function windowsOf ({ staleWhileRevalidate, staleIfError }: ReadyPage) {
  return { staleWhileRevalidate, staleIfError }
}
