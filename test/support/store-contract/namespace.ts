import type { Test } from 'tap'
import { collect } from '../collect.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function entries (t: Test, setUp: () => SetUp): void {
  t.test('entries iterates over all values that get would return, or those with a prefix', async (t) => {
    const { cache, clock } = setUp()
    await cache.setMany([['a:1', 1], ['a:2', { two: 2 }], ['b:1', null], ['a:*', 'star']])
    await cache.set('a:old', 1, { ttl: 10 })
    await cache.set('a:tagged', 1, { tags: ['a'] })
    clock.advance(10)
    await cache.invalidateTags(['a'])
    const { events } = listen(t, cache)
    t.strictSame(await collect(cache.entries()), [['a:*', 'star'], ['a:1', 1], ['a:2', { two: 2 }], ['b:1', null]])
    t.strictSame(await collect(cache.entries({ prefix: 'a:' })), [['a:*', 'star'], ['a:1', 1], ['a:2', { two: 2 }]])
    t.strictSame(await collect(cache.entries({ prefix: 'a:*' })), [['a:*', 'star']])
    t.strictSame(await collect(cache.entries({ prefix: 'c' })), [])
    t.strictSame(events, [], 'none of them counts as a hit')
  })

  t.test('entries reads on when the next one is wanted, while others change', async (t) => {
    const { cache } = setUp()
    const pairs = Array.from({ length: 300 }, (_, i) => [`key ${i}`, i] as const)
    await cache.setMany(pairs)
    const seen = new Set<string>()
    for await (const [key] of cache.entries()) {
      if (seen.size === 0) await cache.deleteMany(pairs.slice(0, 100).map(([key]) => key))
      if (seen.size === 1) await cache.set('stored meanwhile', 1)
      seen.add(key)
    }
    for (const [key] of pairs.slice(100)) if (!seen.has(key)) t.fail(`${key} is missing`)
    t.ok(seen.size <= 200 + 50 + 1, 'deleted ones are left out, except those of the step that was read before')
  })

  t.test('entries refuses wrong options', async (t) => {
    const { cache } = setUp()
    const next = (options: object) => cache.entries(options).next()
    await t.rejects(next({ prefx: 'a' }), { message: 'entries() has no option prefx. Did you mean prefix?' })
    await t.rejects(next({ prefix: 7 }), { message: 'A prefix must be a non-empty string, but is 7.' })
  })

  t.test('a load that iterates over entries depends on them', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['a'] })
    await cache.getOrSet('sum', async () => (await collect(cache.entries())).length)
    t.equal(await cache.get('sum'), 1)
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('sum'), undefined)
  })
}

export function namespace (t: Test, setUp: () => SetUp): void {
  t.test('a namespace has all verbs, for its own keys', async (t) => {
    const { cache } = setUp()
    const v2 = cache.namespace('v2')
    await cache.set('key', 'of the cache')
    t.equal(await v2.get('key'), undefined)
    await v2.set('key', 'of v2')
    await v2.setMany([['b', 2]])
    t.strictSame([await cache.get('key'), await v2.get('key'), await cache.get('v2:b')], ['of the cache', 'of v2', 2])
    t.strictSame([...await v2.getMany(['b', 'key', 'none'])], [['b', 2], ['key', 'of v2']])
    t.strictSame([await v2.add('b', 3), await v2.add('c', 3)], [false, true])
    t.equal(await v2.increment('c'), 4)
    t.equal(await v2.touch('c', 50), true)
    t.equal(await v2.ttl('c'), 50)
    t.equal(await v2.getOrSet('d', ({ key }) => `loaded as ${key}`), 'loaded as v2:d')
    t.equal(await v2.refresh('d', () => 'again'), 'again')
    t.equal(await v2.expire('d'), true)
    const many = await v2.getOrSetMany(['b', 'e', 'd'], (keys) => keys.map((key) => [key, `many ${key}`]))
    t.strictSame([...many], [['b', 2], ['e', 'many e'], ['d', 'many d']])
    const double = v2.cached((n: number) => 2 * n, { key: 'double' })
    t.strictSame([await double(4), double.getKey(4), await cache.get('v2:double(4)')], [8, 'v2:double(4)', 8])
    t.equal(await v2.delete('b'), true)
    t.equal(await v2.deleteMany(['c', 'none']), 1)
    t.strictSame(await collect(v2.entries()), [['d', 'many d'], ['double(4)', 8], ['e', 'many e'], ['key', 'of v2']])
    t.strictSame(await collect(v2.entries({ prefix: 'd' })), [['d', 'many d'], ['double(4)', 8]])
  })

  t.test('clear and deleteMatching of a namespace delete only there', async (t) => {
    const { cache } = setUp()
    const [v2, v20, inner] = [cache.namespace('v2'), cache.namespace('v20'), cache.namespace('v2').namespace('inner')]
    for (const each of [cache, v2, v20, inner]) await each.setMany([['a1', 1], ['a2', 2], ['b', 3]])
    t.equal(await v2.deleteMatching({ prefix: 'a' }), 2)
    t.equal(await inner.deleteMatching({ prefixes: ['a1', 'b'] }), 2)
    t.strictSame([...(await inner.getMany(['a1', 'a2', 'b'])).keys()], ['a2'])
    await v2.clear()
    const sizes = await Promise.all([cache, v2, v20, inner].map(async (each) => (await collect(each.entries())).length))
    t.strictSame(sizes, [6, 0, 3, 0], 'those of v20 are also entries of the cache')
    await v20.set('a1', 1, { tags: ['x'] })
    t.equal(await v20.deleteMatching(), 3)
  })

  t.test('a load of a namespace that is cleared meanwhile is not stored', async (t) => {
    const { cache } = setUp()
    const v2 = cache.namespace('v2')
    t.equal(await v2.getOrSet('key', async () => { await v2.clear(); return 'old' }), 'old')
    t.equal(await v2.get('key'), undefined)
  })

  t.test('namespaces share the tags of their cache', async (t) => {
    const { cache } = setUp()
    const v2 = cache.namespace('v2')
    const getStale = () => v2.getOrSet<unknown>('a', () => 'new', { staleWhileRevalidate: 60, tags: ['x'] })
    await v2.set('a', 'old', { tags: ['x'] })
    await v2.expireTags(['x'])
    t.equal(await getStale(), 'old')
    await v2.set('a', 'old', { tags: ['x'] })
    await v2.invalidateTags(['x'])
    t.equal(await getStale(), 'new')
    await v2.set('a', 'old', { tags: ['x'] })
    await cache.invalidateTags(['x'])
    t.equal(await v2.get('a'), undefined)
  })

  t.test('a namespace refuses what the cache refuses', async (t) => {
    const { cache } = setUp()
    const v2 = cache.namespace('v2')
    t.throws(() => cache.namespace(''), { message: 'A namespace must be a non-empty string, but is "".' })
    t.throws(() => v2.namespace(7 as never), { message: 'A namespace must be a non-empty string, but is 7.' })
    t.throws(() => v2.cached(() => 1, { key: '' }), { message: 'A cache key must be a non-empty string, but is "".' })
    const refused = { message: 'A cache key must be a non-empty string, but is "".' }
    await t.rejects(v2.get(''), refused)
    await t.rejects(v2.set('', 1), refused)
    await t.rejects(v2.getMany(['']), refused)
    await t.rejects(v2.deleteMany(['']), refused)
    await t.rejects(v2.setMany([['', 1]]), refused)
    await t.rejects(v2.getOrSetMany(['a'], () => ({ a: 1 }) as never), { message: /must return a Map/ })
  })
}
