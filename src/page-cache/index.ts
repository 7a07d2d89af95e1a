import fp from 'fastify-plugin'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { andThen, type Cache, isMiss, type Lookup, type Miss } from '../cache/index.ts'
import { type CacheStatus, FORWARD_REASONS, formatCacheStatus } from './cache-status.ts'
import { parseCacheControl as parse, withMaxAge } from './cache-control.ts'
import { etagOf, noneMatches } from './conditional.ts'
import { emit } from './events.ts'
import { pageKey } from './key.ts'
import { type CachePageOptions, type Plan, planOf } from './options.ts'
import { keptHeaders, type Page, pageOf, type ReadyPage, type ReplyHeaders } from './page.ts'
import { judge } from './policy.ts'

export type { CachePageOptions } from './options.ts'
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
  interface FastifyContextConfig {
    [PLAN]?: Plan
    /** Keeps whole responses of this route. A bare number is the `ttl` in seconds. */
    cachePage?: CachePageOptions | number
  }
  interface FastifyRequest {
    pageCache: PageRun | null
  }
}

/** A request whose handler runs, on its way through the page cache. */
interface PageRun {
  status: CacheStatus
  /** Headers that stood before the handler ran. */
  before: ReplyHeaders
  /** Hands the response to all who wait for it; null when it may not be kept. Absent where nobody may wait. */
  finish?: (page: { page: Page, ttl: number } | null) => Promise<boolean>
}

/** Seconds for which requests wait for one that runs the handler; then each runs it for itself. */
const LONGEST_WAIT = 60

/**
 * Keeps whole responses of the routes that say `config: { cachePage: { ttl } }`. The look-up is the last of a route's
 * `preHandler` hooks, so that hooks that guard the route run on a hit as well.
 */
