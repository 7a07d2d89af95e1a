import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { deferredLoader } from '../support/deferred-loader.ts'
import { listen } from '../support/record-events.ts'
import { fickleVersions } from '../support/fickle-versions.ts'

for (const how of ['throws', 'rejects'] as const) {
  t.test(`a cache over a version clock that ${how}`, async (t) => {
    function setUp () {
      const clock = fakeClock()
      const versions = fickleVersions(how)
      const store = memoryStore({ now: clock.now })
      return { clock, versions, cache: createCache({ store, versions, now: clock.now }) }
    }

    t.test('an entry with tags is served again only once the clock answers', async (t) => {
      const { cache, versions } = setUp()
      await cache.set('key', 'tagged', { tags: ['a'] })
      await cache.set('other', 'tagged', { tags: ['b'] })
      await cache.set('number', 1, { tags: ['a'] })
      versions.silent = true
      const { events } = listen(t, cache)
      t.equal(await cache.get('key'), undefined)
      t.match(events, [{ type: 'error', doing: 'firstChanged' }, { type: 'miss', reason: 'unavailable' }])
      t.equal((await cache.getMany(['key', 'other'])).size, 0)
      t.equal(await cache.ttl('key'), undefined)
      t.equal(await cache.touch('key', 10), false)
      t.equal(await cache.add('key', 'added'), false)
      await t.rejects(cache.increment('number'), { message: 'unreachable' })
      versions.silent = false
      t.equal(await cache.get('key'), 'tagged')
      t.equal(await cache.increment('number'), 2)
      await cache.invalidateTags(['a'])
      t.equal(await cache.get('key'), undefined)
      t.equal(await cache.get('other'), 'tagged')
    })

    t.test('an entry with tags is not served stale', async (t) => {
      const { cache, versions, clock } = setUp()
      const options = { ttl: 10, tags: ['a'], staleIfError: 100, staleWhileRevalidate: 100 }
      await cache.getOrSet('key', () => 'old', options)
      clock.advance(10)
      versions.silent = true
      await t.rejects(
        cache.getOrSet('key', () => { throw new Error('upstream down') }, options), { message: 'upstream down' }
      )
    })

    t.test('a load with tags returns its value, which is not stored', async (t) => {
      const { cache, versions } = setUp()
      versions.silent = true
      t.equal(await cache.getOrSet('key', () => 'loaded', { tags: ['a'] }), 'loaded')
      t.equal(await cache.getOrSet('late', ({ addTags }) => { addTags('a'); return 'loaded' }), 'loaded')
      await cache.set('set', 1, { tags: ['a'] })
      t.equal(await cache.add('add', 1, { tags: ['a'] }), false)
      await t.rejects(cache.invalidateTags(['a']), { message: 'unreachable' })
      await t.rejects(cache.deleteMatching({ tags: ['a'] }), { message: 'unreachable' })
      versions.silent = false
      t.equal((await cache.getMany(['key', 'late', 'set', 'add'])).size, 0)
    })

    t.test('set with tags deletes the entry, because a new one could never be verified', async (t) => {
      const { cache, versions } = setUp()
      await cache.set('key', 'old')
      versions.silent = true
      await cache.set('key', 'new', { tags: ['a'] })
      t.equal(await cache.get('key'), undefined)
    })

    t.test('entries without tags work as usual', async (t) => {
      const { cache, versions, clock } = setUp()
      versions.silent = true
      await cache.set('key', 1)
      t.equal(await cache.get('key'), 1)
      t.equal(await cache.increment('key'), 2)
      t.equal(await cache.touch('key', 100), true)
      t.equal(await cache.add('added', 1), true)
      t.equal(await cache.getOrSet('loaded', () => 'value', { ttl: 10, staleIfError: 10 }), 'value')
      t.equal(await cache.get('loaded'), 'value')
      clock.advance(10)
      t.equal(await cache.getOrSet('loaded', () => { throw new Error('upstream down') }, { staleIfError: 10 }), 'value')
      t.equal(await cache.delete('key'), true)
      await cache.clear()
    })

    t.test('callers that miss together still share one load', async (t) => {
      const { cache, versions } = setUp()
      versions.silent = true
      const listener = listen(t, cache)
      const held = deferredLoader()
      const callers = Array.from({ length: 5 }, () => cache.getOrSet('key', held.load, { tags: ['a'] }))
      await listener.heard('miss', 5)
      held.end('value')
      t.strictSame(await Promise.all(callers), Array(5).fill('value'))
      t.equal(held.runs(), 1)
    })

    t.test('the result of a load is not stored if the clock fails during the load', async (t) => {
      const { cache, versions } = setUp()
      const held = deferredLoader()
      const caller = cache.getOrSet('key', held.load, { tags: ['a'] })
      await held.began
      versions.silent = true
      held.end('loaded')
      t.equal(await caller, 'loaded')
      versions.silent = false
      t.equal(await cache.get('key'), undefined)
    })
  })
}
