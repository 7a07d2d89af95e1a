import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

export function increment (t: Test, setUp: () => SetUp): void {
  t.test('increment counts from zero', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.increment('one'), 1)
    t.equal(await cache.increment('five', 5), 5)
    t.equal(await cache.increment('minus', -3), -3)
    t.equal(await cache.get('one'), 1)
    t.equal(await cache.get('five'), 5)
    t.equal(await cache.get('minus'), -3)
    t.equal(await cache.ttl('one'), 300)
  })

  t.test('increment adds to an integer, up and down', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 40)
    t.equal(await cache.increment('key', 2), 42)
    t.equal(await cache.increment('key', -50), -8)
    t.equal(await cache.increment('key', 8), 0)
    t.equal(await cache.increment('key', 0), 0)
    t.equal(await cache.get('key'), 0)
  })

  t.test('increment by -0 adds 0', async (t) => {
    const { cache } = setUp()
    t.ok(Object.is(await cache.increment('key', -0), 0))
    t.equal(await cache.increment('key', -0), 0)
    t.equal(await cache.increment('key'), 1)
  })

  t.test('increment keeps the expiry and the tags', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1, { ttl: 50, tags: ['a'] })
    await cache.set('eternal', 1, { ttl: null })
    clock.advance(20)
    await cache.increment('key')
    await cache.increment('eternal')
    t.equal(await cache.ttl('key'), 30)
    t.equal(await cache.ttl('eternal'), null)
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('key'), undefined)
  })

  t.test('increment is exact up to the last safe integer, and rejects beyond it', async (t) => {
    const { cache } = setUp()
    await cache.set('key', Number.MAX_SAFE_INTEGER - 1)
    t.equal(await cache.increment('key'), Number.MAX_SAFE_INTEGER)
    await t.rejects(cache.increment('key'), { code: 'FST_ERR_LARDER_INTEGER', message: /cannot increment "key"/ })
    t.equal(await cache.get('key'), Number.MAX_SAFE_INTEGER)
    t.equal(await cache.increment('key', -Number.MAX_SAFE_INTEGER), 0)
    t.equal(await cache.increment('key', -Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)
    await t.rejects(cache.increment('key', -1), { code: 'FST_ERR_LARDER_INTEGER' })
    t.equal(await cache.get('key'), Number.MIN_SAFE_INTEGER)
  })

  t.test('increment rejects a value that is no safe integer, and leaves it', async (t) => {
    const { cache } = setUp()
    for (const value of ['42', 'text', '', 1.5, NaN, 2 ** 60, null, true, { n: 1 }, [1], 1n]) {
      await cache.set('key', value)
      await t.rejects(cache.increment('key'), {
        code: 'FST_ERR_LARDER_INTEGER', message: 'cannot increment "key": its value is not a safe integer'
      })
      t.ok(isDeepStrictEqual(await cache.get('key'), value))
    }
  })

  t.test('concurrent increments lose nothing', async (t) => {
    const { cache } = setUp()
    const sums = await Promise.all(Array.from({ length: 100 }, () => cache.increment('key')))
    t.strictSame(sums.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1))
    t.equal(await cache.get('key'), 100)
  })

  t.test('increment counts from zero if the counter has expired', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 41, { ttl: 10 })
    await cache.getOrSet('stale', () => 41, { ttl: 10, staleIfError: 100 })
    clock.advance(10)
    t.equal(await cache.increment('key', 2), 2)
    t.equal(await cache.ttl('key'), 300)
    t.equal(await cache.increment('stale', 2), 2)
  })

  t.test('increment counts from zero if the counter was invalidated, and loses nothing', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 41, { tags: ['a'] })
    await cache.set('text', 'no number', { tags: ['a'] })
    await cache.invalidateTags(['a'])
    await Promise.all(Array.from({ length: 50 }, () => cache.increment('key')))
    t.equal(await cache.get('key'), 50)
    t.equal(await cache.increment('text'), 1)
  })
}
