import fastQuerystring from 'fast-querystring'
import fp from 'fastify-plugin'
import type {
  FastifyPluginCallback, FastifyReply, FastifyRequest, onRequestHookHandler, onSendHookHandler, RouteHandlerMethod
} from 'fastify'
import { collectReads, currentReads, currentTime, ReadSet } from '../cache/index.ts'
import { explainPage } from './admin/explain.ts'
import { invalidateAfterUnsafeRequest, isSuccess, isUnsafe } from './admin/invalidate.ts'
import { purge } from './admin/purge.ts'
import { CachedRoutes } from './cached-routes.ts'
import { CACHED_ROUTE, CONTEXT, type PageCacheContext, UNSAFE_TARGET } from './context.ts'
import { makeLarder } from './decorator.ts'
import { DirectHits } from './direct-hit.ts'
import { addFinalHook } from './final-hook.ts'
import { HitForMiss } from './hit-for-miss.ts'
import { holdReply, type SendDone } from './hold-reply.ts'
import { addFirstHook, addFirstHookOutside, mayBeReadEarly, runHooks, trackArrivals } from './key/arrivals.ts'
import { hideCookies, trackRequest } from './key/client-identity.ts'
import { cloneTrackedObjects } from './key/cloning.ts'
import { findSymbol } from './key/fastify-internals.ts'
import { findTracker, HeaderTracker } from './key/header-tracking.ts'
import { listReadsByFastify, type ReadsByFastify } from './key/reads-by-fastify.ts'
import { normalizeRequest, readTarget } from './key/request-target.ts'
import { addReceiver, cacheLateRoute, listLateRoutes } from './late-routes.ts'
import { nameRoute, resolveRouteConfig, ROUTE } from './options.ts'
import { checkPluginOptions, type PageCacheOptions } from './plugin-options.ts'
import { markUncacheable, weakenEtag } from './reply-headers.ts'
import { LookupBatcher } from './request/batch.ts'
import { mayStillSend } from './request/begin-handler.ts'
import { fetchFromCache } from './request/fetch-from-cache.ts'
import { UpdateCache } from './response/update-cache.ts'
import { RouteHooks } from './route-hooks.ts'
import { ScopedResult } from './scoped-result.ts'
import { isSelfRequest, passUncached, takeSelfRequest } from './self-request.ts'
import { Responder } from './serve.ts'

