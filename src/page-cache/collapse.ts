import { type LoadHandle, toTimerMs } from '../cache/index.ts'
import { matchesVary, type MatchVary, type VaryMatch } from './key/variants.ts'
import type { Page } from './stored-response.ts'

/** A response that reports a failure of the upstream, as the requests that wait for the same key may get it. */
export interface SharedFailure extends Pick<Page, 'statusMessage' | 'headers' | 'removed' | 'body'> {
  /** The request headers on which it depends. Only requests with the same values may get it. */
  readonly varyMatch: VaryMatch
  readonly customKey: string | null
}

/** The error of a load whose handler has responded with a failure of the upstream. */
export class UpstreamFailure extends Error {
  readonly status: number
  readonly #shared: SharedFailure | undefined

  /** @param shared the response, if other requests may get it */
  constructor (status: number, shared?: SharedFailure) {
    super(`The handler responded with status ${status}.`)
    this.status = status
    this.#shared = shared
  }

  /** Returns the response for another request, if it may get it. */
  responseFor (match: MatchVary, customKey: string | null): SharedFailure | undefined {
    const shared = this.#shared
    if (shared === undefined || shared.customKey !== customKey) return undefined
    return matchesVary(shared.varyMatch, match(shared.varyMatch.varyNames)) ? shared : undefined
  }
}

/**
 * Discards a load that is not settled in time. Its handler goes on, for its own request alone.
 *
 * @param ms milliseconds for which requests wait for the handler of another; then each runs it for itself
 */
export function limitLoad (load: LoadHandle, ms: number): LoadHandle {
  const timer = setTimeout(() => { load.discard({ keepStale: true }) }, toTimerMs(ms)).unref()
  const settle = <Args extends unknown[], T>(method: (...args: Args) => T) => (...args: Args) => {
    clearTimeout(timer)
    return method(...args)
  }
  return { fulfil: settle(load.fulfil), fail: settle(load.fail), discard: settle(load.discard) }
}
