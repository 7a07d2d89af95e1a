import type { CacheAdapter, CacheOptions } from '../../../src/cache/index.ts'
import type { FakeClock } from '../clock.ts'

/** A cache over an empty store, and the clock that both go by. */
export interface SetUp {
  cache: CacheAdapter
  clock: FakeClock
}

export type MakeSetUp = (options?: Pick<CacheOptions, 'jitter' | 'maxLoads' | 'random'>) => SetUp
