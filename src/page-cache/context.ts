import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LoadHandle, LoadResult, ReadSet } from '../cache/index.ts'
import type { CacheStatus } from './http/cache-status.ts'
import type { HeaderTracker } from './key/header-tracking.ts'
import type { RequestTarget } from './key/key.ts'
import { type CacheLocation, matchVary, type VaryMatch } from './key/variants.ts'
import type { RouteCacheConfig } from './options.ts'
import type { ExplainRequest, Revalidation } from './self-request.ts'
import type { Page, PreparedPage, ReplyHeaders, StoragePolicy } from './stored-response.ts'
import type { Detail } from './http/details.ts'

/** Under which a request has its `PageCacheContext`, if its route has a page cache. */
export const CONTEXT = Symbol('larder.context')
/** Under which a request with an unsafe method has its target, whose stored responses it invalidates. */
export const UNSAFE_TARGET = Symbol('larder.unsafe-target')
/** Under which a request has the options of its route, if that has a page cache. */
export const CACHED_ROUTE = Symbol('larder.cached-route')

declare module 'fastify' {
  interface FastifyRequest {
    [CONTEXT]: PageCacheContext | null
    [UNSAFE_TARGET]: RequestTarget | null
    [CACHED_ROUTE]: RouteCacheConfig | null
  }
}

/** The state of a request on its way through the page cache. */
export interface PageCacheContext {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: RouteCacheConfig
  /** When the request arrived, by `performance.now`. */
  readonly startedAt: number
  readonly target: RequestTarget
  /** Records which request headers are read. */
  readonly headerTracker: HeaderTracker
  /** Dependencies of the response, including those that hooks read before the handler. */
  readonly reads: ReadSet
  /** Dependencies of the outer response, if this request was injected while that response was being built. */
  readonly outerReads: ReadSet | undefined
  /** Present for requests of the page cache itself. */
  readonly revalidation: Revalidation | undefined
  readonly explainRequest: ExplainRequest | undefined
  /** Why the key does not cover the URL that the handler sees, as the `detail` of its status; undefined if it does. */
  readonly notKeyedBecause: Detail | undefined
  /** The result of the route's option `key`; null without it. */
  customKey: string | null
  /** Present from the start of the handler to its response. */
  handlerRun: HandlerRun | undefined
  /** The response of another run that is sent. */
  served: Pick<PreparedPage, 'headers' | 'policies'> | undefined
  /** Whether a reply has been sent to the `onSend` hooks. */
  replied: boolean
  /** Whether an error has replaced that reply. */
  replacedByError: boolean
  /** The tags that the route names for the response. */
  tags: readonly string[]
  pendingStore: PendingStore | undefined
  /** `Content-Encoding` of the stored response; if a later hook sets another, it makes another representation. */
  contentEncoding: ReplyHeaders[string]
}

/** Whether a response was stored. */
export type StoreResult = Pick<LoadResult, 'stored' | 'entry'> & {
  notStoredBecause?: Detail
  untagged?: true | undefined
}

/** A response that is to be stored, unless a later hook adds a header that forbids it. */
export interface PendingStore {
  readonly task: StoreTask
  /** The status code of the handler's response. */
  readonly code: number
  /** When the handler began, in milliseconds since 1970. */
  readonly requested: number
  readonly status: CacheStatus
  readonly policy: StoragePolicy
  /** What to store; undefined if the response is outdated already. */
  readonly page: Page | undefined
  /** The headers of hooks, which are stored if the body depends on them. */
  readonly hookHeaders: Page['headers']
  /** The body of the page, if it is a stream. */
  readonly stream: PendingStream | undefined
  /** The headers that we have set about the lifetime of the response. */
  readonly lifetimeHeaders: ReplyHeaders
  /** All that its headers then said about its lifetime. */
  readonly lifetime: string
}

/** A stream that is sent and collected. */
export interface PendingStream {
  readonly body: Promise<Buffer | 'too-large' | 'incomplete'>
  /** How many request headers had been read before it began to flow. */
  readCount: number
  isFlowing: boolean
}

/** A run of the route's handler. */
export interface HandlerRun {
  readonly status: CacheStatus
  /** Reply headers from before the run. */
  readonly before: ReplyHeaders
  /** When it began, in milliseconds since 1970. */
  readonly requested: number
  /** Absent if the response must not be stored. */
  readonly task: StoreTask | undefined
}

/** Where to store the response of a handler run, and which requests wait for it. */
export interface StoreTask {
  readonly location: CacheLocation
  /** The stored response that the handler may validate. */
  readonly stale?: PreparedPage | undefined
  /** The load that waits for the response. */
  readonly load: LoadHandle
}

/** Selects the response for a request by the values of these request headers. */
export function matchRequestVary (
  { headerTracker, customKey }: PageCacheContext, varyNames: readonly string[]
): VaryMatch {
  return matchVary(varyNames, headerTracker, customKey)
}
