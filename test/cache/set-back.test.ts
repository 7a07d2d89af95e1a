import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type CacheAdapter, createCache, memoryStore, tieredStore } from '../../src/cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { failingLoader } from '../support/failing-loader.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'
import { listen } from '../support/record-events.ts'
import { startRedis } from '../support/redis.ts'

/* The system clock is set back. */

const { url } = await startRedis(t)
const client = new Redis(url)
t.teardown(() => client.disconnect())

const SIX_HOURS = 6 * 3600
let prefixes = 0

const stores = {
  memory: (now: () => number) => memoryStore({ now }),
  redis: (now: () => number) => patientRedisStore({ client, prefix: `test${++prefixes}`, now }),
  tiered: (now: () => number) =>
    tieredStore({ near: memoryStore({ now }), far: stores.redis(now), now })
}

for (const [name, newStore] of Object.entries(stores)) {
  t.test(`${name}: an entry that was stored in the future is expired`, async (t) => {
    const { now, advance } = fakeClock()
    const cache = createCache({ store: newStore(now), now })
    await cache.setMany([['key', 'old'], ['eternal', 'old']], { ttl: 300 })
    await cache.set('eternal', 'old', { ttl: null })
    await cache.getOrSet('stale', () => 'old', { ttl: 300, staleIfError: 300 })
    await cache.increment('count', 5)
    t.equal((await cache.getMany(['key', 'eternal', 'stale', 'count'])).size, 4)
    advance(-SIX_HOURS)
    const { events } = listen(t, cache)
    t.equal(await cache.get('key'), undefined)
    t.match(events, [{ type: 'miss', reason: 'expired' }])
    t.equal((await cache.getMany(['key', 'eternal', 'stale', 'count'])).size, 0)
    t.equal(await cache.ttl('eternal'), undefined)
    t.equal(await cache.touch('key', 10), false)
    await t.rejects(cache.getOrSet('stale', failingLoader, { staleIfError: 300, staleWhileRevalidate: 300 }))
    t.equal(await cache.increment('count', 1), 1)
    t.equal(await cache.add('eternal', 'new'), true)
    t.equal(await cache.getOrSet('key', () => 'new', { ttl: 300 }), 'new')
    t.strictSame([...await cache.getMany(['key', 'eternal'])], [['key', 'new'], ['eternal', 'new']])
  })
}

t.test('an entry of a process whose clock is up to one second ahead is a hit', async (t) => {
  const [mine, theirs] = [fakeClock(), fakeClock()]
  const store = memoryStore({ now: mine.now })
  const [cache, other] = [createCache({ store, now: mine.now }), createCache({ store, now: theirs.now })]
  theirs.advance(1)
  await other.set('key', 1)
  t.equal(await cache.get('key'), 1)
  theirs.advance(0.001)
  await other.set('key', 2)
  t.equal(await cache.get('key'), undefined)
})

t.test('after a load has failed, the clock is set back: the next attempt does not wait for hours', async (t) => {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), now })
  const options = { ttl: 10, staleIfError: 100 * 3600 }
  await cache.getOrSet('key', () => 'old', options)
  advance(2 * SIX_HOURS)
  t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
  t.equal(await cache.getOrSet('key', () => 'too early', options), 'old')
  advance(-SIX_HOURS)
  t.equal(await cache.getOrSet('key', () => 'new', options), 'new')
})

/** Replaces the system clock, but not the monotonic one. */
function setSystemClock (t: Test, seconds: number): void {
  const { now } = Date
  Date.now = () => now() + seconds * 1000
  t.teardown(() => { Date.now = now })
}

t.test('by default, lifetimes in a process do not depend on the system clock being set back', async (t) => {
  const cache: CacheAdapter = createCache({ store: memoryStore() })
  await cache.set('key', 'value', { ttl: 300 })
  const before = (await cache.ttl('key'))!
  setSystemClock(t, -SIX_HOURS)
  t.equal(await cache.get('key'), 'value')
  t.ok((await cache.ttl('key'))! <= before)
  setSystemClock(t, SIX_HOURS + 301)
  t.equal(await cache.get('key'), undefined)
})
