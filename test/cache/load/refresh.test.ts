import { Redis } from 'ioredis'
import t from 'tap'
import {
  createCache, type Entry, isMiss, type LoadFunction, memoryStore, type Store, tieredStore
} from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { heapUsed } from '../../support/heap.ts'
import { startRedis } from '../../support/redis.ts'
import { until } from '../../support/until.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { listen } from '../../support/record-events.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

const { url } = await startRedis(t)
const clients = [new Redis(url), new Redis(url)]
t.teardown(() => { for (const client of clients) client.disconnect() })

let prefixes = 0

/** Two processes. */
function setUp () {
  const clock = fakeClock()
  const prefix = `test${++prefixes}`
  const [mine, theirs] = clients.map((client) => createCache({
    store: patientRedisStore({ client, prefix, now: clock.now }), now: clock.now
  }))
  return { clock, mine: mine!, theirs: theirs! }
}

t.test('the back-off after failed loads is shared between processes', async (t) => {
  for (const options of [{ ttl: 10, staleIfError: 1_000 }, { ttl: 10, staleWhileRevalidate: 1_000 }]) {
    const { clock, mine, theirs } = setUp()
    const errors = [listen(t, mine), listen(t, theirs)].map(
      ({ events }) => () => events.filter(({ type }) => type === 'error').length
    )
    const attempts = () => errors[0]!() + errors[1]!()
    await mine.getOrSet('key', () => 'old', options)
    clock.advance(10)
    let attempted = 0
    for (const seconds of [1, 2, 4, 8]) {
      const cache = attempted % 2 === 0 ? mine : theirs
      t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
      attempted++
      const failed = attempted
      await until('it has failed', () => attempts() === failed)
      for (const cache of [mine, theirs]) t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
      clock.advance(seconds - 0.001)
      for (const cache of [mine, theirs]) t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
      t.equal(attempts(), attempted)
      clock.advance(0.001)
    }
  }
})

t.test('the note of a failure does not restore an entry that another cache deleted', async (t) => {
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  const [mine, theirs] = [createCache({ store, now: clock.now }), createCache({ store, now: clock.now })]
  const options = { ttl: 10, staleIfError: 1_000 }
  await mine.getOrSet('key', () => 'old', options)
  clock.advance(10)
  const held = deferredLoader()
  const asked = mine.getOrSet('key', held.load, options)
  await held.began
  await theirs.delete('key')
  held.fail(new Error('upstream down'))
  t.equal(await asked, 'old', 'it was asked for before')
  t.equal(store.get('key'), undefined)
})

t.test('a store that cannot note a failure loses only the note', async (t) => {
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  const cache = createCache({ store: { ...store, add () { throw new Error('full') } }, now: clock.now })
  const { events } = listen(t, cache)
  const options = { ttl: 10, staleIfError: 1_000 }
  await cache.getOrSet('key', () => 'old', options)
  clock.advance(10)
  t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
  t.match(events.filter(({ type }) => type === 'error'), [
    { doing: 'postpone', error: { message: 'full' } }, { doing: 'load' }
  ])
})

t.test('no failure is noted at an entry that can no longer be served stale', async (t) => {
  const { clock, mine } = setUp()
  await mine.getOrSet('key', () => 'old', { ttl: 10, staleIfError: 10 })
  clock.advance(10)
  const held = deferredLoader()
  const asked = mine.getOrSet('key', held.load)
  await held.began
  clock.advance(10)
  held.fail(new Error('upstream down'))
  await t.rejects(asked, { message: 'upstream down' })
  t.equal(await mine.getOrSet<unknown>('key', () => 'new'), 'new')
})

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

