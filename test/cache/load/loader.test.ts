import t from 'tap'
import { createCache, type Entry, memoryStore, type Store } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { listen } from '../../support/record-events.ts'
import { createMemoryCache } from '../../support/create-memory-cache.ts'
import { expectMiss } from '../../support/expect-miss.ts'
import { leaseOver } from '../../support/lease-over.ts'

const turn = () => new Promise(setImmediate)

t.test('load returns what was stored, and whether another caller began it', async (t) => {
  const { cache, clock } = createMemoryCache()
  const held = deferredLoader()
  const first = cache.load('key', held.load, { ttl: 10, tags: ['a'] })
  await held.began
  const second = cache.load('key', held.load, {}, await expectMiss(t, cache.lookup('key')))
  held.end('value')
  const loaded = await first
  t.match(loaded, { value: 'value', stored: true, entry: { tags: ['a'], freshUntil: clock.now() + 10_000 } })
  t.notHas(loaded, { collapsed: true })
  t.match(await second, { value: 'value', stored: true, collapsed: true })
  t.equal(cache.lookup('key'), loaded.entry)
})

t.test('load returns no entry, or one that is not stored', async (t) => {
  const { cache } = createMemoryCache()
  t.strictSame(await cache.load('key', ({ skipStore }) => { skipStore(); return 1 }), {
    value: 1, stored: false, dropsStale: true
  })
  t.strictSame(await cache.load('key', () => 1, { ttl: 0 }), { value: 1, stored: false, dropsStale: true })
  const held = deferredLoader()
  const loading = cache.load('key', held.load)
  await held.began
  await cache.delete('key')
  held.end('value')
  t.match(await loading, { value: 'value', stored: false, entry: { freshUntil: Number } })
})

t.test('load returns a stale value if the loader fails', async (t) => {
  const { cache, clock } = createMemoryCache()
  await cache.load('key', () => 'old', { ttl: 10, staleIfError: 10 })
  clock.advance(10)
  const miss = await expectMiss(t, cache.lookup('key'))
  t.match(miss, { miss: 'expired', stale: { tags: [] } })
  const loaded = await cache.load('key', () => { throw new Error('upstream down') }, { staleIfError: 10 }, miss)
  t.match(loaded, { value: 'old', stored: false, stale: true, entry: miss.stale! })
})

t.test('a corrupt value is not served stale', async (t) => {
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  const cache = createCache({ store, now: clock.now })
  const now = clock.now()
  await store.set('key', {
    payload: Buffer.of(0xc1), storedAt: now, freshUntil: now, staleUntil: now + 10_000, tags: [], stamp: ''
  })
  await t.rejects(cache.getOrSet('key', failingLoader, { staleIfError: 10 }), { message: 'upstream down' })
  await t.rejects(cache.getOrSet('key', failingLoader, { staleWhileRevalidate: 10 }), { message: 'upstream down' })
})

t.test('getOrSet returns a value though acquire or release fails', async (t) => {
  const failing = createCache({ store: { ...memoryStore(), acquire () { throw new Error('no lease') } } })
  t.equal(await failing.getOrSet('key', () => 'loaded'), 'loaded')
  const release = async () => { throw new Error('no release') }
  const cache = createCache({
    store: { ...memoryStore(), acquire: () => ({ lease: { fill: () => 'stored', release } }) }
  })
  const listener = listen(t, cache)
  t.equal(await cache.getOrSet('key', () => undefined), undefined)
  await listener.heard('error')
  t.match(listener.events.at(-1), { doing: 'release', error: { message: 'no release' } })
})

t.test('a load without a lease is not stored: a deletion by another process would go unseen', async (t) => {
  const memory = memoryStore()
  const cache = createCache({ store: { ...memory, acquire () { throw new Error('too late') } } })
  t.match(await cache.load('key', () => 1), { value: 1, stored: false, notStoredBecause: 'store-unavailable' })
  t.equal(await memory.get('key'), undefined)
})

t.test('adopts a fresh entry that is stored below a lease', async (t) => {
  const memory = memoryStore()
  await createCache({ store: memory }).set('key', 'fresh')
  const stale = await memory.get('key') as Entry
  const store: Store = {
    ...memory, get: () => undefined, acquire: () => ({ stale, wait () { throw new Error('nobody waits') } })
  }
  const cache = createCache({ store })
  t.match(await cache.load('key', () => t.fail('loaded')), {
    value: 'fresh', entry: stale, stored: true, collapsed: true
  })
})

t.test('a chain of loads, each of which begins the next, retains none before it', async (t) => {
  const { cache } = createMemoryCache()
  const over = Promise.withResolvers<unknown>()
  let runs = 0
  const next = async () => {
    if (runs < 20_000) {
      await cache.delete('key')
      await cache.getOrSet('key', load)
    } else {
      const slow = cache.getOrSet('other', async () => { await turn(); return 'joined' })
      over.resolve(Promise.all([slow, cache.getOrSet('other', () => 2)]))
    }
  }
  const load = async () => {
    runs++
    setImmediate(() => { next().catch(over.reject) })
    return runs
  }
  await cache.getOrSet('key', load)
  t.strictSame(await over.promise, ['joined', 'joined'])
})

t.test('an isolated caller acquires no lease, shares no load and stores nothing', async (t) => {
  let isolated = false
  const log: string[] = []
  const memory = memoryStore()
  const store: Store = {
    ...memory,
    acquire: (key) => {
      log.push('lease')
      return { lease: leaseOver(memory, key, () => { log.push('release') }) }
    }
  }
  const cache = createCache({ store, versions: { ...memory.versions, isolated: () => isolated } })
  const listener = listen(t, cache)
  const miss = await expectMiss(t, cache.lookup('key'))
  isolated = true
  t.match(await cache.load('key', () => 'inside', {}, miss), {
    value: 'inside', stored: false, notStoredBecause: 'uncommitted-read'
  })
  t.strictSame(log, [])
  t.match(listener.events.at(-1), { type: 'refuse', key: 'key', reason: 'uncommitted-read' })
  const [one, two] = [deferredLoader(), deferredLoader()]
  const asked = [cache.getOrSet('key', one.load), cache.getOrSet('key', two.load)]
  await Promise.all([one.began, two.began])
  one.end(1)
  two.end(2)
  t.strictSame(await Promise.all(asked), [1, 2])
  t.strictSame(log, [])
  isolated = false
  t.match(await cache.load('key', () => 'outside'), { stored: true })
  t.strictSame(log, ['lease'])
})

t.test('a load that fails after its key was written notes no failure', async (t) => {
  const { cache, clock } = createMemoryCache()
  await cache.getOrSet('other', () => 'old', { ttl: 10, staleIfError: 100 })
  clock.advance(10)
  const held = deferredLoader()
  const asked = t.rejects(cache.getOrSet('other', held.load, { staleIfError: 100 }), { message: 'upstream down' })
  await held.began
  await cache.set('other', 'set')
  held.fail(new Error('upstream down'))
  await asked
  t.equal(await cache.get('other'), 'set')
})
