import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LoadResult, ReadSet } from '../cache/index.ts'
import type { CacheStatus } from './http/cache-status.ts'
import type { HandlerOutcome } from './collapse.ts'
import type { HeaderTracker } from './key/header-tracking.ts'
import type { ExplainRequest } from './admin/explain-request.ts'
import type { RequestTarget } from './key/key.ts'
import type { RouteCacheConfig } from './options.ts'
import type { PreparedPage, ReplyHeaders } from './stored-response.ts'
import type { Revalidation } from './request/revalidate.ts'
import { type CacheLocation, matchVary, type VaryMatch } from './key/variants.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Of requests for routes whose responses are kept. */
    pageCache: PageCacheContext | null
    /** What a request with an unsafe method is about to change. */
    unsafeTarget: RequestTarget | null
  }
}

/** A request on its way through the page cache. */
export interface PageCacheContext {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: RouteCacheConfig
  /** When it came, by `performance.now`. */
  readonly startedAt: number
  readonly target: RequestTarget
  /** Which of its headers have been read. */
  readonly headerTracker: HeaderTracker
  /** What has been read for the page so far, also by hooks before its handler. */
  readonly reads: ReadSet
  /** What is read for the answer in whose making the application asks itself. */
  readonly outerReads: ReadSet | undefined
  /** Of requests that the page cache makes itself. */
  readonly revalidation: Revalidation | undefined
  readonly explainRequest: ExplainRequest | undefined
  /** Whether the request has no parameter that is not in its key. */
  readonly queryIsKeyed: boolean
  /** What the option `key` of the route adds. */
  customKey: string | null
  handlerRun: HandlerRun | undefined
  /** Whether an answer is on its way. */
  replied: boolean
  /** Whether an error has taken the place of that answer. */
  replacedByError: boolean
  pendingStore: PendingStore | undefined
  /** The `Content-Encoding` of the page; what a later hook makes of it is another representation. */
  contentEncoding: ReplyHeaders[string]
}

/** What became of a response. */
export type StoreResult = Pick<LoadResult, 'stored' | 'notStoredBecause'>

/** The end of a response that may be kept, unless a hook that comes last adds what forbids it. */
export interface PendingStore {
  readonly status: CacheStatus
  /** Seconds that the answer stays fresh. */
  readonly ttl: number
  /** What we have written of its life, and all that it then said of it. */
  readonly told: ReplyHeaders
  readonly control: string
  readonly keep: () => Promise<StoreResult>
  /** Lets those go who wait for it. */
  readonly drop: () => void
}

/** A handler that runs. */
export interface HandlerRun {
  readonly status: CacheStatus
  /** Headers that stood before it ran. */
  readonly before: ReplyHeaders
  /** When it began, in milliseconds since 1970. */
  readonly requested: number
  /** Absent where its response is not to be kept. */
  readonly task: StoreTask | undefined
}

/** What is to become of a response that may be kept. */
export interface StoreTask {
  readonly location: CacheLocation
  /** The page that it may confirm. */
  readonly stale?: PreparedPage | undefined
  /** Settles the load that other requests wait for. */
  readonly finish: (outcome: HandlerOutcome) => Promise<LoadResult>
}

/** Selects the response for a request by the values of these request headers. */
export function matchRequestVary ({ headerTracker, customKey }: PageCacheContext, varyNames: readonly string[]): VaryMatch {
  return matchVary(varyNames, headerTracker, customKey)
}
