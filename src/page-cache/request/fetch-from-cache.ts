import type { FastifyInstance } from 'fastify'
import {
  type CacheAdapter, collectReads, type LoadHandle, type LoadOptions, type LoadResult, type MaybePromise, type Miss,
  type StalenessBound
} from '../../cache/index.ts'
import { limitLoad, UpstreamFailure } from '../collapse.ts'
import { matchRequestVary, type PageCacheContext } from '../context.ts'
import type { HitForMiss } from '../hit-for-miss.ts'
import { type CacheStatus, isFreshHit } from '../http/cache-status.ts'
import { computeKey, customKey } from '../key/key.ts'
import { type CacheLocation, isVariants, matchesVary } from '../key/variants.ts'
import type { ExplainRequest, Revalidation } from '../self-request.ts'
import type { Responder } from '../serve.ts'
import { mayServeStaleIfError, type PreparedPage, readContent } from '../stored-response.ts'
import type { LookupBatcher } from './batch.ts'
import { beginHandler, type Next } from './begin-handler.ts'
import { findUncacheableHeader, reasonToBypass } from './bypass.ts'
import { decideAction, type Decision } from './decide-action.ts'
import { parseRequestDirectives, type RequestDirectives } from './directives.ts'
import { boundReads, type CacheReader, lookUpHead, lookUpResponse, type LookupResult, lookUpVariant } from './lookup.ts'
import { revalidate } from './revalidate.ts'

/** The parts of a page cache that answer requests. */
export interface FetchTools {
  readonly app: FastifyInstance
  readonly cache: CacheAdapter
  readonly responder: Responder
  readonly batcher: LookupBatcher
  readonly hitForMiss: HitForMiss
  /** Milliseconds since 1970. */
  readonly now: () => number
}

type FetchDecision = Extract<Decision, { miss: Miss }>

/** Answers a request from the cache, or prepares the run of its handler. */
export function fetchFromCache (tools: FetchTools, ctx: PageCacheContext): MaybePromise<Next> {
  const { request, route, revalidation, explainRequest, headerTracker } = ctx
  const { method } = request.raw
  let bypass: CacheStatus | undefined =
    method !== 'GET' && method !== 'HEAD' ? { fwd: 'method' } : reasonToBypass(ctx)
  if (bypass !== undefined && explainRequest === undefined) return beginHandler(tools, ctx, bypass)
  const { key } = route
  // Before the handler, which may change what the key is made of.
  if (key !== undefined) ctx.customKey = headerTracker.whileBuildingKey(() => customKey(request, key, route))
  if (revalidation !== undefined) return runRevalidation(tools, ctx, revalidation)
  const directives = route.requestDirectives ? parseRequestDirectives(headerTracker.headers) : undefined
  if (directives?.noStore) bypass ??= { fwd: 'request', detail: 'no-store' }
  if (explainRequest !== undefined) return explain(tools, ctx, explainRequest, directives, bypass)
  if (bypass !== undefined) return beginHandler(tools, ctx, bypass)

  const bound = boundStaleness(ctx)
  return tools.batcher.run(
    (reader) => lookUp(bound === undefined ? reader : boundReads(reader, bound), ctx),
    (found) => answer(tools, ctx, found, directives, bound?.isUsed))
}

/** A response that another one is made from is checked: its tags become tags of that one, whose stamp is later. */
function boundStaleness ({ route: { maxStaleness }, outerReads }: PageCacheContext): StalenessBound | undefined {
  return maxStaleness > 0 && outerReads === undefined ? { maxMs: maxStaleness, isUsed: false } : undefined
}

function lookUp (reader: CacheReader, ctx: PageCacheContext): MaybePromise<LookupResult> {
  const { request, target, route } = ctx
  const match = (varyNames: readonly string[]) => matchRequestVary(ctx, varyNames)
  const key = computeKey(target, route, 'GET')
  if (request.raw.method === 'GET') return lookUpResponse(reader, key, match)
  return lookUpHead(reader, key, computeKey(target, route, 'HEAD'), match)
}

