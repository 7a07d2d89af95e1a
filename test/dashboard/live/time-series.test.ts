import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { TimeSeries } from '../../../src/dashboard/live/time-series.ts'
import { CacheStats } from '../../../src/metrics/stats.ts'
import { fakeClock } from '../../support/clock.ts'

t.test('sample counts the events since the previous sample, and the last 120 are stored', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const stats = new CacheStats(cache)
  t.teardown(() => stats.close())
  await cache.get('before')
  const history = new TimeSeries(stats)
  await cache.getOrSet('a', () => { clock.advance(1); return 1 })
  await cache.get('a')
  await cache.get('a')
  const first = history.sample()
  t.match(first, { at: clock.now(), hits: 2, misses: 1, stale: 0, loadP50: Number })
  t.ok(first.loadP99! > 0.9 && first.loadP99! <= 1)
  t.ok(first.hitP50! > 0 && first.hitP99! >= first.hitP50!)
  const none = { hits: 0, misses: 0, stale: 0, hitP50: null, hitP99: null, loadP50: null, loadP99: null }
  t.same(history.sample(), { at: clock.now(), ...none })
  for (let i = 0; i < 200; i++) history.sample()
  t.equal(history.samples.length, 120)
})

t.test('a sample that is late contains the rate per second', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore(), now: clock.now })
  const stats = new CacheStats(cache)
  t.teardown(() => stats.close())
  const history = new TimeSeries(stats)
  for (let i = 0; i < 6; i++) await cache.get('a')
  clock.advance(3)
  t.match(history.sample(), { hits: 0, misses: 2, stale: 0 })
  await cache.get('a')
  clock.advance(1)
  t.match(history.sample(), { misses: 1 })
})
