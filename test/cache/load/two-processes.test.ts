import t from 'tap'
import { createCache } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { withRedis } from '../../support/with-redis.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

const { clients } = await withRedis(t, 2)

let prefixes = 0

/** Two caches over one Redis, each with a connection of its own. */
function setUp () {
  const prefix = `test${++prefixes}`
  const clock = fakeClock()
  const [mine, theirs] = clients.map((client) =>
    createCache({ store: patientRedisStore({ client, prefix, now: clock.now }), now: clock.now }))
  return { clock, mine: mine!, theirs: theirs! }
}

t.test('a process sees what another sets, touches, increments and deletes', async (t) => {
  const { mine, theirs } = setUp()
  await mine.set('key', new Map([['a', 1]]), { ttl: 10 })
  t.strictSame(await theirs.get('key'), new Map([['a', 1]]))
  await theirs.touch('key', 50)
  t.equal(await mine.ttl('key'), 50)
  await mine.increment('counter', 2)
  t.equal(await theirs.increment('counter', 2), 4)
  t.equal(await theirs.delete('key'), true)
  t.equal(await mine.delete('key'), false)
  await mine.set('other', 1)
  await theirs.clear()
  t.equal(await mine.get('other'), undefined)
})

t.test('of two processes that add at once one succeeds, also over an expired or invalidated entry', async (t) => {
  const { mine, theirs, clock } = setUp()
  for (let round = 0; round < 20; round++) {
    const key = `key ${round}`
    if (round % 3 === 1) await mine.set(key, 'old', { ttl: 10 })
    if (round % 3 === 2) await mine.set(key, 'old', { tags: ['a'] })
    clock.advance(10)
    await theirs.invalidateTags(['a'])
    const added = await Promise.all([mine.add(key, 'mine'), theirs.add(key, 'theirs')])
    t.equal(added.filter(Boolean).length, 1)
    t.equal(await mine.get(key), added[0] ? 'mine' : 'theirs')
  }
})

t.test('increment loses nothing between two processes, also over an expired or invalidated entry', async (t) => {
  const { mine, theirs, clock } = setUp()
  for (let round = 0; round < 9; round++) {
    const key = `key ${round}`
    if (round % 3 === 1) await mine.set(key, 100, { ttl: 10 })
    if (round % 3 === 2) await mine.set(key, 100, { tags: ['a'] })
    clock.advance(10)
    await theirs.invalidateTags(['a'])
    await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? mine : theirs).increment(key)))
    t.equal(await mine.get(key), 40, key)
  }
})

t.test('touch does not restore an entry that another process deleted', async (t) => {
  const { mine, theirs } = setUp()
  for (let round = 0; round < 20; round++) {
    await mine.set('key', round)
    const [, deleted] = await Promise.all([mine.touch('key', 50), theirs.delete('key')])
    t.equal(deleted, true)
    t.equal(await mine.get('key'), undefined)
  }
})

t.test('a load whose tags another process invalidates is not stored, and its followers load again', async (t) => {
  const { mine, theirs } = setUp()
  const held = deferredLoader()
  const options = { tags: ['a'] }
  const caller = mine.getOrSet('key', held.load, options)
  await held.began
  const waiting = theirs.getOrSet('key', () => 'new', options)
  await theirs.invalidateTags(['a'])
  held.end('old')
  t.equal(await caller, 'old')
  t.equal(await waiting, 'new')
  t.equal(await mine.get('key'), 'new')
})

t.test('a caller that comes after a deletion by another process does not get a load from before it', async (t) => {
  for (const value of ['old', undefined]) {
    const { mine, theirs } = setUp()
    const [before, after] = [deferredLoader(), deferredLoader()]
    const early = mine.getOrSet('key', before.load)
    await before.began
    await theirs.delete('key')
    const other = theirs.getOrSet('key', after.load)
    await after.began
    const late = mine.getOrSet('key', () => 'loaded by the late one')
    before.end(value)
    t.equal(await early, value)
    after.end('new')
    t.equal(await other, 'new')
    t.equal(await late, 'new')
  }
})
