import { createCache, memoryStore } from '../../src/cache/index.ts'
import { fakeClock } from './clock.ts'

export function createMemoryCache () {
  const clock = fakeClock()
  return { clock, cache: createCache({ store: memoryStore({ now: clock.now }), now: clock.now }) }
}