/** Caches whole responses of the routes with `config: { cachePage: { ttl } }`. */
const plugin: FastifyPluginCallback<PageCacheOptions> = (app, options, done) => {
  const { cache, ttl, skipOnHit = [], querystringParser = fastQuerystring.parse, now = currentTime } = options
  try {
    checkPluginOptions(app, { ...options, querystringParser })
  } catch (error) {
    return done(error as Error)
  }
  const routes = new CachedRoutes(app)
  const { routerOptions } = routes
  const hooks = new RouteHooks()
  const directHits = new DirectHits(hooks, skipOnHit)
  const responder = new Responder(cache, directHits, now)
  const hitForMiss = new HitForMiss(now)
  const updateCache = new UpdateCache(cache, responder, hitForMiss, now)
  const tools = { app, cache, responder, batcher: new LookupBatcher(cache), hitForMiss, now }
  app.decorateRequest(CONTEXT, null)
  app.decorateRequest(UNSAFE_TARGET, null)
  app.decorateRequest(CACHED_ROUTE, null)
  app.decorate('larder', makeLarder(cache, {
    purge: (what) => purge(cache, routes, what),
    explain: (question) => explainPage(app, now, question)
  }))

  // When a route is declared. Fastify binds the handler after all `onRoute` hooks, so every hook precedes the lookup.
  app.addHook('onRoute', function (route) {
    const cachePage = route.config?.cachePage
    if (cachePage === undefined) return
    const config = resolveRouteConfig(nameRoute(route), cachePage, ttl, route.url, options)
    route.config = { ...route.config, [ROUTE]: config }
    routes.add(config)
    route.handler = withCache(route.handler)
    addFinalHook(route, storeResponse)
    hooks.add(config, this, route)
  })

  // 1. Before all hooks, also those that were added before this plugin: a response depends on what they read too.
  trackArrivals(app)
  cloneTrackedObjects()
  let byFastify: ReadsByFastify | undefined
  let contextSymbol: symbol | undefined
  // Not `routeOptions`, which Fastify makes anew for each read.
  const readConfig = (request: FastifyRequest) => {
    contextSymbol ??= findSymbol(request, 'fastify.context')
    return (request as unknown as Record<symbol, Pick<FastifyRequest['routeOptions'], 'config'>>)[contextSymbol]!.config
  }
  addFirstHook(app, (request, reply, done) => {
    const { raw } = request
    const headerTracker = findTracker(raw) ?? HeaderTracker.track(raw, reply.raw, mayBeReadEarly(app, raw))
    const route = readConfig(request)?.[ROUTE]
    if (route !== undefined) {
      trackRequest(request)
      headerTracker.beginHooks(route, byFastify ??= listReadsByFastify(app))
      request[CACHED_ROUTE] = route
      return runHooks(headerTracker, done)
    }
    headerTracker.end()
    passUncached(reply, done)
  })
  // Outside of this scope too, since a self-request may get there. Another page cache may be there.
  addFirstHookOutside(app, (request, reply, done) => {
    if (!isSelfRequest() || request.routeOptions.config?.[ROUTE] !== undefined) done()
    else passUncached(reply, done)
  })

  // 2. Begins the context.
  const beginContext: onRequestHookHandler = (request, reply, done) => {
    const { raw, [CACHED_ROUTE]: route } = request
    // Now, since a handler that hijacks the reply may leave the request without its socket.
    if (isUnsafe(raw.method!)) request[UNSAFE_TARGET] = readTarget(request, request.protocol, routerOptions)
    if (!route) return done() // undefined in a scope that is older than this plugin
    const headerTracker = findTracker(raw)!
    const { revalidation, explainRequest } = takeSelfRequest()
    // The scheme is that of the request for which a self-request is made.
    const encrypted = revalidation?.encrypted === true || explainRequest?.encrypted === true
    if (encrypted) headerTracker.ignoreConnection(() => Object.assign(raw.socket, { encrypted: true }))
    if (route.cookies !== undefined) hideCookies(request, headerTracker, route.cookies)
    const notKeyedBecause = normalizeRequest(request, route, headerTracker, routerOptions, querystringParser)
    const outer = currentReads()
    const reads = revalidation?.reads ?? new ReadSet()
    request[CONTEXT] = {
      request,
      reply,
      route,
      startedAt: performance.now(),
      target: readTarget(request, encrypted ? 'https' : request.protocol, routerOptions),
      headerTracker,
      reads,
      outerReads: outer === reads ? undefined : outer,
      revalidation,
      explainRequest,
      notKeyedBecause,
      customKey: null,
      handlerRun: undefined,
      served: undefined,
      replied: false,
      replacedByError: false,
      tags: route.tags,
      pendingStore: undefined,
      contentEncoding: undefined
    }
    // Until a miss is known, only hooks could read from a cache.
    if (hooks.isQuietAfter(beginContext, route)) done()
    else collectReads(reads, done)
  }
  app.addHook('onRequest', beginContext)

  // 3. In place of the handler: answers from the cache, or lets one of many requests run the handler.
  const withCache = (handler: RouteHandlerMethod): RouteHandlerMethod => function (request, reply) {
    const ctx = request[CONTEXT]!
    const run = () => collectReads(ctx.reads, () => runHandler(ctx, handler.bind(this)))
    const next = fetchFromCache(tools, ctx)
    if (next === 'replied') return undefined
    const result = next === 'run-handler'
      ? run()
      : next.then((next) => next === 'replied' ? waitForEnd(reply) : run())
    return new ScopedResult(ctx.reads, result)
  }

  const runHandler = async (ctx: PageCacheContext, handler: OmitThisParameter<RouteHandlerMethod>) => {
    const returned: unknown = handler(ctx.request, ctx.reply)
    const result = await returned
    if (ctx.reply.sent && ctx.handlerRun !== undefined) updateCache.onHijacked(ctx, ctx.handlerRun)
    if (result !== undefined) return result
    // A callback sends it later, or our hooks hold it.
    if (returned === undefined || ctx.replied) return waitForEnd(ctx.reply)
    // Fastify would send an empty body too, but would read the connection before.
    return mayStillSend(ctx) ? ctx.reply.send() : undefined
  }

  // 4. The headers that the handler set before it threw do not apply to the error.
  app.addHook('onError', (request, reply, { statusCode = 500 }, done) => {
    if (request[CONTEXT]?.handlerRun && statusCode >= 500) markUncacheable(reply)
    done()
  })

  // 5. Receives the reply of the handler, of an error or of the cache, before later hooks change it. It is a hook of
  // the application and not of the route, since hooks that change a body must change the stored one on its way out.
  const receiveResponse: onSendHookHandler = (request, reply, payload, done) => {
    const { [UNSAFE_TARGET]: unsafeTarget, [CONTEXT]: ctx } = request
    const receive = () => receiveReply(ctx, reply, payload, done)
    if (!unsafeTarget || !isSuccess(reply.statusCode)) receive()
    else {
      const work = invalidateAfterUnsafeRequest(cache, routes, unsafeTarget, reply).then(() => payload)
      holdReply(reply, payload, work, { resume: receive, fail: done })
    }
  }
  app.addHook('onSend', receiveResponse)

  const receiveReply = (ctx: PageCacheContext | null, reply: FastifyReply, payload: unknown, done: SendDone) => {
    if (!ctx) return done(null, payload) // in a scope that is older than this plugin
    const { handlerRun } = ctx
    if (ctx.replied) {
      // An error replaces a reply that was on its way.
      ctx.replacedByError = true
      updateCache.onReplaced(ctx)
      markUncacheable(reply)
    }
    ctx.replied = true
    if (!handlerRun) {
      if (ctx.served !== undefined && !ctx.replacedByError) responder.restoreStored(reply, ctx.served)
      return passOn(ctx, payload, done)
    }
    ctx.handlerRun = undefined
    holdReply(reply, payload, updateCache.onResponse(ctx, payload, handlerRun), {
      resume: (payload) => passOn(ctx, payload, done),
      fail: done,
      release: () => { handlerRun.task?.load.discard({ keepStale: true }) }
    })
  }

  // 6. The last hook: stores the response, unless a later header forbids it.
  const storeResponse: onSendHookHandler = ({ [CONTEXT]: ctx }, reply, payload, done) => {
    // There is no context if a hook has replied before ours.
    if (ctx && reply.getHeader('content-encoding') !== ctx.contentEncoding) weakenEtag(reply)
    // A stream may still read from the request. For anything else all is known, and the rest need not be tracked.
    if (ctx?.pendingStore?.stream === undefined) ctx?.headerTracker.end()
    if (ctx?.pendingStore === undefined) return done(null, payload)
    const work = updateCache.onHeadersFinal(ctx).then(() => payload)
    holdReply(reply, payload, work, { resume: (payload) => done(null, payload), fail: done })
  }

  directHits.addOwnHooks(receiveResponse, storeResponse)

  // When all plugins are loaded, and so all routes are declared.
  addReceiver(receiveResponse)
  app.addHook('onReady', (done) => {
    for (const route of listLateRoutes(app, receiveResponse)) {
      const { name, context } = route
      const config = resolveRouteConfig(name, context.config.cachePage!, ttl, context.config.url, options)
      routes.add(config)
      cacheLateRoute(route, config, withCache(context.handler), storeResponse)
      hooks.addPrepared(config, context.server, context)
    }
    done()
  })
  done()
}

/** Lets Fastify wait for the end of a reply that is on its way, and send nothing else. */
function waitForEnd (reply: FastifyReply): FastifyReply | undefined {
  return reply.sent ? undefined : reply // is a promise of its end
}

function passOn (ctx: PageCacheContext, payload: unknown, done: SendDone): void {
  ctx.contentEncoding = ctx.reply.getHeader('content-encoding')
  done(null, payload)
}

export const pageCache = fp(plugin, { fastify: '5.x', name: 'larder-page-cache' })