const pageCache: FastifyPluginCallback<PageCacheOptions> = (app, { cache, ttl, now = Date.now }, done) => {
  if (typeof cache?.lookup !== 'function') throw new TypeError('the option cache of the page cache must be a cache, made by createCache')
  app.decorateRequest('pageCache', null)

  app.addHook('onRoute', (route) => {
    const options = route.config?.cachePage
    if (options === undefined) return
    route.config = { ...route.config, [PLAN]: planOf(routeName(route), options, ttl) }
    route.preHandler = append(route.preHandler, lookUp)
    route.onSend = append(route.onSend, keep)
  })

  /** A hook of a route: answers from the cache, or lets one request of many run the handler. */
  function lookUp (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    const plan = request.routeOptions.config[PLAN]!
    const { method } = request.raw
    if (method !== 'GET' && method !== 'HEAD') return run(request, reply, plan, { fwd: 'method' }, done)
    if (plan.ttl === 0) return run(request, reply, plan, { fwd: 'bypass', detail: 'ttl-zero' }, done)
    if (request.headers.authorization !== undefined) {
      return run(request, reply, plan, { fwd: 'bypass', detail: 'authorization' }, done)
    }

    const key = pageKey(request, plan, method)
    const found = method === 'GET' ? cache.lookup(key) : lookUpHead(pageKey(request, plan, 'GET'), key)
    andThen(found, (found) => {
      const page = isMiss(found) ? undefined : pageOf(found)
      if (page !== undefined) serve(request, reply, page, { hit: true })
      else lead(key, isMiss(found) ? found : { miss: 'corrupt' })
    })

    /** Runs the handler for all who miss this key now, or waits for who does. */
    function lead (key: string, miss: Miss): void {
      const status = FORWARD_REASONS[miss.miss]
      let leads = false
      const loaded = cache.load(key, (context) => {
        leads = true
        const response = Promise.withResolvers<Page | undefined>()
        const finish: PageRun['finish'] = async (result) => {
          clearTimeout(abandon)
          if (result === null) context.skipStore()
          else context.setTtl(result.ttl)
          response.resolve(result?.page)
          return (await loaded).stored
        }
        const abandon = setTimeout(finish, LONGEST_WAIT * 1000, null).unref()
        // A reply that the handler hijacked does not come through our hook.
        reply.raw.once('close', () => { if (reply.sent) finish(null) })
        run(request, reply, plan, status, done, finish)
        return response.promise
      }, { tags: plan.tags }, miss)

      loaded.then(({ value, entry }) => {
        if (leads) return
        const page = value === undefined || entry === undefined ? undefined : pageOf(entry)
        if (page !== undefined) serve(request, reply, page, { ...status, collapsed: true })
        else run(request, reply, plan, { ...status, detail: 'collapse-refused' }, done)
      }).catch(done)
    }
  }

  async function lookUpHead (keyOfGet: string, keyOfHead: string): Promise<Lookup> {
    const found = await cache.lookup(keyOfGet)
    return isMiss(found) ? await cache.lookup(keyOfHead) : found
  }

  /** Goes on to the handler. */
  function run (
    request: FastifyRequest, reply: FastifyReply, plan: Plan, status: CacheStatus, done: () => void, finish?: PageRun['finish']
  ): void {
    const before: ReplyHeaders = { ...reply.getHeaders() }
    // Set first, so that the handler can say something else, and application-wide defaults do not.
    if (plan.cacheControl !== undefined && finish !== undefined) reply.header('cache-control', plan.cacheControl)
    request.pageCache = { status, before, ...finish && { finish } }
    done()
  }

  /** A hook of a route: keeps the response of a handler that ran, if the rules allow. */
  async function keep (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    const current = request.pageCache
    if (current === null) return payload
    request.pageCache = null
    const plan = request.routeOptions.config[PLAN]!
    const headers = reply.getHeaders() as ReplyHeaders
    const verdict = current.finish === undefined ? undefined : judge(plan, reply.statusCode, headers, now())
    const body = bodyOf(payload)
    const refused = verdict === undefined
      ? undefined
      : 'refused' in verdict ? verdict.refused : body === undefined ? 'stream' : body.length > plan.maxBytes ? 'too-large' : undefined

    if (verdict === undefined || 'refused' in verdict || body === undefined || refused !== undefined) {
      current.finish?.(null)
      if (plan.cacheControl !== undefined && headers['cache-control'] === plan.cacheControl) {
        reply.header('cache-control', reply.statusCode < 300 ? 'no-cache' : 'no-store')
      }
      describe(reply, { ...current.status, ...refused !== undefined && { detail: refused } })
      return payload
    }

    const etag = String(headers.etag ?? etagOf(body))
    const rewritten = plan.ttl !== undefined
    const kept = keptHeaders(headers, current.before)
    const cacheControl = String(headers['cache-control'] ?? '')
    if (rewritten) {
      delete kept['cache-control']
      delete kept.expires
    }
    if (plan.vary.length > 0) kept.vary = plan.vary.join(', ')
    const page: Page = { headers: kept, body, etag, ...rewritten && { cacheControl } }
    const stored = await current.finish!({ page, ttl: verdict.ttl })

    // The one who ran the handler gets what all others will get from the cache.
    reply.header('etag', etag)
    if (kept.vary !== undefined) reply.header('vary', kept.vary)
    const ttl = Math.floor(verdict.ttl)
    if (rewritten) {
      reply.header('cache-control', cacheControl === plan.cacheControl && ttl === plan.ttl ? cacheControl : withMaxAge(parse(cacheControl), ttl))
      reply.header('expires', new Date(now() + ttl * 1000).toUTCString())
    }
    describe(reply, { ...current.status, stored, ...stored ? { ttl } : { detail: 'store-unavailable' } })
    if (!noneMatches(request.headers['if-none-match'], etag)) return payload
    notModified(reply)
    return null
  }

  /** Answers from the cache. */
  function serve (request: FastifyRequest, reply: FastifyReply, page: ReadyPage, status: CacheStatus): void {
    const { entry } = page
    const time = now()
    const age = Math.max(0, Math.floor((time - entry.storedAt) / 1000))
    const ttl = Math.max(0, page.life - age)
    reply.headers(page.headers)
    reply.header('etag', page.etag)
    reply.header('age', age)
    if (page.control !== undefined) {
      reply.header('cache-control', withMaxAge(page.control, ttl))
      reply.header('expires', page.expires)
    }
    describe(reply, { ...status, ttl })
    if (noneMatches(request.headers['if-none-match'], page.etag)) {
      notModified(reply)
      reply.send()
    } else {
      reply.send(page.body)
    }
  }

  /** Says what the cache did. */
  function describe (reply: FastifyReply, status: CacheStatus): void {
    const ms = reply.elapsedTime
    add(reply, 'cache-status', formatCacheStatus(status))
    add(reply, 'server-timing', `cache;desc="${status.hit ? 'hit' : 'miss'}";dur=${ms.toFixed(2)}`)
    emit({ cache, route: reply.request.routeOptions.url!, status, ms })
  }

  done()
}

/** Adds to a list field, behind what others said before. */
function add (reply: FastifyReply, name: string, value: string): void {
  const existing = reply.getHeader(name)
  reply.header(name, existing === undefined ? value : `${String(existing)}, ${value}`)
}

/** RFC 9110 section 15.4.5: no content, and no fields that describe content that is not sent. */
function notModified (reply: FastifyReply): void {
  reply.code(304)
  reply.removeHeader('content-type')
  reply.removeHeader('content-length')
}

/** The bytes of a payload that is whole; undefined for a stream. */
function bodyOf (payload: unknown): Buffer | undefined {
  if (typeof payload === 'string') return Buffer.from(payload)
  if (Buffer.isBuffer(payload)) return payload
  if (payload === null || payload === undefined) return Buffer.alloc(0)
  return payload instanceof Uint8Array ? Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength) : undefined
}

function routeName ({ url, constraints }: RouteOptions): string {
  return constraints === undefined || Object.keys(constraints).length === 0 ? url : `${url} ${JSON.stringify(constraints)}`
}

/** Hooks of a route may be one or many; a HEAD route that Fastify derives has those of its GET route already. */
function append<T> (hooks: T | T[] | undefined, hook: T): T[] {
  const all = hooks === undefined ? [] : Array.isArray(hooks) ? hooks : [hooks]
  return all.includes(hook) ? all : [...all, hook]
}

export default fp(pageCache, { fastify: '5.x', name: 'larder-page-cache' })