t.test('maxLoads: further loads return values, and are neither shared nor stored', async (t) => {
  const stores = {
    memory: () => memoryStore(),
    redis: () => patientRedisStore({ client: clients[0]!, prefix: `test${++prefixes}` }),
    tiered: () => tieredStore({ near: memoryStore(), far: memoryStore() })
  }
  for (const [name, makeStore] of Object.entries(stores)) {
    const store = makeStore()
    const cache = createCache({ store, maxLoads: 2 })
    const listener = listen(t, cache)
    const under = [deferredLoader(), deferredLoader()] as const
    const asked = [cache.getOrSet('a', under[0].load), cache.getOrSet('b', under[1].load)]
    await Promise.all(under.map(({ began }) => began))
    const joining = cache.getOrSet('a', () => t.fail('loaded again'))
    const beyond = [deferredLoader(), deferredLoader()] as const
    const more = beyond.map(({ load }) => cache.getOrSet('c', load))
    await Promise.all(beyond.map(({ began }) => began))
    for (const held of beyond) held.end('c')
    t.strictSame(await Promise.all(more), ['c', 'c'], name)
    t.match(
      listener.events.filter(({ type }) => type === 'refuse'), Array(2).fill({ key: 'c', reason: 'too-many-loads' })
    )
    t.equal(await cache.get('c'), undefined)
    // What failed, was answered, or refused counts no more.
    const failing = t.rejects(asked[1]!, { message: 'upstream down' })
    under[0].end('a')
    under[1].fail(new Error('upstream down'))
    t.strictSame(await Promise.all([asked[0], joining]), ['a', 'a'])
    await failing
    t.match(await cache.load('c', () => 'kept'), { stored: true })
    const [one, two] = [deferredLoader(), deferredLoader()]
    const again = [cache.getOrSet('d', one.load), cache.getOrSet('e', two.load)]
    await Promise.all([one.began, two.began])
    one.end('d')
    two.end('e')
    await Promise.all(again)
    t.equal((await cache.getMany(['a', 'c', 'd', 'e'])).size, 4, name)
    await cache.close()
  }
})

t.test('timeout counts from the start of the load if a stale value can be served', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const options = { ttl: 10, staleIfError: 1_000 }
  await cache.getOrSet('key', () => 'old', options)
  clock.advance(10)
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load, options)
  await held.began
  clock.advance(5)
  const began = performance.now()
  t.equal(await cache.getOrSet('key', held.load, { ...options, timeout: 5 }), 'old')
  t.ok(performance.now() - began < 1_000, 'at once')
  const patient = cache.getOrSet('key', held.load, { ...options, timeout: 500 })
  held.end('new')
  t.strictSame(await Promise.all([first, patient]), ['new', 'new'])
})

t.test('25,000 keys that are loaded, waited for, failed and not stored leave nothing in memory', async (t) => {
  const memory = memoryStore({ maxBytes: 100_000 })
  let [looks, leases, watches] = [0, 0, 0]
  const store: Store = {
    ...memory,
    acquire (key) {
      const kept = memory.get(key) as Entry | undefined
      if (kept !== undefined) return kept
      if (++looks % 2 === 0) return { wait () { watches++; return { async next () {}, end () { watches-- } } } }
      leases++
      return {
        lease: {
          async fill (entry) {
            leases--
            return await memory.set(key, entry) ? 'stored' : 'too-large'
          },
          release () { leases-- }
        }
      }
    }
  }
  const cache = createCache({ store, maxLoads: 10 })
  const loads: Array<LoadFunction<unknown>> = [
    () => 1,
    async () => 1,
    failingLoader,
    ({ skipStore }) => { skipStore() },
    ({ addTags }) => { addTags('a'); return 1 }
  ]
  const ask = async (from: number, count: number) => {
    for (let i = from; i < from + count; i++) {
      const load = loads[i % loads.length]!
      const asked = [cache.getOrSet(`key ${i}`, load, { timeout: 10 }), cache.getOrSet(`key ${i}`, load)]
      await Promise.allSettled(asked)
    }
  }
  await ask(0, 5_000)
  const before = await heapUsed()
  await ask(5_000, 25_000)
  t.equal(leases, 0, 'each was filled or released')
  t.equal(watches, 0, 'each was ended')
  const grown = await heapUsed() - before
  t.ok(grown < 500_000, 'bytes', { grown })
})
