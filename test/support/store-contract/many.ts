import type { Test } from 'tap'
import type { LoadManyFunction } from '../../../src/cache/index.ts'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function getOrSetMany (t: Test, setUp: () => SetUp): void {
  /** A loader that counts its calls. */
  function count () {
    const calls: string[][] = []
    const load: LoadManyFunction<string> = (keys) => {
      calls.push(keys)
      return keys.map((key) => [key, `${key} of call ${calls.length}`] as const)
    }
    return { calls, load }
  }

  t.test('getOrSetMany loads all missing keys at once, and returns all in the order of the keys', async (t) => {
    const { cache, clock } = setUp()
    const { calls, load } = count()
    await cache.set('b', 'stored')
    await cache.set('d', null)
    const loaded = await cache.getOrSetMany<string | null>(['a', 'b', 'c', 'd', 'a'], load, { ttl: 10 })
    t.strictSame([...loaded], [['a', 'a of call 1'], ['b', 'stored'], ['c', 'c of call 1'], ['d', null]])
    t.strictSame([...await cache.getOrSetMany(['c', 'a'], load)], [['c', 'c of call 1'], ['a', 'a of call 1']])
    t.strictSame(calls, [['a', 'c']])
    t.equal(await cache.ttl('a'), 10)
    clock.advance(10)
    await cache.getOrSetMany(['a', 'b'], load)
    t.strictSame(calls, [['a', 'c'], ['a']])
    t.equal((await cache.getOrSetMany([], load)).size, 0)
  })

  t.test('getOrSetMany returns and stores nothing for keys that its loader does not return', async (t) => {
    const { cache } = setUp()
    const load = () => new Map<string, string | null | undefined>([['b', null], ['c', undefined]])
    t.strictSame([...await cache.getOrSetMany(['a', 'b', 'c'], load)], [['b', null]])
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['b', null]])
  })

  t.test('getOrSetMany waits for loads in flight, and loads only the other keys', async (t) => {
    const { cache } = setUp()
    const { calls, load } = count()
    const held = deferredLoader<string>()
    const one = cache.getOrSet('a', held.load)
    await held.began
    const many = [['a', 'b'], ['b', 'c']].map((keys) => cache.getOrSetMany(keys, load))
    t.strictSame([...await many[1]!], [['b', 'b of call 1'], ['c', 'c of call 2']])
    held.end('a of getOrSet')
    t.strictSame([...await many[0]!], [['a', 'a of getOrSet'], ['b', 'b of call 1']])
    t.equal(await one, 'a of getOrSet')
    t.strictSame(calls.flat().sort(), ['b', 'c'])
  })

  t.test('getOrSet waits for a load of getOrSetMany', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader<Map<string, object>>()
    const many = cache.getOrSetMany(['a', 'b'], () => held.load({} as never))
    await held.began
    const one = cache.getOrSet<object>('b', () => t.fail('loaded again') as never)
    await listener.heard('miss', 3)
    held.end(new Map([['a', { a: 1 }], ['b', { b: 1 }]]))
    t.strictSame(await one, { b: 1 })
    t.not(await one, (await many).get('b'), 'a copy')
  })

  t.test('a load of getOrSetMany that fails rejects, and stores nothing; the next one loads again', async (t) => {
    const { cache } = setUp()
    const { load } = count()
    await t.rejects(cache.getOrSetMany(['a', 'b'], () => { throw new Error('down') }), { message: 'down' })
    t.equal((await cache.getOrSetMany(['a', 'b'], load)).size, 2)
  })

  t.test('an Error in place of a value fails its key alone: the others are stored', async (t) => {
    const { cache } = setUp()
    const load: LoadManyFunction<number> = (keys) => keys.map((key) => [key, key === 'b' ? new Error('no b') : 1])
    await t.rejects(cache.getOrSetMany(['a', 'b', 'c'], load), { message: 'no b' })
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['a', 1], ['c', 1]])
  })

  t.test('getOrSetMany loads keys together whose other load has failed', async (t) => {
    const { cache } = setUp()
    const { calls, load } = count()
    const failing = deferredLoader<Map<string, string>>()
    const first = cache.getOrSetMany(['a', 'b'], () => failing.load({} as never))
    await failing.began
    const listener = listen(t, cache)
    const second = cache.getOrSetMany(['a', 'b', 'c'], load)
    await listener.heard('load')
    await Promise.all(['a', 'b'].map((key) => cache.delete(key)))
    failing.fail(new Error('down'))
    await t.rejects(first, { message: 'down' })
    t.equal((await second).size, 3)
    t.strictSame(calls, [['c'], ['a', 'b']])
  })

  t.test('getOrSetMany serves stale values, and refreshes them with one load in the background', async (t) => {
    const { cache, clock } = setUp()
    const { calls, load } = count()
    const options = { ttl: 10, staleWhileRevalidate: 10, staleIfError: 30 }
    await cache.getOrSetMany(['a', 'b'], load, options)
    clock.advance(10)
    const listener = listen(t, cache)
    t.equal((await cache.getOrSetMany(['a', 'b', 'c'], load, options)).get('a'), 'a of call 1')
    await listener.heard('set', 3)
    t.strictSame(calls, [['a', 'b'], ['a', 'b'], ['c']])
    t.equal((await cache.getOrSetMany(['a', 'b'], load, options)).get('b'), 'b of call 2')
    clock.advance(20)
    const fail = () => { throw new Error('down') }
    t.equal((await cache.getOrSetMany<string>(['a', 'b'], fail, options)).get('b'), 'b of call 2')
  })

  t.test('getOrSetMany stores each value with the tags of the call and of the load', async (t) => {
    const { cache } = setUp()
    await cache.getOrSetMany(['a', 'b'], (keys, { addTags, setTtl }) => {
      addTags('added')
      setTtl(7)
      return new Map(keys.map((key) => [key, 1]))
    }, { tags: ['call'] })
    t.equal(await cache.ttl('b'), 7)
    for (const tag of ['added', 'call']) {
      await cache.setMany([['a', 1]])
      await cache.getOrSetMany(['b'], (keys, { addTags }) => {
        addTags('added')
        return new Map(keys.map((key) => [key, 1]))
      }, { tags: ['call'] })
      await cache.invalidateTags([tag])
      t.strictSame([...await cache.getMany(['a', 'b'])], [['a', 1]], tag)
    }
    await cache.getOrSetMany(['c', 'd'], (keys, { skipStore }) => {
      skipStore()
      return new Map(keys.map((key) => [key, 1]))
    })
    t.equal((await cache.getMany(['c', 'd'])).size, 0)
  })

  t.test('a deletion during a load of getOrSetMany prevents that its key is stored', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader<Map<string, number>>()
    const many = cache.getOrSetMany(['a', 'b'], () => held.load({} as never))
    await held.began
    await cache.delete('a')
    held.end(new Map([['a', 1], ['b', 2]]))
    t.strictSame([...await many], [['a', 1], ['b', 2]])
    t.strictSame([...await cache.getMany(['a', 'b'])], [['b', 2]])
  })

  t.test('a loader of getOrSetMany that loads one of its own keys does not wait for itself', async (t) => {
    const { cache } = setUp()
    const load: LoadManyFunction<string> = async (keys) => {
      const inner = await cache.getOrSet('b', () => 'inner')
      return keys.map((key) => [key, `${key} with ${inner}`])
    }
    t.strictSame([...await cache.getOrSetMany(['a', 'b'], load)], [['a', 'a with inner'], ['b', 'b with inner']])
  })

  t.test('getOrSetMany refuses wrong arguments, and what is no list of pairs for its keys', async (t) => {
    const { cache } = setUp()
    const refused: Array<[unknown, string]> = [
      [undefined, 'must return a Map, or other pairs of keys and values, but returned undefined.'],
      [{ a: 1 }, 'must return a Map, or other pairs of keys and values, but returned { a: 1 }.'],
      [new Map([['b', 1]]), "returned 'b', which is none of the keys that it was called with."]
    ]
    for (const [returned, message] of refused) {
      const expected = { message: `The loader of getOrSetMany() ${message}` }
      await t.rejects(cache.getOrSetMany(['a'], () => returned as Map<string, unknown>), expected)
    }
    await t.rejects(cache.getOrSetMany('a' as never, () => []), { message: /^The value of keys must be an array/ })
    await t.rejects(cache.getOrSetMany(['a'], [] as never), { message: /^The value of loader must be a function/ })
    await t.rejects(cache.getOrSetMany(['a'], () => [], { tll: 1 } as never), { message: /^getOrSetMany\(\) has no/ })
  })
}
