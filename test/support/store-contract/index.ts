import type { Test } from 'tap'
import { createCache, type Store } from '../../../src/cache/index.ts'
import { fakeClock } from '../clock.ts'
import { cached } from './cached.ts'
import { expire, expireTags } from './expire.ts'
import { increment } from './increment.ts'
import { deleteKeys, clear, invalidateTags } from './delete-and-clear.ts'
import { ttl, add, touch } from './ttl.ts'
import { getOrSet } from './loading.ts'
import { writesDuringLoads, sharedLoads } from './concurrency.ts'
import { retryBackOff, refreshAhead, limits } from './refresh.ts'
import { invalidArguments } from './invalid-arguments.ts'
import { deleteMatching } from './delete-matching.ts'
import { getAndSet, getManyAndSetMany } from './get-and-set.ts'
import { getOrSetMany } from './many.ts'
import { lock } from './lock.ts'
import { entries, namespace } from './namespace.ts'
import { serveStale, timeout } from './stale.ts'
import { loadContext } from './load-context.ts'
import { values } from './values.ts'
import type { MakeSetUp } from './set-up.ts'

/** Creates an empty store that shares nothing with the stores before, and uses the given clock. */
export type MakeStore = (now: () => number) => Store

const PARTS = [
  getAndSet, getManyAndSetMany, ttl, add, touch, increment, deleteKeys, clear, deleteMatching, invalidateTags, expire,
  expireTags, getOrSet, getOrSetMany, cached, loadContext, writesDuringLoads, sharedLoads, serveStale, timeout,
  retryBackOff, refreshAhead, limits, values, invalidArguments, entries, namespace, lock
]

/** Tests the whole interface `Cache` over a kind of store. */
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
