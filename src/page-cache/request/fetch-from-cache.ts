import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Cache, ignoreReads, type LoadResult, type MaybePromise, type Miss } from '../../cache/index.ts'
import type { Responder } from '../serve.ts'
import { parseCacheControl } from '../http/cache-control.ts'
import { type CacheStatus, HIT } from '../http/cache-status.ts'
import { type DecisionInput, decide, type Decision } from './decision.ts'
import { explainDecision } from '../admin/explain.ts'
import { lookUpResponse, lookUpVariant, type LookupResult, type Lookup } from './lookup.ts'
import { CollapsedRequest, UpstreamFailure } from '../collapse.ts'
import type { ExplainRequest } from '../admin/explain-request.ts'
import { trackClientIdentity } from '../key/client-identity.ts'
import { customKey, computeKey } from '../key/key.ts'
import type { RouteCacheConfig } from '../options.ts'
import { readContent, type PreparedPage, type ReplyHeaders } from '../stored-response.ts'
import { CONDITIONAL_HEADERS, revalidateInBackground } from './revalidate.ts'
import { type RequestDirectives, parseRequestDirectives } from './directives.ts'
import { type CacheLocation, matchesVary, isVariants } from '../key/variants.ts'
import { type StoreTask, matchRequestVary } from '../context.ts'

type Done = (error?: Error) => void

export interface FetchFromCacheOptions {
  app: FastifyInstance
  cache: Cache
  answers: Responder
  /** Milliseconds since 1970. */
  now: () => number
}

/** One request: it is answered from the cache, or its handler runs, for all who wait for the same. */
export class FetchFromCache {
  readonly #app: FastifyInstance
  readonly #cache: Cache
  readonly #answers: Responder
  readonly #now: () => number
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #done: Done
  readonly #plan: RouteCacheConfig
  /** What the client asks, where it is heeded. */
  #demand: RequestDirectives | undefined

  constructor ({ app, cache, answers, now }: FetchFromCacheOptions, request: FastifyRequest, reply: FastifyReply, done: Done) {
    this.#app = app
    this.#cache = cache
    this.#answers = answers
    this.#now = now
    this.#request = request
    this.#reply = reply
    this.#done = done
    this.#plan = request.pageCache!.route
  }

  /**
   * Looks the request up.
   *
   * @param pages where pages are looked for
   * @returns a function that carries out what was found
   */
  begin (pages: Lookup): () => void {
    try {
      const next = this.#begin(pages)
      return () => this.#try(next)
    } catch (error) {
      return () => this.#done(error as Error) // as Fastify does with what a hook throws
    }
  }