function decideFor (
  { cache, now }: FetchTools, ctx: PageCacheContext, found: LookupResult, directives: RequestDirectives | undefined,
  isBounded = false
): Decision {
  const uncacheable = findUncacheableHeader(ctx)
  return decideAction(found, { route: ctx.route, directives, uncacheable, cache, isBounded, now: now() })
}

/** Carries out the decision. @param isBounded whether the lookup has used the result of an earlier check */
function answer (
  tools: FetchTools, ctx: PageCacheContext, found: LookupResult, directives: RequestDirectives | undefined,
  isBounded?: boolean
): MaybePromise<Next> {
  const { location } = found
  const decision = decideFor(tools, ctx, found, directives, isBounded)
  switch (decision.act) {
    case 'hit': return serve(tools, ctx, location, decision)
    case 'pass': return beginHandler(tools, ctx, decision.status)
    case 'fetch': return collectReads(ctx.reads, () => fetchShared(tools, ctx, location, decision, directives))
    case 'fetch-with-timeout':
      return collectReads(ctx.reads, () => fetchWithTimeout(tools, ctx, location, decision, directives))
    case 'gateway-timeout': return replyGatewayTimeout(tools, ctx, decision.status)
  }
}

/** Reports the decision, and carries out nothing of it. */
async function explain (
  tools: FetchTools, ctx: PageCacheContext, explainRequest: ExplainRequest, directives: RequestDirectives | undefined,
  bypass: CacheStatus | undefined
): Promise<Next> {
  const { route, target, customKey, reply, headerTracker: { unkeyedRead } } = ctx
  const found = await lookUp({ lookup: (key) => tools.cache.peek(key) }, ctx)
  const decision: Decision = bypass === undefined
    ? decideFor(tools, ctx, found, directives)
    : { act: 'pass', status: bypass }
  await explainRequest.onDecision({ cache: tools.cache, route, target, customKey, found, decision, unkeyedRead })
  reply.code(204).send()
  return 'replied'
}

function serve (
  tools: FetchTools, ctx: PageCacheContext, location: CacheLocation,
  { page, status, refresh }: Extract<Decision, { act: 'hit' }>
): Next {
  // A reader that joined the load would be held until it ends.
  if (refresh !== undefined && !tools.cache.isLoading(location.key)) revalidate(tools, ctx, location, refresh, page)
  if (!isFreshHit(status)) tools.cache.reportStale(location.key, page.entry)
  tools.responder.serveStored(ctx.request, ctx.reply, page, status)
  return 'replied'
}

function replyGatewayTimeout ({ responder }: FetchTools, { reply }: PageCacheContext, status: CacheStatus): Next {
  responder.setCacheStatus(reply, status)
  reply.code(504).header('cache-control', 'no-store').send()
  return 'replied'
}

// Ways to a new response

/** Runs the handler for all requests that miss the key now, or waits for the one that does. */
async function fetchShared (
  tools: FetchTools, ctx: PageCacheContext, location: CacheLocation, { miss, status, stale }: FetchDecision,
  directives: RequestDirectives | undefined
): Promise<Next> {
  const { route, reply, reads } = ctx
  const { key } = location
  const runsInParallel = tools.hitForMiss.has(key, ctx) && !(stale && mayServeStaleIfError(stale, tools.now()))
  const options: LoadOptions = {
    ...stale && staleWindows(stale), tags: route.tags, reads, ...runsInParallel && { wait: false }
  }
  let outcome: LoadHandle | LoadResult
  try {
    outcome = await new Promise((resolve, reject) => {
      tools.cache.beginLoad(key, miss, options, resolve).then(resolve, reject)
    })
  } catch (error) {
    return serveFailure(tools, ctx, error)
  }
  if (!('fulfil' in outcome)) {
    if (runsInParallel && outcome.value === undefined) {
      return beginHandler(tools, ctx, { ...status, detail: 'hit-for-miss' })
    }
    return await serveCollapsed(tools, ctx, location, outcome, status, directives)
  }
  if (outcome.hitForMiss) tools.hitForMiss.mark(key, ctx, tools.now())
  const load = limitLoad(outcome, tools.cache.maxWaitMs)
  // A reply that the handler has hijacked never reaches our hooks; the reply to a client that has left does.
  reply.raw.once('close', () => { if (ctx.handlerRun !== undefined && reply.sent) load.discard({ keepStale: true }) })
  return beginHandler(tools, ctx, status, { location, stale, load })
}

