import { setImmediate } from 'node:timers'
import type { CacheAdapter, Lookup, MaybePromise, StalenessBound } from '../../cache/index.ts'
import type { CacheReader } from './lookup.ts'

/** The number of lookups after a batch of one that are made at once. The next one waits, to see if it is alone. */
const LONE_LOOKUPS = 16

/**
 * Looks up the requests of one event-loop turn together, as soon as the turn has read all of them.
 *
 * This takes a third less time than a lookup for each by itself: reading, looking up and writing each happen in a row,
 * and all lookups share one check of the version clock, which is later than the arrival of every request. Requests that
 * arrive alone do not wait, since nothing would be shared, if the store returns entries at once.
 */
export class LookupBatcher {
  readonly #cache: CacheAdapter
  #next: Array<(reader: CacheReader) => void> | undefined
  #loneLookups = 0
  /** Whether the last lookup of a batch took no round trip. */
  #isSynchronous = false

  constructor (cache: CacheAdapter) {
    this.#cache = cache
  }

  /**
   * Runs a lookup with the next batch; at once if requests arrive alone, or if the caller sees what others do not, e.g.
   * inside a transaction.
   *
   * An error rejects the returned promise, and no other lookup of the batch.
   */
  run<T> (lookUp: (reader: CacheReader) => MaybePromise<T>): MaybePromise<T> {
    if (this.#cache.isolated) return lookUp(this.#cache)
    if (this.#loneLookups > 0 && this.#next === undefined) {
      this.#loneLookups--
      return lookUp(this.#cache)
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    if (this.#next === undefined) this.#schedule()
    this.#next!.push((reader) => {
      try {
        const found = lookUp(reader)
        this.#isSynchronous = !(found instanceof Promise)
        resolve(found)
      } catch (error) {
        reject(error)
      }
    })
    return promise
  }

  #schedule (): void {
    const lookups: Array<(reader: CacheReader) => void> = this.#next = []
    setImmediate(() => {
      this.#next = undefined // later requests may follow a change that this batch does not see
      const reader = new BatchReader(this.#cache)
      // Handlers and hooks run after the batch, since they may write to the database.
      this.#cache.batch(() => { for (const lookUp of lookups) lookUp(reader) })
      if (lookups.length === 1 && this.#isSynchronous) this.#loneLookups = LONE_LOOKUPS
    })
  }
}

/** Looks up each key once for all requests of a batch, if that takes a round trip. */
class BatchReader implements CacheReader {
  readonly #cache: CacheAdapter
  readonly #lookups = new Map<string, { readonly found: Promise<Lookup>, readonly bound: StalenessBound | undefined }>()

  constructor (cache: CacheAdapter) {
    this.#cache = cache
  }

  lookup (key: string, bound?: StalenessBound): MaybePromise<Lookup> {
    const shared = this.#lookups.get(key)
    // A lookup that has to check does not use what another one has not checked.
    if (shared === undefined || (shared.bound === undefined) !== (bound === undefined)) {
      const found = this.#cache.lookup(key, bound)
      if (found instanceof Promise) this.#lookups.set(key, { found, bound })
      return found
    }
    return shared.found.then((found) => {
      if (bound !== undefined) bound.isUsed = shared.bound!.isUsed
      this.#cache.reportLookup(key, found)
      return found
    })
  }
}
