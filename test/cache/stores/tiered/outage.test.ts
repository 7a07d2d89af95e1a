import t from 'tap'
import { createCache, memoryStore, memoryVersions, tieredStore } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { fallibleStore } from '../../../support/fallible-store.ts'
import { listen } from '../../../support/record-events.ts'
import { fallibleProcess } from './set-up.ts'

/** A clock that does not depend on L2, as that of a database. */
const versions = memoryVersions()

/** Loads a number that grows with each run. */
function counter () {
  let runs = 0
  return { load: () => ++runs, runs: () => runs }
}

t.test('while L2 is unavailable, an entry is stored in L1 and is a hit for outageTtl, by default 10 s', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  far.isDown = true
  const { load, runs } = counter()
  t.equal(await cache.getOrSet('key', load, { ttl: 300 }), 1)
  advance(9.999)
  t.equal(await cache.getOrSet('key', load, { ttl: 300 }), 1)
  t.equal(await cache.get('key'), 1)
  t.strictSame([...await cache.getMany(['key', 'other'])], [['key', 1]])
  t.ok((await cache.ttl('key'))! > 0)
  advance(0.001)
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.getOrSet('key', load, { ttl: 300 }), 2)
  t.equal(runs(), 2)
  t.equal(await cache.getOrSet('key', load), 2, 'the new one is a hit')
})

t.test('an entry expires by its own ttl if that is shorter than outageTtl', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  far.isDown = true
  await cache.getOrSet('key', () => 'old', { ttl: 5 })
  advance(5)
  t.equal(await cache.getOrSet('key', () => 'new', { ttl: 5 }), 'new')
})

t.test('an entry with tags on a clock outside L2 is a hit for its whole lifetime, unless they change', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess({ versions })
  far.isDown = true
  const { load } = counter()
  const options = { ttl: 300, tags: ['a'] }
  t.equal(await cache.getOrSet('key', load, options), 1)
  advance(299)
  t.equal(await cache.getOrSet('key', load, options), 1)
  await cache.invalidateTags(['a'])
  t.equal(await cache.getOrSet('key', load, options), 2)
  advance(300)
  t.equal(await cache.getOrSet('key', load, options), 3)
})

t.test('entries that L1 had before L2 became unavailable stay for the same time', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess({ versions })
  await cache.set('tagged', 'value', { tags: ['a'] })
  await cache.set('untagged', 'value')
  advance(100)
  await cache.getMany(['tagged', 'untagged'])
  far.isDown = true
  advance(9.999)
  t.equal((await cache.getMany(['tagged', 'untagged'])).size, 2)
  advance(0.001)
  t.strictSame([...(await cache.getMany(['tagged', 'untagged'])).keys()], ['tagged'])
})

t.test('an entry that L2 has deleted leaves L1, so that it does not come back in an outage', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  await cache.set('key', 'value')
  t.equal(await cache.get('key'), 'value')
  await far.delete(['key'])
  advance(2)
  t.equal(await cache.get('key'), undefined)
  far.isDown = true
  t.equal(await cache.get('key'), undefined)
})

t.test('outageTtl: 0 serves for nearTtl, and only what the clock can verify for longer', async (t) => {
  const { now, advance } = fakeClock()
  const far = fallibleStore(now)
  const store = tieredStore({ near: memoryStore({ now }), far, now, nearTtl: 2, outageTtl: 0 })
  const cache = createCache({ store, versions, now })
  far.isDown = true
  await cache.getOrSet('key', () => 1)
  await cache.getOrSet('tagged', () => 1, { tags: ['a'] })
  advance(1.999)
  t.equal(await cache.get('key'), 1)
  advance(0.001)
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.get('tagged'), 1)
})

t.test('callers that miss together share one load, also if the entry has expired', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  far.isDown = true
  for (const value of [1, 2]) {
    const listener = listen(t, cache)
    const held = deferredLoader()
    const callers = Array.from({ length: 20 }, () => cache.getOrSet('key', held.load, { ttl: 5 }))
    await listener.heard('miss', 20)
    held.end(value)
    t.strictSame(await Promise.all(callers), Array(20).fill(value))
    t.equal(held.runs(), 1)
    advance(5)
  }
})

t.test('set() is seen at once; delete() and clear() reject, and take effect in this process at once', async (t) => {
  const { mine: cache, far } = fallibleProcess()
  far.isDown = true
  await cache.setMany([['a', 1], ['b', 2], ['ca', 3]])
  t.equal((await cache.getMany(['a', 'b', 'ca'])).size, 3)
  await t.rejects(cache.delete('a'), { message: 'L2 is unavailable' })
  t.strictSame([...(await cache.getMany(['a', 'b', 'ca'])).keys()], ['b', 'ca'])
  await t.rejects(cache.deleteMatching({ prefix: 'c' }))
  t.strictSame([...(await cache.getMany(['a', 'b', 'ca'])).keys()], ['b'])
  await t.rejects(cache.clear())
  t.equal((await cache.getMany(['a', 'b', 'ca'])).size, 0)
})

t.test('a load that is overtaken by a delete is not stored', async (t) => {
  const { mine: cache, far } = fallibleProcess()
  far.isDown = true
  const held = deferredLoader()
  const caller = cache.getOrSet('key', held.load)
  await held.began
  await t.rejects(cache.delete('key'))
  held.end('old')
  t.equal(await caller, 'old')
  t.equal(await cache.get('key'), undefined)
})

t.test('a set that is overtaken by a delete stores nothing', async (t) => {
  const { mine: cache, far } = fallibleProcess()
  const { promise, resolve } = Promise.withResolvers<void>()
  far.isDown = true
  far.gate = promise
  const writes = Promise.allSettled([cache.delete('key'), cache.set('key', 'old'), cache.delete('key')])
  resolve()
  await writes
  t.equal(await cache.get('key'), undefined)
})

t.test('a load whose L2 becomes unavailable before it has stored is stored in L1', async (t) => {
  const { mine: cache, far } = fallibleProcess()
  const held = deferredLoader()
  const caller = cache.getOrSet('key', held.load)
  await held.began
  far.isDown = true
  held.end('value')
  t.equal(await caller, 'value')
  t.equal(await cache.get('key'), 'value')
})

t.test('a value that is too large for L1 is returned and not stored', async (t) => {
  const { now } = fakeClock()
  const far = fallibleStore(now)
  const cache = createCache({ store: tieredStore({ near: memoryStore({ maxBytes: 2_000, now }), far, now }), now })
  const { events } = listen(t, cache)
  far.isDown = true
  const text = 'x'.repeat(2_000)
  t.equal(await cache.getOrSet('key', () => text), text)
  t.match(events.at(-1), { type: 'refuse', reason: 'store-unavailable' })
})

t.test('outageTtl counts from when the backplane last caught up', async (t) => {
  const { now, advance } = fakeClock()
  const backplane = { caughtUpTo: now(), listen () {} }
  const far = Object.assign(fallibleStore(now), { backplane })
  const cache = createCache({ store: tieredStore({ near: memoryStore({ now }), far, now }), now })
  await cache.set('key', 'value')
  t.equal(await cache.get('key'), 'value')
  advance(100)
  backplane.caughtUpTo = now()
  far.isDown = true
  advance(9.999)
  t.equal(await cache.get('key'), 'value')
  advance(0.001)
  t.equal(await cache.get('key'), undefined)
})

t.test('after the system clock was set back, nothing is served that cannot be verified', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess({ versions })
  await cache.set('key', 'value')
  t.equal(await cache.get('key'), 'value')
  far.isDown = true
  advance(-3600)
  t.equal(await cache.get('key'), undefined)
})
