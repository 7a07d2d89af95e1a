import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { withRedis } from '../../support/with-redis.ts'
import { until } from '../../support/until.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { listen } from '../../support/record-events.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

const { clients } = await withRedis(t, 2)

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

t.test('the note of a failure does not restore an entry that the store has lost', async (t) => {
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  const cache = createCache({ store, now: clock.now })
  const options = { ttl: 10, staleIfError: 1_000 }
  await cache.getOrSet('key', () => 'old', options)
  clock.advance(10)
  const held = deferredLoader()
  const asked = cache.getOrSet('key', held.load, options)
  await held.began
  await store.delete(['key'])
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
