import type { LoadContext, LoadResult } from '../cache/index.ts'
import type { Page } from './stored-response.ts'
import { matchesVary, isVariants, type MatchVary, type VaryMatch, type Variants } from './key/variants.ts'

/** What is to be kept. */
export interface StorableResponse {
  readonly content: Page | Variants
  /** Seconds. */
  readonly ttl: number
  /** Seconds after its life for which it stays. */
  readonly staleFor: number
  readonly tags: readonly string[]
  /** Milliseconds that its handler took; null of what only says where to look. */
  readonly loadedIn: number | null
}

/** A failure of what is behind the handler, as all who wait for the same page may be told it. */
export interface SharedFailure extends Pick<Page, 'headers' | 'body'> {
  /** What the request that got it said in the fields that shaped it, and what its route added: it is for who says the same. */
  readonly selection: VaryMatch
  readonly added: string | null
}

/** A response that stands for a failure of what is behind the handler. */
export class UpstreamFailure extends Error {
  readonly status: number
  /** The answer, where others may get it. */
  readonly answer: SharedFailure | undefined

  constructor (status: number, answer?: SharedFailure) {
    super(`the handler answered with status ${status}`)
    this.status = status
    this.answer = answer
  }

  /** The answer, where a request that selects so may get it. */
  answerTo (select: MatchVary, added: string | null): SharedFailure | undefined {
    const { answer } = this
    return answer?.added === added && matchesVary({ varyValues: answer.selection.varyValues }, select(answer.selection.varyNames)) ? answer : undefined
  }
}

/**
 * What a handler that ran ended in: something to keep; a failure; `not-kept`: there is a response, and what was kept is
 * over; undefined: it says nothing of what was kept.
 */
export type HandlerOutcome = StorableResponse | UpstreamFailure | 'not-kept' | undefined

/** Tells a load what to keep. */
export function fill (context: LoadContext, made: StorableResponse): Page | Variants {
  context.setTtl(made.ttl)
  context.staleFor(made.staleFor)
  context.addTags(...made.tags)
  context.loadedIn(made.loadedIn)
  // Where to look stays true whatever was read for what is found there.
  if (isVariants(made.content)) context.ignoreReads()
  return made.content
}

/** Seconds for which requests wait for one that runs the handler; then each runs it for itself. */
const LONGEST_WAIT = 60

/** Takes the response of one request that runs the handler to the load that all others wait for. */
export class CollapsedRequest {
  /** What the load brings; undefined where it may not be kept. */
  readonly content: Promise<Page | Variants | undefined>
  readonly #context: LoadContext
  readonly #loaded: () => Promise<LoadResult>
  readonly #settle: { resolve (content: Page | Variants | undefined): void, reject (failure: UpstreamFailure): void }
  readonly #abandon: NodeJS.Timeout

  /** @param loaded the load that it is made for */
  constructor (context: LoadContext, loaded: () => Promise<LoadResult>) {
    const { promise, ...settle } = Promise.withResolvers<Page | Variants | undefined>()
    this.content = promise
    this.#context = context
    this.#loaded = loaded
    this.#settle = settle
    this.#abandon = setTimeout(() => this.settle(undefined), LONGEST_WAIT * 1000).unref()
  }

  settle (outcome: HandlerOutcome): void {
    clearTimeout(this.#abandon)
    if (outcome instanceof UpstreamFailure) return this.#settle.reject(outcome)
    if (typeof outcome === 'object') return this.#settle.resolve(fill(this.#context, outcome))
    this.#context.skipStore(outcome === undefined)
    this.#settle.resolve(undefined)
  }

  /** As `settle`, and tells what the load ended in. Rejects with a failure for which nothing stands in. */
  readonly finish = async (outcome: HandlerOutcome): Promise<LoadResult> => {
    this.settle(outcome)
    return await this.#loaded()
  }
}
