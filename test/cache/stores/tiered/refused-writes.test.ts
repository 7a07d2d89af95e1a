import t from 'tap'
import {
  type CacheAdapter, createCache, memoryStore, memoryVersions, tieredStore
} from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { ALL_WRITES, fallibleStore, NEW_DATA } from '../../../support/fallible-store.ts'
import { listen } from '../../../support/record-events.ts'
import { fallibleProcess } from './set-up.ts'

/* L2 answers reads and refuses writes, as a Redis whose memory is full, or a read-only replica. */

const versions = memoryVersions()

function loadNumbers () {
  let runs = 0
  return () => ++runs
}

for (const [what, refused] of Object.entries({ 'new data': NEW_DATA, 'all writes': ALL_WRITES })) {
  t.test(`while L2 refuses ${what}, an entry is stored in L1 and is a hit for outageTtl`, async (t) => {
    for (const tags of [[], ['a']]) {
      const { mine, far, advance } = fallibleProcess({ versions })
      far.refused = refused
      const load = loadNumbers()
      const { events } = listen(t, mine)
      t.equal(await mine.getOrSet('key', load, { tags }), 1)
      t.match(events.slice(1), [
        { type: 'error', doing: 'acquire', error: { message: 'L2 takes no writes' } }, { type: 'load' }, { type: 'set' }
      ])
      advance(9.999)
      t.equal(await mine.getOrSet('key', load, { tags }), 1)
      t.equal(await mine.get('key'), 1)
      t.strictSame([...await mine.getMany(['key', 'other'])], [['key', 1]])
      advance(0.001)
      t.equal(await mine.getOrSet('key', load, { tags }), 2, 'also an entry whose tags can be checked')
    }
  })

  t.test(`while L2 refuses ${what}, what this process sets and deletes is seen at once`, async (t) => {
    const { mine, far } = fallibleProcess()
    await mine.setMany([['a', 'old'], ['b', 'old'], ['page:c', 'old']])
    far.refused = refused
    await mine.set('a', 'new')
    t.equal(await mine.get('a'), 'new')
    await mine.getOrSet('d', () => 'loaded')
    await mine.getOrSet('page:e', () => 'loaded')
    await Promise.allSettled([mine.deleteMany(['a', 'b', 'd']), mine.deleteMatching({ prefix: 'page:' })])
    t.equal((await mine.getMany(['a', 'b', 'page:c', 'd', 'page:e'])).size, 0)
    far.refused = []
    t.equal((await mine.getMany(['a', 'b', 'page:c', 'd', 'page:e'])).size, 0, 'nor does it come back')
    await mine.set('a', 'newest')
    t.equal(await mine.get('a'), 'newest')
  })

  t.test(`while L2 refuses ${what}, what this process invalidates is seen at once`, async (t) => {
    const { mine, far } = fallibleProcess()
    await mine.set('a', 'old', { tags: ['x'] })
    far.refused = refused
    await mine.getOrSet('b', () => 'old', { tags: ['x'] })
    t.equal((await mine.getMany(['a', 'b'])).size, 2)
    await t.rejects(mine.invalidateTags(['x']))
    t.equal((await mine.getMany(['a', 'b'])).size, 0)
    t.equal(await mine.getOrSet('b', () => 'new', { tags: ['x'] }), 'new')
    t.equal(await mine.get('b'), 'new')
  })
}

t.test('what L2 has refused gives way to what other processes change in L2', async (t) => {
  const { mine, theirs, far, advance } = fallibleProcess({ versions })
  const stored = ['changed', 'deleted']
  await theirs.setMany(stored.map((key) => [key, 'first']), { ttl: 5 })
  advance(6)
  far.refused = NEW_DATA
  for (const key of [...stored, 'new']) {
    t.equal(await mine.getOrSet(key, () => 'mine'), 'mine')
    t.equal(await mine.get(key), 'mine', 'L2 still has the expired entry, or none')
  }
  far.refused = []
  await theirs.set('changed', 'theirs')
  await theirs.set('new', 'theirs')
  await far.delete(['deleted'])
  t.strictSame([...await mine.getMany([...stored, 'new'])], [['changed', 'theirs'], ['new', 'theirs']])
})

t.test('when L2 accepts a write again, what it has refused is loaded again and stored in L2', async (t) => {
  const writes: Record<string, (cache: CacheAdapter) => Promise<unknown>> = {
    set: (cache) => cache.set('other', 1), getOrSet: (cache) => cache.getOrSet('other', () => 1)
  }
  for (const [verb, write] of Object.entries(writes)) {
    const { mine, theirs, far } = fallibleProcess()
    far.refused = NEW_DATA
    await mine.getOrSet('key', () => 'old')
    far.refused = []
    t.equal(await mine.get('key'), 'old')
    await write(mine)
    t.equal(await mine.getOrSet('key', () => 'new'), 'new', verb)
    t.equal(await theirs.get('key'), 'new')
  }
})