/** Lets a self-request run the handler, and waits for it for a limited time; then the stale response is served. */
async function fetchWithTimeout (
  tools: FetchTools, ctx: PageCacheContext, location: CacheLocation,
  { miss, stale, status }: Extract<Decision, { act: 'fetch-with-timeout' }>, directives: RequestDirectives | undefined
): Promise<Next> {
  let result: LoadResult
  try {
    const options = { ...staleWindows(stale), timeout: ctx.route.timeout! }
    result = await revalidate(tools, ctx, location, miss, stale, options)
  } catch (error) {
    return serveFailure(tools, ctx, error)
  }
  return await serveCollapsed(tools, ctx, location, result, status, directives)
}

/** Runs the handler of a self-request that revalidates a stored response. */
function runRevalidation (tools: FetchTools, ctx: PageCacheContext, revalidation: Revalidation): Next {
  const { request, target, route } = ctx
  const { location, stale, load } = revalidation
  const { varyNames, varyValues } = location.varyMatch
  const key = computeKey(target, route, request.raw.method as 'GET' | 'HEAD')
  // If hooks now compute another key, the response is another one.
  const isSame = key === location.primaryKey && matchesVary({ varyValues }, matchRequestVary(ctx, varyNames))
  return beginHandler(tools, ctx, { fwd: 'stale' }, isSame ? { location, stale, load } : undefined)
}

// Responses of other requests

/** Serves the response that another request has fetched. */
async function serveCollapsed (
  tools: FetchTools, ctx: PageCacheContext, location: CacheLocation,
  { value, entry, stale, stored, collapsed }: LoadResult, status: CacheStatus, directives: RequestDirectives | undefined
): Promise<Next> {
  const content = value === undefined || entry === undefined ? undefined : readContent(entry)
  if (content !== undefined && isVariants(content)) {
    const match = (varyNames: readonly string[]) => matchRequestVary(ctx, varyNames)
    const found = await lookUpVariant(tools.cache, location.primaryKey, { entry: entry!, value: content }, match)
    return await answer(tools, ctx, found, directives)
  }
  // The response may be for other header values that share the key, or one that each request must validate
  // (RFC 9111 section 5.2.2.4).
  const isOurs = content !== undefined && matchesVary(content, location.varyMatch)
  if (!isOurs || (!stale && content.freshnessLifetime <= content.age)) {
    return beginHandler(tools, ctx, { ...status, detail: 'collapse-refused' })
  }
  const how: CacheStatus = stale ? { detail: 'stale-if-error' } : collapsed ? { collapsed: true } : { stored }
  tools.responder.serveStored(ctx.request, ctx.reply, content, { ...status, ...how })
  return 'replied'
}

/** Sends the failure with which another request ended, if this request would have got the same. */
function serveFailure (tools: FetchTools, ctx: PageCacheContext, error: unknown): Next {
  const match = (varyNames: readonly string[]) => matchRequestVary(ctx, varyNames)
  const response = error instanceof UpstreamFailure ? error.responseFor(match, ctx.customKey) : undefined
  if (response === undefined) return beginHandler(tools, ctx, { fwd: 'miss', detail: 'collapse-refused' })
  tools.responder.serveFailure(ctx.reply, (error as UpstreamFailure).status, response)
  return 'replied'
}

function staleWindows ({ staleWhileRevalidate, staleIfError }: PreparedPage) {
  return { staleWhileRevalidate, staleIfError }
}
