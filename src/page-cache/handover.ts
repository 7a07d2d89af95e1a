import type { IncomingHttpHeaders } from 'node:http'
import type { LoadContext, Loaded } from '../cache/index.ts'
import type { Page } from './page.ts'

/** A response that is to be kept. @property ttl seconds */
export interface Made { page: Page, ttl: number }

/** A failure of what is behind the handler, as all who wait for the same page may be told it. */
export interface SharedFailure extends Pick<Page, 'headers' | 'body'> {
  /** The request headers that it was shaped by, and their values: it is for who sent the same. */
  readonly varies: ReadonlyArray<readonly [name: string, value: string | string[] | undefined]>
}

/** A response that stands for a failure of what is behind the handler. */
export class PageFailure extends Error {
  readonly status: number
  /** The answer, where others may get it. */
  readonly answer: SharedFailure | undefined

  constructor (status: number, answer?: SharedFailure) {
    super(`the handler answered with status ${status}`)
    this.status = status
    this.answer = answer
  }

  /** The answer, where a request with these headers may get it. */
  answerTo (headers: IncomingHttpHeaders): SharedFailure | undefined {
    return this.answer?.varies.every(([name, value]) => headers[name] === value) ? this.answer : undefined
  }
}

/** Seconds for which requests wait for one that runs the handler; then each runs it for itself. */
const LONGEST_WAIT = 60

/** Takes the response of one request that runs the handler to the load that all others wait for. */
export class Handover {
  /** What the load brings; undefined where it may not be kept. */
  readonly page: Promise<Page | undefined>
  readonly #context: LoadContext
  readonly #loaded: () => Promise<Loaded>
  readonly #settle: { resolve (page: Page | undefined): void, reject (failure: PageFailure): void }
  readonly #abandon: NodeJS.Timeout

  /** @param loaded the load that it is made for */
  constructor (context: LoadContext, loaded: () => Promise<Loaded>) {
    const { promise, ...settle } = Promise.withResolvers<Page | undefined>()
    this.page = promise
    this.#context = context
    this.#loaded = loaded
    this.#settle = settle
    this.#abandon = setTimeout(() => this.settle(undefined), LONGEST_WAIT * 1000).unref()
  }

  /** @param result the response; undefined: there is none, or it may not be kept */
  settle (result: Made | PageFailure | 'not-kept' | undefined): void {
    clearTimeout(this.#abandon)
    if (result instanceof PageFailure) return this.#settle.reject(result)
    if (result === undefined) this.#context.skipStore(true)
    else if (result === 'not-kept') this.#context.skipStore()
    else this.#context.setTtl(result.ttl)
    this.#settle.resolve(typeof result === 'object' ? result.page : undefined)
  }

  /** As `settle`, and tells what the load ended in. Rejects with a failure for which nothing stands in. */
  async finish (result: Made | PageFailure | 'not-kept' | undefined): Promise<Loaded> {
    this.settle(result)
    return await this.#loaded()
  }
}
