import type { PageCacheContext } from './context.ts'

/** Keys that are remembered. */
const MAX_KEYS = 10_000
/** Milliseconds for which requests run in parallel after a response that could not be stored. */
const HIT_FOR_MISS_MS = 10_000

/** Reasons not to store a response that concern requests with the same kinds of headers, and no others. */
const ABOUT_THE_REQUEST: ReadonlySet<string> = new Set(['cookie', 'authorization', 'forwarded'])

/**
 * Remembers the keys whose last response could not be stored: their requests do not wait for one another.
 *
 * One of them still tries to store its response, so that a page that can be stored again soon is.
 *
 * The loader of the cache cannot do this for both. Callers of one process that wait for a value share it even if it
 * cannot be stored, so there only processes load in parallel, which a lease of the key tells them. A response that
 * cannot be stored is for its own request alone, and whether it can depends on headers that are no part of the key.
 */
export class HitForMiss {
  /** Milliseconds since 1970 until which a key is remembered, the oldest first. */
  readonly #untilByKey = new Map<string, number>()
  readonly #now: () => number

  /** @param now milliseconds since 1970 */
  constructor (now: () => number) {
    this.#now = now
  }

  /** Whether requests for a key run in parallel. */
  has (key: string, ctx: PageCacheContext): boolean {
    if (this.#untilByKey.size === 0) return false
    return this.#isMarked(key) || this.#isMarked(withKindsOfHeaders(key, ctx))
  }

  /**
   * Marks a key.
   *
   * @param requested when the handler began, in milliseconds since 1970: the mark outlives the next run of a slow one
   * @param reason why the response could not be stored
   */
  mark (key: string, ctx: PageCacheContext, requested: number, reason = ''): void {
    const marked = ABOUT_THE_REQUEST.has(reason) ? withKindsOfHeaders(key, ctx) : key
    const now = this.#now()
    this.#untilByKey.delete(marked) // so that it becomes the newest
    if (this.#untilByKey.size >= MAX_KEYS) this.#untilByKey.delete(this.#untilByKey.keys().next().value!)
    this.#untilByKey.set(marked, now + HIT_FOR_MISS_MS + Math.max(0, now - requested))
  }

  /** Removes the mark of a key, since a response has been stored. */
  clear (key: string, ctx: PageCacheContext): void {
    if (this.#untilByKey.size === 0) return
    this.#untilByKey.delete(key)
    this.#untilByKey.delete(withKindsOfHeaders(key, ctx))
  }

  #isMarked (key: string): boolean {
    const until = this.#untilByKey.get(key)
    if (until === undefined) return false
    if (this.#now() < until) return true
    this.#untilByKey.delete(key)
    return false
  }
}

/** Adds to a key which of the headers a request has because of which its response may be personal. */
function withKindsOfHeaders (key: string, { headerTracker: { sent, headers } }: PageCacheContext): string {
  const names = Object.keys(sent === headers ? headers : { ...sent, ...headers })
  const has = (test: (name: string) => boolean) => names.some(test) ? '1' : '0'
  return `${key}\n${has((name) => name === 'cookie')}${has((name) => name === 'authorization')}` +
    has((name) => name === 'forwarded' || name.startsWith('x-forwarded-'))
}