t.test('the same when a heartbeat of the backplane shows that L2 accepts writes', async (t) => {
  const { now, advance } = fakeClock()
  const backplane = { caughtUpTo: now(), listen () {} }
  const far = Object.assign(fallibleStore(now), { backplane })
  const cache = createCache({ store: tieredStore({ near: memoryStore({ now }), far, now }), now })
  far.refused = NEW_DATA
  await cache.getOrSet('key', () => 'old')
  advance(1)
  t.equal(await cache.get('key'), 'old')
  far.refused = []
  backplane.caughtUpTo = now()
  t.equal(await cache.getOrSet('key', () => 'new'), 'new')
})

t.test('what L2 has refused is stored in L2 by the first load after outageTtl', async (t) => {
  const { mine, theirs, far, advance } = fallibleProcess()
  far.refused = NEW_DATA
  await mine.getOrSet('key', () => 'old')
  far.refused = []
  t.equal(await mine.get('key'), 'old')
  t.equal(await theirs.get('key'), undefined)
  advance(10)
  t.equal(await mine.getOrSet('key', () => 'new'), 'new')
  t.equal(await theirs.get('key'), 'new')
})

t.test('what L2 has refused is served for outageTtl if L2 becomes unavailable', async (t) => {
  const { mine, far, advance } = fallibleProcess({ versions })
  far.refused = NEW_DATA
  await mine.getOrSet('key', () => 'value', { tags: ['a'] })
  far.isDown = true
  advance(9.999)
  t.equal(await mine.get('key'), 'value')
  advance(0.001)
  t.equal(await mine.get('key'), undefined)
})

t.test('while L2 refuses writes, callers that miss together share one load', async (t) => {
  const { mine, far } = fallibleProcess()
  far.refused = NEW_DATA
  const listener = listen(t, mine)
  const held = deferredLoader()
  const callers = Array.from({ length: 20 }, () => mine.getOrSet('key', held.load))
  await listener.heard('miss', 20)
  held.end('value')
  t.strictSame(await Promise.all(callers), Array(20).fill('value'))
  t.equal(held.runs(), 1)
})

t.test('while L2 refuses writes, a load that is overtaken by a write is not stored', async (t) => {
  for (const overtake of ['delete', 'set'] as const) {
    const { mine, far, store } = fallibleProcess()
    far.refused = NEW_DATA
    const held = deferredLoader()
    const caller = mine.getOrSet('key', held.load)
    await held.began
    await (overtake === 'delete' ? store.delete(['key']) : mine.set('key', 'new'))
    held.end('old')
    t.equal(await caller, 'old')
    t.equal(await mine.get('key'), overtake === 'delete' ? undefined : 'new', overtake)
  }
})

t.test('while L2 refuses writes, an expired entry is served stale until a load says otherwise', async (t) => {
  const { mine, theirs, far, advance } = fallibleProcess()
  const options = { ttl: 5, staleIfError: 100 }
  await theirs.getOrSet('key', () => 'stale', options)
  advance(6)
  far.refused = NEW_DATA
  const { events } = listen(t, mine)
  for (let i = 0; i < 3; i++) t.equal(await mine.getOrSet('key', failingLoader, options), 'stale')
  const failures = events.filter((event) => event.type === 'error' && event.doing === 'load')
  t.equal(failures.length, 1, 'not every caller tries again')
  advance(2)
  await mine.getOrSet('key', (context) => { context.skipStore() }, options)
  t.equal(await mine.getOrSet('key', () => 'new', options), 'new')
  t.equal(await theirs.get('key'), undefined)
})

t.test('while L2 refuses writes, a value that is too large for L1 is returned and not stored', async (t) => {
  const { now } = fakeClock()
  const far = fallibleStore(now)
  const cache = createCache({ store: tieredStore({ near: memoryStore({ maxBytes: 2_000, now }), far, now }), now })
  const { events } = listen(t, cache)
  far.refused = NEW_DATA
  const text = 'x'.repeat(2_000)
  t.equal(await cache.getOrSet('key', () => text), text)
  t.match(events.at(-1), { type: 'refuse', reason: 'too-large' })
  t.equal(await cache.get('key'), undefined)
})

t.test('an entry is not served after a write without a reply: nothing shows what L2 has now', async (t) => {
  const { mine, far } = fallibleProcess({ versions })
  far.acquire = async () => { throw new Error('no reply') }
  const load = loadNumbers()
  for (const runs of [1, 2]) t.equal(await mine.getOrSet('key', load, { tags: ['a'] }), runs)
})
