import type { Test } from 'tap'
import type { LoadContext } from '../../../src/cache/index.ts'
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

export function expireTags (t: Test, setUp: () => SetUp): void {
  const STALE = { ttl: 100, staleWhileRevalidate: 60, staleIfError: 60 }
  const fail = () => { throw new Error('down') }

  t.test('expireTags makes entries a miss, which may be served stale where the call allows it', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['one', 'two'] })
    await cache.set('b', 2, { tags: ['two'] })
    await cache.expireTags(['one'])
    t.strictSame([...await cache.getMany(['a', 'b'])], [['b', 2]])
    t.equal(await cache.getOrSet<unknown>('a', fail, { staleIfError: 60 }), 1)
    await t.rejects(cache.getOrSet('a', fail, { staleIfError: 0, staleWhileRevalidate: 0 }), { message: 'down' })
    t.equal(await cache.getOrSet<unknown>('a', () => 'new'), 'new')
    await cache.expireTags([])
    t.equal(await cache.get('a'), 'new')
  })

  t.test('expireTags lets stale values be served during one load in the background', async (t) => {
    const { cache } = setUp()
    const options = { ...STALE, tags: ['a'] }
    await cache.getOrSet('key', () => 'old', options)
    await cache.expireTags(['a'])
    const held = deferredLoader()
    t.equal(await cache.getOrSet<unknown>('key', held.load, options), 'old')
    await held.began
    t.equal(await cache.getOrSet<unknown>('key', held.load, options), 'old')
    held.end('new')
    t.equal(await cache.getOrSet<unknown>('key', held.load), 'new')
    t.equal(held.runs(), 1)
    t.equal(await cache.get('key'), 'new')
  })

  t.test('invalidateTags outranks expireTags, before and after it, and for any tag of an entry', async (t) => {
    const { cache } = setUp()
    const changes: Array<Array<['expireTags' | 'invalidateTags', string]>> = [
      [['expireTags', 'a'], ['invalidateTags', 'a']],
      [['invalidateTags', 'a'], ['expireTags', 'a']],
      [['expireTags', 'a'], ['invalidateTags', 'b']],
      [['expireTags', 'b'], ['expireTags', 'a'], ['invalidateTags', 'b'], ['expireTags', 'b']]
    ]
    for (const steps of changes) {
      await cache.set('key', 'old', { tags: ['a', 'b'] })
      for (const [verb, tag] of steps) await cache[verb]([tag])
      await t.rejects(cache.getOrSet('key', fail, STALE), { message: 'down' }, String(steps))
    }
    await cache.set('key', 'old', { tags: ['a', 'b'] })
    for (const tag of ['a', 'b', 'a']) await cache.expireTags([tag])
    t.equal(await cache.getOrSet<unknown>('key', fail, STALE), 'old')
  })

  t.test('a load that was in flight when its tag expired is not stored', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader()
    const before = cache.getOrSet('key', held.load, { tags: ['a'] })
    await held.began
    await cache.expireTags(['a'])
    const after = cache.getOrSet<unknown>('key', () => 'new', { tags: ['a'] })
    held.end('old')
    t.equal(await before, 'old')
    t.equal(await after, 'new')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('notModified renews a value whose tag has expired', async (t) => {
    const { cache } = setUp()
    await cache.getOrSet('key', () => 'old', { ...STALE, tags: ['a'] })
    await cache.expireTags(['a'])
    const load = ({ stale, notModified }: LoadContext) => stale === undefined ? 'in full' : notModified()
    t.equal(await cache.getOrSet('key', load), 'old')
    t.equal(await cache.get('key'), 'old')
    await cache.invalidateTags(['a'])
    t.equal(await cache.getOrSet('key', load, STALE), 'in full')
  })
}
