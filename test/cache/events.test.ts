import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { CACHE_CHANNEL, type CacheEvent, createCache, memoryStore } from '../../src/cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { deferredLoader } from '../support/deferred-loader.ts'
import { listen } from '../support/record-events.ts'

function setUp (t: Test) {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const { events, heard } = listen(t, cache)
  /** What was told since it was last asked. */
  return { clock, cache, heard, told: () => events.splice(0) }
}

t.test('events are published on larder:cache, with the cache', async (t) => {
  t.equal(CACHE_CHANNEL, 'larder:cache')
  const heard: CacheEvent[] = []
  const hear = (message: unknown) => { heard.push(message as CacheEvent) }
  subscribe('larder:cache', hear)
  t.teardown(() => unsubscribe('larder:cache', hear))
  const cache = createCache({ store: memoryStore() })
  const other = createCache({ store: memoryStore() })
  await cache.get('key')
  await other.clear()
  t.equal(heard[0]!.cache, cache)
  t.equal(heard[1]!.cache, other)
})

t.test('get, getMany and lookup emit hits, and misses with their reason', async (t) => {
  const { cache, clock, told } = setUp(t)
  await cache.set('short', 1, { ttl: 10 })
  await cache.set('tagged', 2, { tags: ['a'] })
  await cache.invalidateTags(['a'])
  told()
  await cache.get('short')
  await cache.get('absent')
  await cache.get('tagged')
  await cache.lookup('short')
  await cache.lookup('absent')
  t.strictSame(told(), [
    { type: 'hit', key: 'short' },
    { type: 'miss', key: 'absent', reason: 'absent' },
    { type: 'miss', key: 'tagged', reason: 'invalidated', changedTag: 'a' },
    { type: 'hit', key: 'short' },
    { type: 'miss', key: 'absent', reason: 'absent' }
  ])
  clock.advance(10)
  await cache.getMany(['short', 'tagged'])
  t.strictSame(told(), [
    { type: 'miss', key: 'short', reason: 'expired' },
    { type: 'miss', key: 'tagged', reason: 'invalidated', changedTag: 'a' }
  ])
  await cache.ttl('short')
  await cache.touch('short', 10)
  t.strictSame(told(), [], 'nobody read a value')
})

t.test('a value that cannot be decoded is a miss with the reason corrupt', async (t) => {
  const store = memoryStore()
  const cache = createCache({ store })
  const { events } = listen(t, cache)
  await store.set('key', {
    payload: Buffer.of(0xc1), storedAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], stamp: ''
  })
  t.equal(await cache.get('key'), undefined)
  t.strictSame(events, [{ type: 'miss', key: 'key', reason: 'corrupt' }])
  t.equal(await cache.getOrSet<unknown>('key', () => 'loaded'), 'loaded')
  t.equal(await cache.get('key'), 'loaded')
})

t.test('getOrSet emits the miss, the load with its duration, and the set', async (t) => {
  const { cache, clock, told } = setUp(t)
  const load = () => { clock.advance(2); return 'value' }
  await cache.getOrSet('key', load)
  await cache.getOrSet('key', load)
  t.strictSame(told(), [
    { type: 'miss', key: 'key', reason: 'absent' },
    { type: 'load', key: 'key', ms: 2000 },
    { type: 'set', key: 'key' },
    { type: 'hit', key: 'key' }
  ])
  await cache.getOrSet('skipped', ({ skipStore }) => { skipStore(); return 1 })
  t.strictSame(told().map(({ type }) => type), ['miss', 'load'])
  await t.rejects(cache.getOrSet('failing', () => { throw new Error('upstream down') }))
  t.strictSame(told().map(({ type }) => type), ['miss'])
})

t.test('a load in the background whose value cannot be encoded emits an error', async (t) => {
  const { cache, clock, heard, told } = setUp(t)
  const options = { ttl: 10, staleWhileRevalidate: 20 }
  await cache.getOrSet<unknown>('key', () => 'old', options)
  clock.advance(10)
  told()
  t.equal(await cache.getOrSet<unknown>('key', () => () => 'a function', options), 'old')
  await heard('error')
  t.match(told().at(-1), { type: 'error', doing: 'refresh', error: { code: 'FST_ERR_LARDER_VALUE' } })
})

t.test('a stale value served after an error emits both', async (t) => {
  const { cache, clock, told } = setUp(t)
  const options = { ttl: 10, staleIfError: 20 }
  await cache.getOrSet('key', () => 'old', options)
  clock.advance(10)
  told()
  await cache.getOrSet('key', () => { throw new Error('upstream down') }, options)
  t.match(told(), [
    { type: 'miss', key: 'key', reason: 'expired' },
    { type: 'error', doing: 'load', error: { message: 'upstream down' } },
    { type: 'stale', key: 'key' }
  ])
})

t.test('a stale value that is refreshed in the background emits stale', async (t) => {
  const { cache, clock, told } = setUp(t)
  const options = { ttl: 10, staleWhileRevalidate: 20 }
  await cache.getOrSet('key', () => 'old', options)
  clock.advance(10)
  told()
  const held = deferredLoader()
  await cache.getOrSet('key', held.load, options)
  t.match(told(), [{ type: 'miss', key: 'key', reason: 'expired' }, { type: 'stale', key: 'key' }])
  held.end('new')
})

t.test('writes, deletions, invalidations and clears emit events', async (t) => {
  const { cache, told } = setUp(t)
  await cache.set('a', 1)
  await cache.setMany([['b', 1], ['c', 1]])
  await cache.add('d', 1)
  await cache.add('d', 1)
  await cache.delete('a')
  await cache.deleteMany(['b', 'nothing'])
  await cache.invalidateTags(['x', 'y'])
  await cache.invalidateTags([])
  await cache.clear()
  t.strictSame(told(), [
    { type: 'set', key: 'a' },
    { type: 'set', key: 'b' },
    { type: 'set', key: 'c' },
    { type: 'set', key: 'd' },
    { type: 'delete', keys: ['a'] },
    { type: 'delete', keys: ['b', 'nothing'] },
    { type: 'invalidate', tags: ['x', 'y'] },
    { type: 'clear' }
  ])
})
