import fp from 'fastify-plugin'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import {
  type Cache, collectReads, ignoreReads, isMiss, type Loaded, type Lookup, type Miss, ReadSet
} from '../cache/index.ts'
import { BACKED_OFF, type CacheStatus, FORWARD_REASONS, formatCacheStatus, HIT, hitTiming, missTiming, STALE_HIT } from './cache-status.ts'
import { directivesBeforeMaxAge, parseCacheControl } from './cache-control.ts'
import { etagOf, noneMatches } from './conditional.ts'
import { type PageEvent, pageEvents } from './events.ts'
import { pageKey } from './key.ts'
import { checkTtl, type CachePageOptions, type Plan, planOf } from './options.ts'
import { addToField, notModified, withNames } from './fields.ts'
import { Handover, type Made, PageFailure, type SharedFailure } from './handover.ts'
import { bodyOf, keptHeaders, momentOf, type Page, pageOf, type ReadyPage, type ReplyHeaders } from './page.ts'
import { isFailure, judge, mayShare, varyNames, type Verdict } from './policy.ts'
import { type Renewal, renewing, takeRenewal } from './renewal.ts'

export type { CachePageOptions } from './options.ts'
export { PAGE_CHANNEL, type PageEvent } from './events.ts'

export interface PageCacheOptions {
  cache: Cache
  /** Seconds; the `ttl` of routes that name none. Default unset: the response decides. */
  ttl?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** How a page is looked up that will be made where it is missing. */
const OR_LEASE = { lease: true }
/** Where a route keeps its resolved options. */
const PLAN = Symbol('larder.page-plan')

declare module 'fastify' {
  interface FastifyContextConfig {
    [PLAN]?: Plan
    /** Keeps whole responses of this route. A bare number is the `ttl` in seconds. */
    cachePage?: CachePageOptions | number
  }
  interface FastifyRequest {
    /** Of requests for routes whose responses are kept. */
    pageVisit: PageVisit | null
  }
}

/** A request on its way through the page cache. */
interface PageVisit {
  readonly plan: Plan
  /** When it came, by `performance.now`. */
  readonly began: number
  /** What has been read for the page so far, also by hooks before its handler. */
  readonly reads: ReadSet
  /** Of a request that the page cache makes itself. */
  readonly renewal: Renewal | undefined
  run: PageRun | undefined
}

/** A handler that runs. */
interface PageRun {
  status: CacheStatus
  /** Headers that stood before the handler ran. */
  before: ReplyHeaders
  /** Takes the response to all who wait for it. Absent where nobody may wait. */
  finish?: (result: Made | PageFailure | 'not-kept' | undefined) => Promise<Loaded>
}

/**
 * Keeps whole responses of the routes that say `config: { cachePage: { ttl } }`. The look-up is the last of a route's
 * `preHandler` hooks, so that hooks that guard the route run on a hit as well.
 */
const pageCache: FastifyPluginCallback<PageCacheOptions> = (app, { cache, ttl, now = Date.now }, done) => {
  if (typeof cache?.lookup !== 'function') return done(new TypeError('the option cache of the page cache must be a cache, made by createCache'))
  try {
    checkTtl(ttl)
  } catch (error) {
    return done(error as Error)
  }
  app.decorateRequest('pageVisit', null)

  app.addHook('onRoute', (route) => {
    const options = route.config?.cachePage
    if (options === undefined) return
    route.config = { ...route.config, [PLAN]: planOf(routeName(route), options, ttl, route.url) }
    // Guards that other plugins add after this one must run before the look-up too.
    let guards = listOf(route.preHandler)
    Object.defineProperty(route, 'preHandler', {
      enumerable: true,
      configurable: true,
      get: () => [...guards, lookUp],
      set: (hooks: typeof route.preHandler) => { guards = listOf(hooks).filter((hook) => hook !== lookUp) }
    })
  })

  // The page is also made of what the hooks before its handler read.
  app.addHook('onRequest', (request, reply, done) => {
    const plan = request.routeOptions.config?.[PLAN]
    if (plan === undefined) return done()
    const renewal = takeRenewal()
    // The scheme is that of the request in whose place this one is made.
    if (renewal?.encrypted) Object.assign(request.raw.socket, { encrypted: true })
    const reads = renewal?.reads ?? new ReadSet()
    request.pageVisit = { plan, began: performance.now(), reads, renewal, run: undefined }
    collectReads(reads, done)
  })

  // Of the application and not of the route, since hooks that change a body must change it once, on its way out.
  app.addHook('onSend', (request, reply, payload, done) => {
    const visit = request.pageVisit
    const run = visit?.run // no visit in a context that is older than this plugin
    if (!run) return done(null, payload)
    visit!.run = undefined
    keep(request, reply, payload, run).then((payload) => done(null, payload), done)
  })

  /** A hook of a route: answers from the cache, or lets one request of many run the handler. */
  function lookUp (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const { plan, renewal, reads } = request.pageVisit!
    const { method } = request.raw
    if (method !== 'GET' && method !== 'HEAD') return run(request, reply, plan, { fwd: 'method' }, done)
    if (plan.ttl === 0) return run(request, reply, plan, { fwd: 'bypass', detail: 'ttl-zero' }, done)
    const refused = refusedBefore(request, reply)
    if (refused !== undefined) return run(request, reply, plan, { fwd: 'bypass', detail: refused }, done)

    const key = pageKey(request, plan, method)
    if (renewal !== undefined) {
      // Made of what the key leaves out, it would be another page.
      const finish = key === renewal.key ? renewal.handover.finish.bind(renewal.handover) : undefined
      return run(request, reply, plan, { fwd: 'stale' }, done, finish)
    }
    const found = method === 'GET' ? cache.lookup(key, OR_LEASE) : lookUpHead(pageKey(request, plan, 'GET'), key)
    if (found instanceof Promise) found.then(answer).catch(done)
    else answer(found)

    function answer (found: Lookup): void {
      if (isMiss(found)) return missed(found)
      const page = pageOf(found)
      if (page === undefined) return lead({ miss: 'corrupt', seen: found })
      if (plan.refreshAhead && cache.isDue(key, found)) renew({ miss: 'expired', seen: found })
      serve(request, reply, page, HIT)
    }

    function missed (miss: Miss): void {
      const old = cache.standIn(miss, plan.load)
      const page = old && pageOf(old.entry)
      if (page === undefined) return canRace(miss) ? race(miss) : lead(miss)
      const { stale: _, ...rest } = miss // nothing stands in for what fails in the background
      if (old!.renew) renew(rest)
      serve(request, reply, page, old!.renew || miss.underWay ? STALE_HIT : BACKED_OFF)
    }

    /** Has the page made by a request of our own. */
    function renew (miss: Miss, options = plan.load): Promise<Loaded> {
      const loaded: Promise<Loaded> = ignoreReads(() => cache.load(key, renewing(app, request, key, () => loaded), options, miss))
      loaded.catch(() => {}) // it is told as an event
      return loaded
    }

    function canRace ({ stale }: Miss): boolean {
      return stale !== undefined && plan.timeout !== undefined && now() < stale.freshUntil + plan.load.staleIfError! * 1000
    }

    /** Waits for a page that a request of our own makes, and for so long only; then an old one is answered instead. */
    function race (miss: Miss): void {
      renew(miss, { ...plan.load, timeout: plan.timeout! }).then((loaded) => collapse(loaded, FORWARD_REASONS[miss.miss]), giveUp)
    }

    /** Runs the handler for all who miss this key now, or waits for who does. */
    function lead (miss: Miss): void {
      const status = FORWARD_REASONS[miss.miss]
      let leads = false
      const loaded = cache.load(key, (context) => {
        leads = true
        const handover = new Handover(context, () => loaded)
        // A reply that the handler hijacked does not come through our hook.
        reply.raw.once('close', () => { if (reply.sent) handover.settle(undefined) })
        run(request, reply, plan, status, done, handover.finish.bind(handover))
        return handover.page
      }, { ...plan.load, reads }, miss)

      loaded.then((loaded) => { if (!leads) collapse(loaded, status) }, (error) => { if (!leads) giveUp(error) })
    }

    /** Answers with what another request brought. */
    function collapse ({ value, entry, stale, stored, joined }: Loaded, status: CacheStatus): void {
      const page = value === undefined || entry === undefined ? undefined : pageOf(entry)
      if (page === undefined) run(request, reply, plan, { ...status, detail: 'collapse-refused' }, done)
      else if (stale) serve(request, reply, page, { ...status, detail: 'stale-if-error' })
      else serve(request, reply, page, { ...status, ...joined ? { collapsed: true } : { stored } })
    }

    /** What another request failed by is the answer to this one too, where all may get it. */
    function giveUp (error: unknown): void {
      const answer = error instanceof PageFailure ? error.answerTo(request.headers) : undefined
      if (answer === undefined) return run(request, reply, plan, { fwd: 'miss', detail: 'collapse-refused' }, done)
      const { status: code } = error as PageFailure
      reply.code(code).headers(answer.headers)
      describe(reply, { fwd: 'miss', fwdStatus: code, collapsed: true })
      reply.send(answer.body)
    }
  }

  async function lookUpHead (keyOfGet: string, keyOfHead: string): Promise<Lookup> {
    const found = await cache.lookup(keyOfGet)
    return isMiss(found) ? await cache.lookup(keyOfHead, OR_LEASE) : found
  }

  /** Goes on to the handler. */
  function run (
    request: FastifyRequest, reply: FastifyReply, plan: Plan, status: CacheStatus, done: () => void, finish?: PageRun['finish']
  ): void {
    const before: ReplyHeaders = { ...reply.getHeaders() }
    // Set first, so that the handler can say something else, and application-wide defaults do not.
    if (plan.cacheControl !== undefined && finish !== undefined) reply.header('cache-control', plan.cacheControl)
    request.pageVisit!.run = { status, before, ...finish && { finish } }
    done()
  }

  /** Keeps the response of a handler that ran, if the rules allow. */
  async function keep (request: FastifyRequest, reply: FastifyReply, payload: unknown, current: PageRun): Promise<unknown> {
    const { plan } = request.pageVisit!
    if (plan.vary.length > 0) reply.header('vary', withNames(reply.getHeader('vary'), plan.vary))

    const { finish, status } = current
    if (finish === undefined) {
      describe(reply, status)
      return payload
    }

    // What we said ourselves for want of anything better is not the response's own word.
    const headers = { ...reply.getHeaders() } as Record<string, ReplyHeaders[string]>
    const silent = plan.cacheControl !== undefined && headers['cache-control'] === plan.cacheControl
    if (silent) delete headers['cache-control']

    const body = bodyOf(payload)
    const verdict: Verdict = body === undefined
      ? { refused: 'stream' }
      : body.length > plan.maxBytes ? { refused: 'too-large' } : judge(plan, reply.statusCode, headers, now())
    if ('refused' in verdict) {
      const old = await settle(reply, headers, current.before, body, finish)
      if (old !== undefined) {
        const fwdStatus = reply.statusCode
        for (const name of Object.keys(headers)) {
          const before = current.before[name]
          if (before === undefined) reply.removeHeader(name)
          else reply.header(name, before)
        }
        drop(payload)
        reply.code(200)
        return present(request, reply, old, { ...status, fwdStatus, detail: 'stale-if-error' }) ?? null
      }
      if (silent) reply.header('cache-control', reply.statusCode < 400 ? 'no-cache' : 'no-store')
      describe(reply, { ...status, detail: verdict.refused })
      return payload
    }

    const etag = String(headers.etag ?? etagOf(body!))
    const page: Page = { headers: keptHeaders(headers, current.before), body: body!, etag }
    if (plan.ttl !== undefined) {
      page.cacheControl = String(headers['cache-control'] ?? '')
      delete page.headers['cache-control']
      delete page.headers.expires
    }
    const { stored, refusal = 'not-stored' } = await finish({ page, ttl: verdict.ttl })

    // The one who ran the handler is told what all others will be told.
    reply.header('etag', etag)
    const ttl = Math.floor(verdict.ttl)
    if (page.cacheControl !== undefined) {
      reply.header('cache-control', directivesBeforeMaxAge(parseCacheControl(page.cacheControl)) + ttl)
      reply.header('expires', new Date(now() + verdict.ttl * 1000).toUTCString())
    }
    describe(reply, stored ? { ...status, stored } : { ...status, detail: refusal }, ttl)
    if (!noneMatches(request.headers['if-none-match'], etag)) return payload
    notModified(reply)
    // The hook of a HEAD route that Fastify derives reads the body that it leaves out.
    return request.method === 'HEAD' ? payload : null
  }

  /** Lets all who wait go on after a response that may not be kept; tells the old page that is to be sent in its place. */
  async function settle (
    reply: FastifyReply, headers: ReplyHeaders, before: ReplyHeaders, body: Buffer | undefined, finish: NonNullable<PageRun['finish']>
  ): Promise<ReadyPage | undefined> {
    const { statusCode } = reply
    if (!isFailure(statusCode)) {
      // A page that is gone, or that has become somebody's own, is no more answered; a refusal of this one request says nothing of it.
      finish(statusCode === 200 || statusCode === 404 || statusCode === 410 ? 'not-kept' : undefined).catch(() => {})
      return undefined
    }
    const answer: SharedFailure | undefined = body === undefined || !mayShare(statusCode, headers)
      ? undefined
      : {
          headers: { ...keptHeaders(headers, before), 'cache-control': 'no-store' },
          body,
          varies: varyNames(headers.vary).map((name) => [name, reply.request.headers[name]])
        }
    const loaded = await finish(new PageFailure(statusCode, answer)).catch(() => undefined)
    return loaded?.stale && loaded.entry !== undefined ? pageOf(loaded.entry) : undefined
  }

  /** Answers from the cache. */
  function serve (request: FastifyRequest, reply: FastifyReply, page: ReadyPage, status: CacheStatus): void {
    reply.send(present(request, reply, page, status))
  }

  /** Makes the answer that of a page in the cache, and gives what is to be sent. */
  function present (request: FastifyRequest, reply: FastifyReply, page: ReadyPage, status: CacheStatus): Buffer | undefined {
    const { fields, ttl, hit } = momentOf(page, now())
    reply.headers(fields)
    describe(reply, status, ttl, status === HIT ? hit : undefined)
    const same = noneMatches(request.headers['if-none-match'], page.etag)
    if (same) notModified(reply)
    // An empty body would be given a type that it did not have.
    return (same && request.method !== 'HEAD') || page.body.length === 0 ? undefined : page.body
  }

  /**
   * Says what the cache did.
   *
   * @param ttl seconds that the answer stays fresh @param field what is known to be the text of the status
   */
  function describe (reply: FastifyReply, status: CacheStatus, ttl?: number, field = formatCacheStatus(status, ttl)): void {
    const { began, plan } = reply.request.pageVisit!
    const ms = performance.now() - began
    addToField(reply, 'cache-status', field)
    addToField(reply, 'server-timing', status.hit ? hitTiming(ms) : missTiming(ms))
    if (pageEvents.hasSubscribers) pageEvents.publish({ cache, route: plan.url, status, ms } satisfies PageEvent)
  }

  done()
}

/** Why a request passes by the cache, as far as is known before its handler runs. */
function refusedBefore (request: FastifyRequest, reply: FastifyReply): string | undefined {
  if (request.headers.authorization !== undefined) return 'authorization'
  // A hook may have said already that this answer is for one client alone.
  const said = reply.getHeader('cache-control')
  if (said === undefined) return undefined
  const control = parseCacheControl(String(said))
  return ['no-store', 'private'].find((directive) => control.has(directive))
}

/** Ends a stream that will not be sent, and with it what it reads from. */
function drop (payload: unknown): void {
  const { destroy, cancel, body } = (payload ?? {}) as { destroy?: () => void, cancel?: () => Promise<void>, body?: unknown }
  if (typeof destroy === 'function') destroy.call(payload)
  else if (typeof cancel === 'function') cancel.call(payload).catch(() => {})
  else if (typeof body === 'object') drop(body) // a Response
}

function routeName ({ url, constraints }: RouteOptions): string {
  return constraints === undefined || Object.keys(constraints).length === 0 ? url : `${url} ${JSON.stringify(constraints)}`
}

/** Hooks of a route may be none, one or many. */
function listOf<T> (hooks: T | T[] | undefined): T[] {
  return hooks === undefined ? [] : [hooks].flat() as T[]
}

export default fp(pageCache, { fastify: '5.x', name: 'larder-page-cache' })
