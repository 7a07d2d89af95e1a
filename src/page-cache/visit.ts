import type { FastifyRequest } from 'fastify'
import type { Loaded, ReadSet } from '../cache/index.ts'
import type { Alone } from './alone.ts'
import type { CacheStatus } from './cache-status.ts'
import type { Place } from './finder.ts'
import type { Outcome } from './handover.ts'
import type { HeaderReads } from './header-reads.ts'
import type { Inquiry } from './inquiry.ts'
import type { Target } from './key.ts'
import type { Plan } from './options.ts'
import type { ReadyPage, ReplyHeaders } from './page.ts'
import type { Renewal } from './renewal.ts'
import { select, type Selection } from './variants.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Of requests for routes whose responses are kept. */
    pageVisit: PageVisit | null
    /** What a request with an unsafe method is about to change. */
    changing: Target | null
  }
}

/** A request on its way through the page cache. */
export interface PageVisit {
  readonly plan: Plan
  /** When it came, by `performance.now`. */
  readonly began: number
  readonly target: Target
  /** Which of its headers have been read. */
  readonly headerReads: HeaderReads
  /** What has been read for the page so far, also by hooks before its handler. */
  readonly reads: ReadSet
  /** What is read for the answer in whose making the application asks itself. */
  readonly outer: ReadSet | undefined
  /** Of requests that the page cache makes itself. */
  readonly renewal: Renewal | undefined
  readonly inquiry: Inquiry | undefined
  /** Whether the request has no parameter that is not in its key. */
  readonly query: boolean
  /** What the option `key` of the route adds. */
  added: string | null
  run: PageRun | undefined
  /** Whether an answer is on its way. */
  answered: boolean
  /** Whether an error has taken the place of that answer. */
  superseded: boolean
  ending: Ending | undefined
  /** The `Content-Encoding` of the page; what a later hook makes of it is another representation. */
  encoding: ReplyHeaders[string]
}

/** What became of a response. */
export type Kept = Pick<Loaded, 'stored' | 'refusal'>

/** The end of a response that may be kept, unless a hook that comes last adds what forbids it. */
export interface Ending {
  readonly status: CacheStatus
  /** Seconds that the answer stays fresh. */
  readonly ttl: number
  /** What we have written of its life, and all that it then said of it. */
  readonly told: ReplyHeaders
  readonly control: string
  readonly keep: () => Promise<Kept>
  /** Lets those go who wait for it. */
  readonly drop: () => void
}

/** A handler that runs. */
export interface PageRun {
  readonly status: CacheStatus
  /** Headers that stood before it ran. */
  readonly before: ReplyHeaders
  /** When it began, in milliseconds since 1970. */
  readonly requested: number
  /** Absent where its response is not to be kept. */
  readonly task: KeepTask | undefined
}

/** What is to become of a response that may be kept. */
export interface KeepTask {
  readonly place: Place
  /** Where the handler runs for this request alone. */
  readonly alone?: Alone
  /** The page that it may confirm. */
  readonly old?: ReadyPage | undefined
  /** Takes it to all who wait for it. Absent where nobody may wait. */
  readonly finish?: ((outcome: Outcome) => Promise<Loaded>) | undefined
}

/** How a request selects among the responses of its URL. */
export function selectionOf (request: FastifyRequest, list: readonly string[]): Selection {
  const { headerReads, added } = request.pageVisit!
  return select(list, headerReads, added)
}
