import type { Test } from 'tap'
import { failingLoader } from '../failing-loader.ts'
import type { SetUp } from './set-up.ts'

export function ttl (t: Test, setUp: () => SetUp): void {
  t.test('an entry is fresh for its ttl, and not a millisecond longer', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1, { ttl: 10.25 })
    t.equal(await cache.ttl('key'), 10.25)
    clock.advance(10.249)
    t.equal(await cache.get('key'), 1)
    clock.advance(0.001)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.ttl('key'), undefined)
  })

  t.test('the default ttl is 300 seconds', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1)
    t.equal(await cache.ttl('key'), 300)
    clock.advance(100)
    t.equal(await cache.ttl('key'), 200)
  })

  t.test('a ttl of null never expires', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1, { ttl: null })
    clock.advance(100 * 365 * 24 * 3600)
    t.equal(await cache.get('key'), 1)
    t.equal(await cache.ttl('key'), null)
  })

  t.test('a ttl can be as large as a number can be', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { ttl: 1e20 })
    t.equal(await cache.get('key'), 1)
    t.equal(await cache.increment('key'), 2)
    t.equal(await cache.touch('key', 1e30), true)
    t.equal(await cache.get('key'), 2)
  })

  t.test('set with a ttl of zero or less stores nothing, and deletes the entry', async (t) => {
    const { cache } = setUp()
    for (const ttl of [0, -1, -0.5]) {
      await cache.set('key', 'old')
      await cache.set('key', 'new', { ttl })
      t.equal(await cache.get('key'), undefined)
    }
  })

  t.test('set again begins a new freshness lifetime', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1, { ttl: null })
    await cache.set('key', 2, { ttl: 10 })
    t.equal(await cache.ttl('key'), 10)
    clock.advance(10)
    t.equal(await cache.get('key'), undefined)
  })
}

export function add (t: Test, setUp: () => SetUp): void {
  t.test('add sets an absent key', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.add('key', { a: 1 }, { ttl: 10 }), true)
    t.strictSame(await cache.get('key'), { a: 1 })
    t.equal(await cache.ttl('key'), 10)
  })

  t.test('add leaves a stored value, also null', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 'old', { ttl: 50 })
    await cache.set('null', null)
    t.equal(await cache.add('key', 'new', { ttl: 10 }), false)
    t.equal(await cache.add('key', 'new', { ttl: 0 }), false)
    t.equal(await cache.add('null', 'new'), false)
    t.equal(await cache.get('key'), 'old')
    t.equal(await cache.ttl('key'), 50)
    t.equal(await cache.get('null'), null)
  })

  t.test('add replaces an expired entry', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 'old', { ttl: 10 })
    await cache.getOrSet('stale', () => 'old', { ttl: 10, staleIfError: 100 })
    clock.advance(10)
    t.equal(await cache.add('key', 'new'), true)
    t.equal(await cache.get('key'), 'new')
    t.equal(await cache.add('stale', 'new'), true)
    t.equal(await cache.get('stale'), 'new')
  })

  t.test('add replaces an invalidated entry', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 'old', { tags: ['a'] })
    await cache.invalidateTags(['a'])
    t.equal(await cache.add('key', 'new', { tags: ['a'] }), true)
    t.equal(await cache.get('key'), 'new')
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('key'), undefined)
  })

  t.test('add with a ttl of zero or less returns true, and stores nothing', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.add('key', 1, { ttl: 0 }), true)
    t.equal(await cache.add('key', 1, { ttl: -1 }), true)
    t.equal(await cache.get('key'), undefined)
  })

  t.test('of many concurrent calls of add one succeeds', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('expired', 'old', { ttl: 10 })
    await cache.set('invalidated', 'old', { tags: ['a'] })
    await cache.invalidateTags(['a'])
    clock.advance(10)
    for (const key of ['absent', 'expired', 'invalidated']) {
      const added = await Promise.all(Array.from({ length: 20 }, (_, i) => cache.add(key, i)))
      t.equal(added.filter(Boolean).length, 1, key)
      t.equal(await cache.get(key), added.indexOf(true), key)
    }
  })
}

export function touch (t: Test, setUp: () => SetUp): void {
  t.test('touch gives an entry a new freshness lifetime, and leaves its value and tags', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', { a: 1 }, { ttl: 10, tags: ['x'] })
    clock.advance(9)
    t.equal(await cache.touch('key', 20.5), true)
    t.equal(await cache.ttl('key'), 20.5)
    clock.advance(20)
    t.strictSame(await cache.get('key'), { a: 1 })
    await cache.invalidateTags(['x'])
    t.equal(await cache.get('key'), undefined)
  })

  t.test('touch defaults to the ttl of the cache', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { ttl: 10 })
    t.equal(await cache.touch('key'), true)
    t.equal(await cache.ttl('key'), 300)
  })

  t.test('touch with null removes the expiry, and a number sets it again', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { ttl: 10 })
    t.equal(await cache.touch('key', null), true)
    t.equal(await cache.ttl('key'), null)
    t.equal(await cache.touch('key', 10), true)
    t.equal(await cache.ttl('key'), 10)
  })

  t.test('touch with a ttl of zero or less deletes the entry', async (t) => {
    const { cache } = setUp()
    for (const ttl of [0, -1]) {
      await cache.set('key', 1)
      t.equal(await cache.touch('key', ttl), true)
      t.equal(await cache.get('key'), undefined)
      t.equal(await cache.touch('key', ttl), false)
    }
  })

  t.test('touch returns false if the entry is absent, expired or invalidated', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('expired', 1, { ttl: 10 })
    await cache.set('invalidated', 1, { tags: ['a'] })
    await cache.getOrSet('stale', () => 1, { ttl: 10, staleIfError: 100 })
    await cache.invalidateTags(['a'])
    clock.advance(10)
    for (const key of ['absent', 'expired', 'invalidated', 'stale']) {
      t.equal(await cache.touch(key, 100), false, key)
      t.equal(await cache.get(key), undefined, key)
    }
  })

  t.test('touch does not restore an entry that is deleted at the same time', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1)
    const [touched, deleted] = await Promise.all([cache.touch('key', 10), cache.delete('key')])
    t.equal(touched, false)
    t.equal(deleted, true)
    t.equal(await cache.get('key'), undefined)
  })

  t.test('touch keeps the time for which an entry may be served stale', async (t) => {
    const { cache, clock } = setUp()
    await cache.getOrSet('key', () => 'old', { ttl: 10, staleIfError: 30 })
    await cache.touch('key', 20)
    clock.advance(49)
    t.equal(await cache.getOrSet('key', failingLoader, { staleIfError: 30 }), 'old')
    clock.advance(1)
    await t.rejects(cache.getOrSet('key', failingLoader, { staleIfError: 30 }), { message: 'upstream down' })
  })
}
