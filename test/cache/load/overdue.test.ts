import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createCache, LoadTimeoutError, memoryStore, type Store } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'
import { listen } from '../../support/record-events.ts'
import { withRedis } from '../../support/with-redis.ts'

/* Loads that take longer than callers wait for the load of another. */

const { client } = await withRedis(t)

let prefixes = 0
const stores: Record<string, () => Store> = {
  memory: () => memoryStore(),
  redis: () => patientRedisStore({ client, prefix: `test${++prefixes}` })
}
const never = () => new Promise<string>(() => {})

for (const [name, newStore] of Object.entries(stores)) {
  t.test(`${name}: after maxWait a caller loads for itself, and later callers get its value`, async (t) => {
    const cache = createCache({ store: newStore(), maxWait: 0.2 })
    cache.getOrSet('key', never)
    await sleep(1)
    t.equal(await cache.getOrSet('key', () => 'value'), 'value')
    t.equal(await cache.get('key'), 'value')
    t.equal(cache.loadsInFlight, 1)
  })

  t.test(`${name}: of several callers that have waited, each loads for itself, and one result is stored`, async (t) => {
    const cache = createCache({ store: newStore(), maxWait: 0.2 })
    const listener = listen(t, cache)
    cache.getOrSet('key', never)
    const values = await Promise.all(['a', 'b', 'c'].map((value) => cache.getOrSet('key', () => sleep(20, value))))
    t.strictSame(values, ['a', 'b', 'c'])
    t.ok(values.includes((await cache.get<string>('key'))!))
    t.match(listener.events.filter(({ type }) => type === 'refuse'), [
      { reason: 'load-overdue' }, { reason: 'load-overdue' }
    ])
  })

  t.test(`${name}: the result of an overdue load is not stored`, async (t) => {
    const cache = createCache({ store: newStore(), maxWait: 0.2 })
    const held = deferredLoader<string>()
    const first = cache.getOrSet('key', held.load)
    await held.began
    t.equal(await cache.getOrSet('key', () => 'new'), 'new')
    held.end('old')
    t.equal(await first, 'old')
    t.equal(await cache.get('key'), 'new')
  })

  t.test(`${name}: two loaders that wait for each other end`, async (t) => {
    const cache = createCache({ store: newStore(), maxWait: 0.2 })
    const [a, b] = [deferredLoader(), deferredLoader()]
    const values = Promise.all([
      cache.getOrSet('a', async (context) => {
        a.load(context)
        await b.began
        return await cache.getOrSet('b', () => 'b in a')
      }),
      cache.getOrSet('b', async (context) => {
        b.load(context)
        await a.began
        return await cache.getOrSet('a', () => 'a in b')
      })
    ])
    t.same((await values).length, 2)
  })
}

t.test('maxWait is 60 seconds by default, counted from when the load began', async (t) => {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), now })
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load)
  await held.began
  t.equal(cache.isLoading('key'), true)
  advance(59.999)
  const second = cache.getOrSet<unknown>('key', failingLoader)
  await sleep(1)
  t.equal(cache.loadsInFlight, 1, 'it has joined')
  advance(0.001)
  t.equal(cache.isLoading('key'), false)
  t.equal(await cache.getOrSet('key', () => 'third'), 'third')
  held.end('first')
  t.equal(await first, 'first')
  t.equal(await second, 'third', 'the first load has been replaced')
  t.equal(cache.isLoading('key'), false)
})

t.test('a clock that is set back does not make callers wait longer', async (t) => {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), now, maxWait: 0.2 })
  cache.getOrSet('key', never)
  await sleep(1)
  advance(-6 * 3600)
  t.equal(await cache.getOrSet('key', () => 'value'), 'value')
})

t.test('a timeout that is shorter than maxWait ends the wait with an error', async (t) => {
  const cache = createCache({ store: memoryStore(), maxWait: 60 })
  cache.getOrSet('key', never)
  await t.rejects(cache.getOrSet('key', never, { timeout: 0.01 }), LoadTimeoutError)
})

t.test('a refresh that never ends is replaced after maxWait', async (t) => {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), now })
  const listener = listen(t, cache)
  const options = { ttl: 10, staleWhileRevalidate: 1000 }
  await cache.getOrSet('key', () => 'old', options)
  advance(10)
  t.equal(await cache.getOrSet('key', never, options), 'old')
  advance(59.999)
  t.equal(await cache.getOrSet('key', failingLoader, options), 'old', 'the first one is in flight')
  advance(0.001)
  t.equal(await cache.getOrSet('key', () => 'new', options), 'old')
  await listener.heard('set', 2)
  t.equal(await cache.get('key'), 'new')
})

t.test('another process whose load never ends is waited for during maxWait, and nothing is stored', async (t) => {
  const prefix = `test${++prefixes}`
  const newCache = () => createCache({ store: patientRedisStore({ client, prefix }), maxWait: 0.2 })
  const [cache, theirs] = [newCache(), newCache()]
  const held = deferredLoader()
  theirs.getOrSet('key', held.load)
  await held.began
  t.equal(await cache.getOrSet('key', () => 'mine'), 'mine')
  t.equal(await cache.get('key'), undefined)
  held.end('theirs')
})

t.test('an invalid maxWait is refused by name', async (t) => {
  for (const maxWait of [-1, NaN, Infinity, '1', null]) {
    t.throws(() => createCache({ store: memoryStore(), maxWait: maxWait as number }),
      { code: 'FST_ERR_LARDER_OPTION', message: /^The value of maxWait must be a number of seconds, zero or more, or a text such as "5m", but is / })
  }
})
