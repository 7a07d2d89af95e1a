import { AsyncResource } from 'node:async_hooks'
import { setImmediate } from 'node:timers'
import type { Cache, LookupOptions } from '../../cache/index.ts'
import type { Lookup } from './lookup.ts'
import type { FetchFromCache } from './fetch-from-cache.ts'

/**
 * All requests that one turn of the event loop brings are looked up together, once the turn has read them. It takes a third
 * less than each by itself: reading, looking up and writing are each done in a row, and one look at the version clock, later
 * than all of them came, does for all.
 */
export class LookupBatches {
  readonly #cache: Cache
  #waiting: LookupBatch | undefined

  constructor (cache: Cache) {
    this.#cache = cache
  }

  begin (lookUp: FetchFromCache): void {
    if (this.#waiting === undefined) {
      const turn = this.#waiting = new LookupBatch(this.#cache)
      setImmediate(() => {
        this.#waiting = undefined // who comes from now on may know of a change that this turn does not see
        turn.run()
      })
    }
    this.#waiting.add(lookUp)
  }
}

class LookupBatch implements Lookup {
  readonly #cache: Cache
  readonly #waiting: Array<{ lookUp: FetchFromCache, context: AsyncResource }> = []
  readonly #options: LookupOptions = { turn: this }
  readonly #orLease: LookupOptions = { turn: this, lease: true }

  constructor (cache: Cache) {
    this.#cache = cache
  }

  add (lookUp: FetchFromCache): void {
    this.#waiting.push({ lookUp, context: new AsyncResource('LarderLookUp') })
  }

  run (): void {
    // The clock keeps the turn until the next one: it must not keep its requests.
    for (const { lookUp, context } of this.#waiting.splice(0)) context.runInAsyncScope(lookUp.begin, lookUp, this)
  }

  lookup (key: string, options?: LookupOptions) {
    return this.#cache.lookup(key, options?.lease ? this.#orLease : this.#options)
  }
}
