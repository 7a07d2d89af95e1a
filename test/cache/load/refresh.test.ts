import t from 'tap'
import { createCache, type Entry, isMiss, memoryStore } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { listen } from '../../support/record-events.ts'

t.test('refreshAhead follows the distribution of XFetch', async (t) => {
  // The share of those that begin a renewal with so many load times left is e to the minus that.
  for (const [left, least, most] of [[0.5, 0.55, 0.66], [1, 0.32, 0.42], [2, 0.1, 0.17], [9, 0, 0.003]] as const) {
    const clock = fakeClock()
    let seed = 1
    const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647
    const store = memoryStore({ now: clock.now })
    const cache = createCache({ store, now: clock.now, random })
    const listener = listen(t, cache)
    await cache.getOrSet('key', () => { clock.advance(1); return 'value' }, { ttl: 10 })
    clock.advance(10 - left)
    const entry = store.get('key') as Entry
    let renewals = 0
    const rounds = 2_000
    for (let round = 0; round < rounds; round++) {
      const before = listener.events.length
      await cache.getOrSet('key', ({ skipStore }) => { skipStore(); renewals++ }, { refreshAhead: true })
      await new Promise(setImmediate)
      listener.events.length = before
      store.set('key', entry)
    }
    const share = renewals / rounds
    t.ok(share >= least && share <= most, `${left} load times before the end`, { share })
  }
})

t.test('jitter shortens the freshness lifetime by up to its part', async (t) => {
  for (const [random, left] of [[0, 100], [0.5, 90], [0.999999, 80]] as const) {
    const clock = fakeClock()
    const cache = createCache({
      store: memoryStore({ now: clock.now }), now: clock.now, random: () => random, jitter: 0.2
    })
    await cache.set('set', 1, { ttl: 100 })
    await cache.add('add', 1, { ttl: 100 })
    await cache.getOrSet('loaded', () => 1, { ttl: 100, staleIfError: 50 })
    await cache.set('eternal', 1, { ttl: null })
    for (const key of ['set', 'add', 'loaded']) t.ok(Math.abs((await cache.ttl(key))! - left) < 0.001, key)
    const loaded = await cache.lookup('loaded')
    t.ok(
      !isMiss(loaded) && Math.abs(loaded.staleUntil - loaded.freshUntil - 50_000) < 1, 'the window is as long as ever'
    )
    t.equal(await cache.ttl('eternal'), null)
  }
  const cache = createCache({ store: memoryStore(), jitter: 0.5 })
  const lives: number[] = []
  for (let i = 0; i < 1_000; i++) {
    await cache.set('key', i, { ttl: 1_000 })
    lives.push((await cache.ttl('key'))!)
  }
  t.ok(Math.min(...lives) >= 499 && Math.min(...lives) < 520 && Math.max(...lives) <= 1_000 && Math.max(...lives) > 980)
})
