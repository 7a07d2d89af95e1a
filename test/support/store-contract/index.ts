import type { Test } from 'tap'
import { createCache, type Store } from '../../../src/cache/index.ts'
import { fakeClock } from '../clock.ts'
import { counting } from './increment.ts'
import { deleting, clearing, tagging } from './delete-and-clear.ts'
import { lives, adding, touching } from './ttl.ts'
import { loading } from './loading.ts'
import { revoking, joining } from './concurrency.ts'
import { backingOff, refreshingAhead, limiting } from './refresh.ts'
import { refusing } from './invalid-arguments.ts'
import { sweeping } from './delete-matching.ts'
import { reading, many } from './get-and-set.ts'
import { standingIn, waiting } from './stale.ts'
import type { MakeSetUp } from './set-up.ts'

/** Makes an empty store that shares nothing with the ones before, and that goes by the clock given. */
export type MakeStore = (now: () => number) => Store

const PARTS = [reading, many, lives, adding, touching, counting, deleting, clearing, sweeping, tagging, loading, revoking, joining, standingIn, waiting, backingOff, refreshingAhead, limiting, refusing]

/** The whole `Cache` interface, over a store of the kind that `makeStore` makes. */
export function cacheContract (t: Test, name: string, makeStore: MakeStore): void {
  const setUp: MakeSetUp = (options = {}) => {
    const clock = fakeClock()
    return { clock, cache: createCache({ store: makeStore(clock.now), now: clock.now, ...options }) }
  }

  t.test(`a cache over ${name}`, (t) => {
    for (const part of PARTS) {
      t.test(part.name, (t) => {
        part(t, setUp)
        t.end()
      })
    }
    t.end()
  })
}