  #try (work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#done(error as Error)
    }
  }

  #begin (pages: Lookup): () => void {
    const { method } = this.#request.raw
    if (method !== 'GET' && method !== 'HEAD') return () => this.#run({ fwd: 'method' })
    const visit = this.#request.pageCache!
    const { revalidation, explainRequest } = visit
    let refused = this.#refusedBefore()
    if (refused !== undefined && explainRequest === undefined) return () => this.#run(refused!)
    const { key } = this.#plan
    // Now, since the handler may change what it is made of.
    if (key !== undefined) visit.customKey = visit.headerTracker.whileBuildingKey(() => customKey(this.#request, key, this.#plan))
    if (revalidation !== undefined) return () => this.#remake(revalidation, method)
    if (this.#plan.requestDirectives) this.#demand = parseRequestDirectives(visit.headerTracker.headers)
    if (this.#demand?.noStore) refused ??= { fwd: 'request', detail: 'no-store' }
    if (explainRequest !== undefined) {
      return () => { this.#explain(explainRequest, method, refused).catch(this.#done) }
    }
    if (refused !== undefined) return () => this.#run(refused!)

    const found = this.#find(method, pages)
    if (!(found instanceof Promise)) return () => this.#answer(found)
    found.then((found) => this.#answer(found)).catch(this.#done)
    return () => {}
  }

  /** Why a request passes by the cache, as far as is known before its handler runs. */
  #refusedBefore (): CacheStatus | undefined {
    if (this.#plan.ttl === 0) return bypass('ttl-zero')
    const { headerTracker: { headers, sent }, queryIsKeyed } = this.#request.pageCache!
    if (!queryIsKeyed) return bypass('query-parser')
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
  get #alone (): DecisionInput['alone'] {
    const { headers, sent } = this.#request.pageCache!.headerTracker
    if (headers.authorization !== undefined || sent.authorization !== undefined) return 'authorization'
    return headers.range !== undefined && this.#request.raw.method === 'GET' ? 'range' : undefined // RFC 9110 section 14.2
  }

  get #select () {
    return (list: readonly string[]) => matchRequestVary(this.#request.pageCache!, list)
  }

  #find (method: 'GET' | 'HEAD', cache: Lookup): MaybePromise<LookupResult> {
    const { target } = this.#request.pageCache!
    const ofGet = computeKey(target, this.#plan, 'GET')
    if (method === 'GET') return lookUpResponse(cache, ofGet, this.#select)
    return this.#findHead(cache, ofGet, computeKey(target, this.#plan, 'HEAD'))
  }

  /** HEAD is answered from what GET got, or else from its own. RFC 9111 section 4. */
  async #findHead (cache: Lookup, ofGet: string, ofHead: string): Promise<LookupResult> {
    const found = await lookUpResponse(cache, ofGet, this.#select)
    return 'page' in found ? found : await lookUpResponse(cache, ofHead, this.#select)
  }

  #decide (found: LookupResult): Decision {
    return decide(found, { plan: this.#plan, demand: this.#demand, alone: this.#alone, cache: this.#cache, now: this.#now() })
  }

  #answer (found: LookupResult): void {
    const { location } = found
    const decision = this.#decide(found)
    const { status } = decision
    switch (decision.act) {
      case 'serve': return this.#serve(location, decision.page, status, decision.renew)
      case 'alone': return this.#run(status)
      case 'lead': return this.#lead(location, decision.miss, status, decision.old)
      case 'race': return this.#race(location, decision.miss, decision.old, status)
      case 'refuse': return this.#refuse(status)
    }
  }

  /** Says what `#answer` would do, and does nothing of it. */
  async #explain (inquiry: ExplainRequest, method: 'GET' | 'HEAD', refused: CacheStatus | undefined): Promise<void> {
    const found = await this.#find(method, { lookup: (key) => this.#cache.peek(key) })
    const decision = refused === undefined ? this.#decide(found) : { act: 'alone' as const, status: refused }
    inquiry.answer(await explainDecision({ request: this.#request, cache: this.#cache, found, decision, now: this.#now() }))
    this.#reply.code(204).send()
  }

  #serve (place: CacheLocation, page: PreparedPage, status: CacheStatus, renew: Miss | undefined): void {
    if (status === HIT && this.#plan.refreshAhead && this.#alone === undefined && this.#cache.shouldRefreshEarly(place.key, page.entry)) renew = { miss: 'expired', seen: page.entry }
    if (renew !== undefined) this.#renew(place, renew, page)
    if (status !== HIT) this.#cache.reportStale(place.key, page.entry)
    this.#answers.serveStored(this.#request, this.#reply, page, status)
  }

  #refuse (status: CacheStatus): void {
    this.#answers.setCacheStatus(this.#reply, status)
    this.#reply.code(504).header('cache-control', 'no-store').send()
  }

  // Ways to a new page

  /** Runs the handler for all who miss this key now, or waits for who does. */
  #lead (place: CacheLocation, miss: Miss, status: CacheStatus, old?: PreparedPage): void {
    let leads = false
    const visit = this.#request.pageCache!
    const loaded = this.#cache.load(place.key, (context) => {
      leads = true
      const handover = new CollapsedRequest(context, () => loaded)
      // A reply that the handler hijacked does not come through our hook; that to a client who has left does.
      this.#reply.raw.once('close', () => { if (visit.handlerRun !== undefined && this.#reply.sent) handover.settle(undefined) })
      this.#run(status, { location: place, stale: old, finish: handover.finish })
      return handover.content
    }, { ...old && windowsOf(old), tags: this.#plan.tags, reads: visit.reads }, miss)

    loaded.then((loaded) => { if (!leads) this.#collapse(place, loaded, status) }, (error) => { if (!leads) this.#giveUp(error) }).catch(this.#done)
  }

  /** Has the page made by a request of our own. */
  #renew (place: CacheLocation, miss: Miss, old: PreparedPage, options = {}): Promise<LoadResult> {
    const loaded: Promise<LoadResult> = ignoreReads(() =>
      this.#cache.load(place.key, revalidateInBackground(this.#app, this.#request, { location: place, stale: old }, () => loaded), { ...options, tags: this.#plan.tags }, miss))
    loaded.catch(() => {}) // it is told as an event
    return loaded
  }

  /** The request of our own that does so. */
  #remake ({ location, stale, handover }: NonNullable<NonNullable<FastifyRequest['pageCache']>['revalidation']>, method: 'GET' | 'HEAD'): void {
    const { target } = this.#request.pageCache!
    const { varyNames, varyValues } = location.varyMatch
    // Made of what the key leaves out, it would be another page.
    const same = computeKey(target, this.#plan, method) === location.primaryKey && matchesVary({ varyValues }, this.#select(varyNames))
    this.#run({ fwd: 'stale' }, same ? { location, stale, finish: handover.finish } : undefined)
  }

  /** Waits for a page that a request of our own makes, and for so long only; then an old one is answered instead. */
  #race (place: CacheLocation, miss: Miss, old: PreparedPage, status: CacheStatus): void {
    this.#renew(place, miss, old, { ...windowsOf(old), timeout: this.#plan.timeout! })
      .then((loaded) => this.#collapse(place, loaded, status), (error) => this.#giveUp(error)).catch(this.#done)
  }

  // Answers of others

  /** Answers with what another request brought. */
  #collapse (place: CacheLocation, { value, entry, stale, stored, coalesced }: LoadResult, status: CacheStatus): void {
    const content = value === undefined || entry === undefined ? undefined : readContent(entry)
    if (content !== undefined && isVariants(content)) {
      lookUpVariant(this.#cache, place.primaryKey, { entry: entry!, value: content }, this.#select).then((found) => this.#answer(found)).catch(this.#done)
    } else if (content === undefined || !matchesVary(content, place.varyMatch) || (!stale && content.freshnessLifetime <= content.age)) {
      // It may be of a selection that shares the place. What is to be confirmed each time is confirmed for each, RFC 9111 section 5.2.2.4.
      this.#run({ ...status, detail: 'collapse-refused' }, undefined)
    } else {
      this.#answers.serveStored(this.#request, this.#reply, content, stale ? { ...status, detail: 'stale-if-error' } : { ...status, ...coalesced ? { collapsed: true } : { stored } })
    }
  }

  /** What another request failed by is the answer to this one too, where all may get it. */
  #giveUp (error: unknown): void {
    const answer = error instanceof UpstreamFailure ? error.answerTo(this.#select, this.#request.pageCache!.customKey) : undefined
    if (answer === undefined) return this.#run({ fwd: 'miss', detail: 'collapse-refused' })
    const { status: code } = error as UpstreamFailure
    this.#reply.code(code).headers(answer.headers)
    this.#answers.setCacheStatus(this.#reply, { fwd: 'miss', fwdStatus: code, collapsed: true })
    this.#reply.send(answer.body)
  }

  /** Goes on to the handler. */
  #run (status: CacheStatus, task?: StoreTask): void {
    const { headerTracker } = this.#request.pageCache!
    const before: ReplyHeaders = task === undefined ? {} : this.#reply.getHeaders()
    if (task !== undefined) {
      headerTracker.beginHandler(unconditional(headerTracker.headers, task.stale))
      trackClientIdentity(this.#request, headerTracker, this.#app.initialConfig.requestIdHeader)
      // Set first, so that the handler can say something else, and application-wide defaults do not.
      if (this.#plan.cacheControl !== undefined) this.#reply.header('cache-control', this.#plan.cacheControl)
    }
    this.#request.pageCache!.handlerRun = { status, before, requested: this.#now(), task }
    this.#done()
  }
}

/** The headers of a request for a whole page; where there is an old one, the handler may confirm it, RFC 9111 section 4.3.1. */
function unconditional (given: FastifyRequest['headers'], old: PreparedPage | undefined): FastifyRequest['headers'] {
  const headers = { ...given }
  for (const name of CONDITIONAL_HEADERS) delete headers[name]
  if (old === undefined) return headers
  if (old.ownEtag) headers['if-none-match'] = old.etag
  const lastModified = old.headers['last-modified']
  if (typeof lastModified === 'string') headers['if-modified-since'] = lastModified
  return headers
}

function bypass (detail: string): CacheStatus {
  return { fwd: 'bypass', detail }
}

function windowsOf ({ staleWhileRevalidate, staleIfError }: PreparedPage) {
  return { staleWhileRevalidate, staleIfError }
}
