import { AsyncResource } from 'node:async_hooks'
import { setImmediate } from 'node:timers'
import type { Cache } from '../../cache/index.ts'
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

class LookupBatch {
  readonly #cache: Cache
  readonly #waiting: Array<{ lookUp: FetchFromCache, context: AsyncResource }> = []

  constructor (cache: Cache) {
    this.#cache = cache
  }

  add (lookUp: FetchFromCache): void {
    this.#waiting.push({ lookUp, context: new AsyncResource('LarderLookUp') })
  }

  run (): void {
    // Handlers and hooks run after the batch: they may write to the database, and have to see it.
    const next = this.#cache.batch(() =>
      this.#waiting.map(({ lookUp, context }) => context.runInAsyncScope(lookUp.begin, lookUp, this.#cache)))
    this.#waiting.forEach(({ context }, i) => { context.runInAsyncScope(next[i]!) })
  }
}
