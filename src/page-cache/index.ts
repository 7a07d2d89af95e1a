import fp from 'fastify-plugin'
import type { FastifyPluginCallback, FastifyRequest, preHandlerHookHandler, RouteOptions } from 'fastify'
import { type Cache, collectReads, currentReads, ReadSet } from '../cache/index.ts'
import { Answers } from './answers.ts'
import type { Explanation } from './explanation.ts'
import { HeaderReads } from './header-reads.ts'
import { promiseNothing } from './fields.ts'
import { forgetChanged, isSuccess, isUnsafe } from './invalidation.ts'
import { Keeper } from './keeper.ts'
import { onlyListed } from './key.ts'
import { explainPage, type Question } from './inquiry.ts'
import { LookUp } from './look-up.ts'
import { type CachePageOptions, checkTtl, type Plan, planOf } from './options.ts'
import { takePurpose } from './own-request.ts'
import { Plans } from './plans.ts'
import { type Purge, purge } from './purge.ts'
import './visit.ts'

export type { CachePageOptions } from './options.ts'
export type { Explanation } from './explanation.ts'
export type { Question } from './inquiry.ts'
export type { Purge } from './purge.ts'
export { PAGE_CHANNEL, type PageEvent } from './events.ts'

export interface PageCacheOptions {
  cache: Cache
  /** Seconds; the `ttl` of routes that name none. Default unset: the response decides. */
  ttl?: number
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
    explainPage (question: Question): Promise<Explanation>
  }
  interface FastifyContextConfig {
    [PLAN]?: Plan
    /** Keeps whole responses of this route. A bare number is the `ttl` in seconds. */
    cachePage?: CachePageOptions | number
  }
}

/**
 * Keeps whole responses of the routes that say `config: { cachePage: { ttl } }`. The look-up is the last of a route's
 * `preHandler` hooks, so that hooks that guard the route run on a hit as well.
 */
const pageCache: FastifyPluginCallback<PageCacheOptions> = (app, { cache, ttl, now = Date.now }, done) => {
  if (typeof cache?.lookup !== 'function') return done(new TypeError('the option cache of the page cache must be a cache, made by createCache'))
  if (app.hasDecorator('purgePages')) return done(new TypeError('the page cache is registered here already, or around this scope'))
  try {
    checkTtl(ttl)
  } catch (error) {
    return done(error as Error)
  }
  const answers = new Answers(cache, now)
  const keeper = new Keeper(cache, answers, now)
  const tools = { app, cache, answers, now }
  const plans = new Plans(app.initialConfig)
  app.decorateRequest('pageVisit', null)
  app.decorateRequest('changing', null)
  app.decorate('purgePages', (what) => purge(cache, plans, what))
  app.decorate('explainPage', (question) => explainPage(app, plans, question))

  /** A hook of routes: answers from the cache, or lets one request of many run the handler. */
  const lookUp: preHandlerHookHandler = (request, reply, done) => {
    new LookUp(tools, request, reply, done).begin()
  }

  app.addHook('onRoute', (route) => {
    const options = route.config?.cachePage
    if (options === undefined) return
    const plan = planOf(routeName(route), options, ttl, route.url)
    route.config = { ...route.config, [PLAN]: plan }
    plans.add(plan)
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
    const { raw } = request
    // Now, since a handler that passes a body on may leave the request without its socket.
    if (isUnsafe(raw.method!)) request.changing = { protocol: request.protocol, host: request.host, url: raw.url! }
    if (plan === undefined) return done()
    const { protocol, host } = request
    const { renewal, inquiry } = takePurpose()
    // The scheme is that of the request in whose place this one is made.
    const encrypted = renewal?.encrypted === true || inquiry?.encrypted === true
    if (encrypted) Object.assign(raw.socket, { encrypted: true })
    if (plan.query !== undefined) hideUnlisted(request, plan.query)
    const outer = currentReads()
    const reads = renewal?.reads ?? new ReadSet()
    request.pageVisit = {
      plan,
      began: performance.now(),
      target: { protocol: encrypted ? 'https' : protocol, host, url: raw.url! },
      headerReads: new HeaderReads(raw, plan.ignoreHeaders),
      reads,
      outer: outer === reads ? undefined : outer,
      renewal,
      inquiry,
      added: null,
      run: undefined,
      answered: false
    }
    collectReads(reads, done)
  })

  // Of the application and not of the route, since hooks that change a body must change it once, on its way out.
  app.addHook('onSend', (request, reply, payload, done) => {
    const visit = request.pageVisit
    const run = visit?.run // no visit in a context that is older than this plugin
    if (request.changing && isSuccess(reply.statusCode)) forgetChanged(cache, plans, request.changing, reply).then(keep, done)
    else keep()

    function keep (): void {
      if (visit?.answered) promiseNothing(reply)
      if (visit) visit.answered = true
      if (!run) return done(null, payload)
      visit!.run = undefined
      keeper.keep(request, reply, payload, run).then((payload) => done(null, payload), (error) => {
        run.task?.finish?.(undefined).catch(() => {})
        done(error)
      })
    }
  })

  // What the handler said of its page before it threw does not hold for the error.
  app.addHook('onError', (request, reply, { statusCode = 500 }, done) => {
    if (request.pageVisit?.run && statusCode >= 500) promiseNothing(reply)
    done()
  })

  done()
}

/** What is not in the key is not shown either. */
function hideUnlisted (request: FastifyRequest, listed: ReadonlySet<string>): void {
  const url = onlyListed(request.raw.url!, listed)
  if (url === request.raw.url) return
  request.raw.url = url
  const query = request.query as Record<string, unknown>
  for (const name of Object.keys(query)) if (!listed.has(name) && !listed.has(name.split('[', 1)[0]!)) delete query[name]
}

function routeName ({ url, constraints }: RouteOptions): string {
  return constraints === undefined || Object.keys(constraints).length === 0 ? url : `${url} ${JSON.stringify(constraints)}`
}

/** Hooks of a route may be none, one or many. */
function listOf<T> (hooks: T | T[] | undefined): T[] {
  return hooks === undefined ? [] : [hooks].flat() as T[]
}

export default fp(pageCache, { fastify: '5.x', name: 'larder-page-cache' })
