import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyReply } from 'fastify'
import type { CacheAdapter, LoadHandle, ReadSet } from '../cache/index.ts'
import type { CacheLocation } from './key/variants.ts'
import type { RequestTarget } from './key/key.ts'
import type { RouteCacheConfig } from './options.ts'
import type { Decision } from './request/decide-action.ts'
import type { LookupResult } from './request/lookup.ts'
import type { PreparedPage } from './stored-response.ts'
import type { Detail } from './http/details.ts'

/** The purpose of a request that the page cache sends to its own application. */
export interface SelfRequest {
  readonly revalidation?: Revalidation
  readonly explainRequest?: ExplainRequest
}

/** A self-request that runs the handler to revalidate a stored response. */
export interface Revalidation {
  /** That of the request that triggered it. */
  readonly location: CacheLocation
  readonly stale: PreparedPage
  /** The load that waits for the response. */
  readonly load: LoadHandle
  /** Collects the dependencies of the new response. */
  readonly reads: ReadSet
  readonly encrypted: boolean
}

/** A self-request that stops at the decision and reports it, or stops at once if its route is not cached. */
export interface ExplainRequest {
  readonly encrypted: boolean
  /** Called if the route has no page cache. */
  onUncached (): void
  onDecision (explained: ExplainedDecision): Promise<void>
}

/** A decision, and all that it depended on. */
export interface ExplainedDecision {
  /** The cache of the route. */
  readonly cache: CacheAdapter
  readonly route: RouteCacheConfig
  readonly target: RequestTarget
  readonly customKey: string | null
  readonly found: LookupResult
  readonly decision: Decision
  /** What hooks have read because of which a response may not be stored, as the `detail` of its status. */
  readonly unkeyedRead: Detail | undefined
}

const NOT_SELF: SelfRequest = {}

const current = new AsyncLocalStorage<{ selfRequest: SelfRequest }>()

/**
 * Sends one self-request.
 *
 * @param send begins the request when its result is awaited
 */
export async function runAs<T> (selfRequest: SelfRequest, send: () => PromiseLike<T>): Promise<T> {
  return await current.run({ selfRequest }, async () => await send())
}

/** Whether the request that has just begun is a self-request. */
export function isSelfRequest (): boolean {
  return current.getStore() !== undefined
}

/** Returns what the request that has just begun is for. The requests that it makes in turn are ordinary ones. */
export function takeSelfRequest (): SelfRequest {
  const holder = current.getStore()
  if (holder === undefined) return NOT_SELF
  const { selfRequest } = holder
  holder.selfRequest = NOT_SELF
  return selfRequest
}

/**
 * Passes a request on whose route has no page cache. If it is to be explained, ends it instead, before any other hook.
 *
 * The router decides by what the whole request contains, so its route is known no earlier.
 */
export function passUncached (reply: FastifyReply, done: () => void): void {
  const { explainRequest } = takeSelfRequest()
  if (explainRequest === undefined) return done()
  explainRequest.onUncached()
  reply.code(404).send()
}
