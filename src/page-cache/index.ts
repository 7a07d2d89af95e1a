import fastQuerystring from 'fast-querystring'
import fp from 'fastify-plugin'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest, onSendHookHandler, preHandlerHookHandler, RouteOptions } from 'fastify'
import { type Cache, collectReads, currentReads, ReadSet } from '../cache/index.ts'
import { Responder } from './serve.ts'
import type { Explanation } from './admin/explain.ts'
import { HeaderTracker } from './key/header-tracking.ts'
import { markUncacheable, weakenEtag } from './reply-headers.ts'
import { invalidateAfterUnsafeRequest, isSuccess, isUnsafe } from './admin/invalidate.ts'
import { UpdateCache } from './response/update-cache.ts'
import type { RequestTarget } from './key/key.ts'
import { keepLast } from './final-hook.ts'
import { explainPage, type ExplainQuestion } from './admin/explain-request.ts'
import { FetchFromCache } from './request/fetch-from-cache.ts'
import { type CachePageOptions, checkOption, type RouteCacheConfig, resolveRouteConfig } from './options.ts'
import { takeSelfRequest } from './self-request.ts'
import { CachedRoutes } from './cached-routes.ts'
import { type Purge, purge } from './admin/purge.ts'
import { removeUnkeyedParams, type QuerystringParser } from './key/query.ts'
import { LookupBatches } from './request/batch.ts'
import type { PageCacheContext } from './context.ts'

export { type CachePageOptions, PAGE_PREFIX } from './options.ts'
export { type ExplainedEntry, type Explanation, explainEntry } from './admin/explain.ts'
export type { ExplainQuestion as Question } from './admin/explain-request.ts'
export type { Purge } from './admin/purge.ts'
export { PAGE_CHANNEL, type PageEvent } from './events.ts'

