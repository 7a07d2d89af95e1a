import type { Test } from 'tap'
import { deferredLoader } from '../deferred-loader.ts'
import type { SetUp } from './set-up.ts'

export function expire (t: Test, setUp: () => SetUp): void {
  t.test('expire makes a value a miss, which may be served stale where the call allows it', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 'old', { ttl: 100 })
    t.equal(await cache.expire('key'), true)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.ttl('key'), undefined)
    clock.advance(20)
    const fail = () => { throw new Error('down') }
    t.equal(await cache.getOrSet<unknown>('key', fail, { staleIfError: 30 }), 'old')
    await t.rejects(cache.getOrSet('key', fail), { message: 'down' })
    clock.advance(10)
    await t.rejects(cache.getOrSet('key', fail, { staleIfError: 30 }), { message: 'down' })
    t.equal(await cache.getOrSet<unknown>('key', () => 'new'), 'new')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('expire lets stale values be served during one load in the background', async (t) => {
    const { cache } = setUp()
    const options = { ttl: null, staleWhileRevalidate: 60 }
    await cache.getOrSet('key', () => 'old', options)
    await cache.expire('key')
    const held = deferredLoader()
    t.equal(await cache.getOrSet<unknown>('key', held.load, options), 'old')
    t.equal(await cache.getOrSet<unknown>('key', held.load, options), 'old')
    await held.began
    held.end('new')
    t.equal(await cache.getOrSet<unknown>('key', held.load), 'new')
    t.equal(held.runs(), 1)
  })

  t.test('a value stays expired no longer than it was to be stored', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 'old', { ttl: 10 })
    await cache.expire('key')
    t.equal(await cache.expire('key'), true, 'still expired')
    clock.advance(10)
    t.equal(await cache.expire('key'), false)
    t.equal(await cache.expire('absent'), false)
    await cache.set('tagged', 'old', { tags: ['a'] })
    await cache.invalidateTags(['a'])
    t.equal(await cache.expire('tagged'), false)
  })

  t.test('a load that was in flight when its key expired is not stored', async (t) => {
    for (const stored of [false, true]) {
      const { cache } = setUp()
      if (stored) {
        await cache.set('key', 'first')
        await cache.expire('key')
      }
      const held = deferredLoader()
      const before = cache.getOrSet('key', held.load)
      await held.began
      await cache.expire('key')
      const after = cache.getOrSet<unknown>('key', () => 'new')
      held.end('old')
      t.equal(await before, 'old')
      t.equal(await after, 'new')
      t.equal(await cache.get('key'), 'new')
    }
  })

  t.test('refresh loads although a value is stored, and joins no load that began before', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 'stored')
    t.equal(await cache.refresh<unknown>('key', () => 'new'), 'new')
    t.equal(await cache.get('key'), 'new')
    const held = deferredLoader()
    const early = cache.refresh('key', held.load)
    await held.began
    const late = cache.refresh<unknown>('key', () => 'newer')
    held.end('outdated')
    t.equal(await late, 'newer')
    t.equal(await early, 'outdated')
    t.equal(await cache.get('key'), 'newer')
    await t.rejects(cache.refresh('', () => 1), { code: 'FST_ERR_LARDER_ARGUMENT' })
  })
}