export interface PageCacheOptions {
  cache: Cache
  /** Seconds; the `ttl` of routes that name none. Default unset: the response decides. */
  ttl?: number
  /** As the option of that name of a route, for all routes: e.g. `x-forwarded-for`, where a hook counts requests by `request.ip`. */
  ignoreHeaders?: string[]
  /** That of the application, where it has one of its own and a route has the option `query`. Default that of Fastify. */
  querystringParser?: QuerystringParser
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** Where a route keeps its resolved options. */
const PLAN = Symbol('larder.page-plan')

declare module 'fastify' {
  interface FastifyInstance {
    /** Deletes what is kept, for good, and answers how many entries there were. */
    purgePages (what: Purge): Promise<number>
    /** What a request would get now, and why; neither runs a handler nor changes anything. */
    explainPage (question: ExplainQuestion): Promise<Explanation>
  }
  interface FastifyContextConfig {
    [PLAN]?: RouteCacheConfig
    /** Keeps whole responses of this route. A bare number is the `ttl` in seconds. */
    cachePage?: CachePageOptions | number
  }
}

/**
 * Keeps whole responses of the routes that say `config: { cachePage: { ttl } }`. The look-up is the last of a route's
 * `preHandler` hooks, so that hooks that guard the route run on a hit as well.
 */
const pageCache: FastifyPluginCallback<PageCacheOptions> = (app, { cache, ttl, ignoreHeaders, querystringParser = fastQuerystring.parse, now = Date.now }, done) => {
  if (typeof cache?.lookup !== 'function') return done(new TypeError('the option cache of the page cache must be a cache, made by createCache'))
  if (app.hasDecorator('purgePages')) return done(new TypeError('the page cache is registered here already, or around this scope'))
  if (typeof querystringParser !== 'function') return done(new TypeError('the option querystringParser of the page cache must be a function'))
  try {
    checkOption('ttl', ttl)
    checkOption('ignoreHeaders', ignoreHeaders)
  } catch (error) {
    return done(error as Error)
  }
  const answers = new Responder(cache, now)
  const keeper = new UpdateCache(cache, answers, now)
  const tools = { app, cache, answers, now }
  const turns = new LookupBatches(cache)
  const plans = new CachedRoutes(app.initialConfig)
  app.decorateRequest('pageCache', null)
  app.decorateRequest('unsafeTarget', null)
  app.decorate('purgePages', (what) => purge(cache, plans, what))
  app.decorate('explainPage', (question) => explainPage(app, plans, question))

  /** A hook of routes: answers from the cache, or lets one request of many run the handler. */
  const lookUp: preHandlerHookHandler = (request, reply, done) => {
    turns.begin(new FetchFromCache(tools, request, reply, done))
  }

  /** A hook of routes: keeps what no hook has forbidden to keep. */
  const conclude: onSendHookHandler = (request, reply, payload, done) => {
    const visit = request.pageCache // none where a hook has answered before ours
    if (visit && reply.getHeader('content-encoding') !== visit.contentEncoding) weakenEtag(reply)
    if (visit?.pendingStore === undefined) return done(null, payload)
    keeper.conclude(reply, visit).then(() => done(null, payload), done)
  }

  app.addHook('onRoute', (route) => {
    const options = route.config?.cachePage
    if (options === undefined) return
    const plan = resolveRouteConfig(routeName(route), options, ttl, route.url, ignoreHeaders)
    route.config = { ...route.config, [PLAN]: plan }
    plans.add(plan)
    // Guards that other plugins add after this one must run before the look-up too.
    keepLast(route, 'preHandler', lookUp)
    keepLast(route, 'onSend', conclude)
  })

  // Before any hook, since a page is also made of what they read, wherever they were registered.
  const { genReqId: nameRequest } = app as unknown as { genReqId: Parameters<typeof app.setGenReqId>[0] } // its type does not tell
  app.setGenReqId((raw) => {
    HeaderTracker.track(raw as FastifyRequest['raw'])
    return nameRequest(raw)
  })

  app.addHook('onRequest', (request, reply, done) => {
    const { raw, routeOptions: { config } } = request
    const headerReads = HeaderTracker.track(raw)
    const plan = config?.[PLAN]
    // Now, since a handler that passes a body on may leave the request without its socket.
    if (isUnsafe(raw.method!)) request.unsafeTarget = targetOf(request, request.protocol)
    if (plan === undefined) {
      headerReads.end()
      const isLate = config?.cachePage !== undefined
      return isLate ? done(new TypeError(`the route ${request.routeOptions.url} was made before the page cache was ready: await app.register(pageCache, …) first`)) : done()
    }
    headerReads.beginHooks(plan.ignoreHeaders)
    const { revalidation, explainRequest } = takeSelfRequest()
    // The scheme is that of the request in whose place this one is made.
    const encrypted = revalidation?.encrypted === true || explainRequest?.encrypted === true
    if (encrypted) Object.assign(raw.socket, { encrypted: true })
    const query = plan.query === undefined || removeUnkeyedParams(request, plan.query, querystringParser)
    const outer = currentReads()
    const reads = revalidation?.reads ?? new ReadSet()
    request.pageCache = {
      request,
      reply,
      route: plan,
      startedAt: performance.now(),
      target: targetOf(request, encrypted ? 'https' : request.protocol),
      headerTracker: headerReads,
      reads,
      outerReads: outer === reads ? undefined : outer,
      revalidation,
      explainRequest,
      queryIsKeyed: query,
      customKey: null,
      handlerRun: undefined,
      replied: false,
      replacedByError: false,
      pendingStore: undefined,
      contentEncoding: undefined
    }
    collectReads(reads, done)
  })

  /** What the handler, an error or the cache answers, before hooks that come later make of it what goes out. */
  const receive: onSendHookHandler = (request, reply, payload, done) => {
    const { pageCache: visit } = request
    if (!visit) return done(null, payload) // in a context that is older than this plugin
    const { handlerRun } = visit
    if (visit.replied) {
      // An error takes the place of an answer that was on its way.
      visit.replacedByError = true
      visit.pendingStore?.drop()
      markUncacheable(reply)
    }
    visit.replied = true
    if (!handlerRun) return passOn(visit, reply, payload, done)
    visit.handlerRun = undefined
    keeper.receive(request, reply, payload, handlerRun).then((payload) => passOn(visit, reply, payload, done), (error) => {
      handlerRun.task?.finish?.(undefined).catch(() => {})
      done(error)
    })
  }

  // Of the application and not of the route, since hooks that change a body must change it once, on its way out.
  app.addHook('onSend', function (request, reply, payload, done) {
    const { unsafeTarget } = request
    if (!unsafeTarget || !isSuccess(reply.statusCode)) receive.call(this, request, reply, payload, done)
    else invalidateAfterUnsafeRequest(cache, plans, unsafeTarget, reply).then(() => receive.call(this, request, reply, payload, done), done)
  })

  // What the handler said of its page before it threw does not hold for the error.
  app.addHook('onError', (request, reply, { statusCode = 500 }, done) => {
    if (request.pageCache?.handlerRun && statusCode >= 500) markUncacheable(reply)
    done()
  })

  done()
}

function passOn (visit: PageCacheContext, reply: FastifyReply, payload: unknown, done: Parameters<onSendHookHandler>[3]): void {
  visit.contentEncoding = reply.getHeader('content-encoding')
  done(null, payload)
}

/** What a request is for. */
function targetOf ({ raw, host }: FastifyRequest, protocol: string): RequestTarget {
  const { url, originalUrl } = raw as typeof raw & { originalUrl?: string }
  return { protocol, host, url: url!, originalUrl: originalUrl === url ? undefined : originalUrl }
}

/** Tells routes apart that share a pattern. */
function routeName ({ url, constraints = {} }: RouteOptions): string {
  const parts = Object.entries(constraints as Record<string, unknown>).map(([name, value]) => {
    if (!['string', 'number', 'boolean'].includes(typeof value) && !(value instanceof RegExp)) {
      throw new TypeError(`the constraint ${name} of ${url}, whose pages are kept, must be a string, a number, a boolean or a regular expression`)
    }
    return [name, value instanceof RegExp ? 'pattern' : typeof value, String(value)]
  })
  return parts.length === 0 ? url : `${url} ${JSON.stringify(parts)}`
}

export default fp(pageCache, { fastify: '5.x', name: 'larder-page-cache' })
