import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import { type Cache, createCache, LoadTimeoutError, type Store } from '../../src/cache/index.ts'
import { heldLoad } from '../cache/held-load.ts'
import { listen } from '../cache/listen.ts'
import { type FakeClock, fakeClock } from './clock.ts'

/** Makes an empty store that shares nothing with the ones before, and that goes by the clock given. */
export type MakeStore = (now: () => number) => Store

interface SetUp {
  cache: Cache
  clock: FakeClock
}

/** Every value that must come back as it was. */
const VALUES: ReadonlyArray<readonly [string, unknown]> = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['zero', 0],
  ['an integer', 42],
  ['a negative integer', -17],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER],
  ['the smallest safe integer', Number.MIN_SAFE_INTEGER],
  ['a float', 3.14],
  ['a negative float', -1e-300],
  ['negative zero', -0],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['negative Infinity', -Infinity],
  ['a number beyond the safe integers', 2 ** 64],
  ['an empty string', ''],
  ['a string', 'larder'],
  ['a string of digits', '42'],
  ['a string that begins with minus', '-1'],
  ['a string of all sorts of characters', 'naïve 日本語 🧀 \u0000\r\n'],
  ['a long string', 'long '.repeat(20_000)],
  ['a date', new Date('2026-02-03T04:05:06.789Z')],
  ['a date before 1970', new Date(-1)],
  ['an invalid date', new Date(NaN)],
  ['a bigint', 2n ** 200n],
  ['a negative bigint', -1n],
  ['bytes', Uint8Array.of(0, 1, 255)],
  ['no bytes', new Uint8Array()],
  ['an array', [1, 'two', null, [true, []]]],
  ['an object', { a: 1, b: { c: [{ d: 'e' }] }, 'key with spaces': null }],
  ['an empty object', {}],
  ['a map', new Map<unknown, unknown>([['a', 1], [2, { b: new Map([[null, -1]]) }]])],
  ['a set', new Set<unknown>(['a', 1, new Set([false])])],
  ['all of them in one', { date: new Date(0), map: new Map([['x', 1n]]), list: [new Set([NaN]), Uint8Array.of(7)], deep: { up: { '': -1.5 } } }]
]

/** The whole `Cache` interface, over a store of the kind that `makeStore` makes. */
export function cacheContract (t: Test, name: string, makeStore: MakeStore): void {
  function setUp (): SetUp {
    const clock = fakeClock()
    return { clock, cache: createCache({ store: makeStore(clock.now), now: clock.now }) }
  }

  t.test(`a cache over ${name}`, (t) => {
    for (const part of [reading, many, lives, adding, touching, counting, deleting, clearing, tagging, loading, revoking, overtaking, standingIn, waiting, refusing]) {
      t.test(part.name, (t) => {
        part(t, setUp)
        t.end()
      })
    }
    t.end()
  })
}

function reading (t: Test, setUp: () => SetUp): void {
  t.test('a key that was never set is a miss', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.get('nothing'), undefined)
    t.equal(await cache.ttl('nothing'), undefined)
  })

  t.test('a stored null is a hit', async (t) => {
    const { cache } = setUp()
    await cache.set('key', null)
    t.equal(await cache.get('key'), null)
  })

  t.test('every kind of value comes back as it was', async (t) => {
    const { cache } = setUp()
    for (const [kind, value] of VALUES) {
      await cache.set(kind, value)
      const found = await cache.get(kind)
      t.ok(isDeepStrictEqual(found, value), kind, { found, wanted: value })
    }
  })

  t.test('properties that are undefined are dropped', async (t) => {
    const { cache } = setUp()
    await cache.set('key', { a: undefined, b: { c: undefined, d: 1 } })
    t.ok(isDeepStrictEqual(await cache.get('key'), { b: { d: 1 } }))
  })

  t.test('a value is a copy on its way in', async (t) => {
    const { cache } = setUp()
    const value = { list: [1], bytes: Uint8Array.of(1) }
    const setting = cache.set('key', value)
    value.list.push(2)
    value.bytes[0] = 9
    await setting
    t.strictSame(await cache.get('key'), { list: [1], bytes: Uint8Array.of(1) })
  })

  t.test('a value is a copy on its way out', async (t) => {
    const { cache } = setUp()
    await cache.set('key', { list: [1], bytes: Uint8Array.of(1) })
    const found = await cache.get<{ list: number[], bytes: Uint8Array }>('key')
    found!.list.push(2)
    found!.bytes[0] = 9
    t.strictSame(await cache.get('key'), { list: [1], bytes: Uint8Array.of(1) })
  })

  t.test('keys may hold any character, and none is taken for another', async (t) => {
    const { cache } = setUp()
    const keys = ['a', 'A', 'a ', ' a', 'a:b', 'a#b', '#clock', '*', 'ä', '日本', '🧀', '\u0000', 'a\nb', 'k'.repeat(1024), '__proto__']
    for (const key of keys) await cache.set(key, `value of ${key}`)
    for (const key of keys) t.equal(await cache.get(key), `value of ${key}`)
  })

  t.test('a key that is set again has its new value', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1)
    t.equal(await cache.get('key'), 1)
    await cache.set('key', { two: 2 })
    t.strictSame(await cache.get('key'), { two: 2 })
  })

  t.test('lookup hands out the entry as it is stored, or why there is none', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 'value', { ttl: 10, tags: ['a'] })
    t.match(await cache.lookup('key'), { storedAt: clock.now(), freshUntil: clock.now() + 10_000, tags: ['a'] })
    t.strictSame(await cache.lookup('other'), { miss: 'absent' })
    await cache.invalidateTags(['a'])
    t.strictSame(await cache.lookup('key'), { miss: 'invalidated' })
    clock.advance(10)
    t.strictSame(await cache.lookup('key'), { miss: 'expired' })
  })
}

function many (t: Test, setUp: () => SetUp): void {
  t.test('getMany answers the keys that were found, in the order asked', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1)
    await cache.set('b', null)
    await cache.set('c', { deep: true })
    const found = await cache.getMany(['c', 'missing', 'b', 'a', 'c'])
    t.strictSame([...found], [['c', { deep: true }], ['b', null], ['a', 1]])
    t.strictSame([...await cache.getMany([])], [])
  })

  t.test('getMany leaves out what expired and what was invalidated', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('short', 1, { ttl: 10 })
    await cache.set('long', 2, { ttl: 100 })
    await cache.set('tagged', 3, { ttl: 100, tags: ['a'] })
    await cache.set('other', 4, { ttl: 100, tags: ['b'] })
    await cache.invalidateTags(['a'])
    clock.advance(10)
    t.strictSame([...await cache.getMany(['short', 'long', 'tagged', 'other'])], [['long', 2], ['other', 4]])
  })

  t.test('setMany takes whatever can be iterated, under the options of one set', async (t) => {
    const { cache, clock } = setUp()
    await cache.setMany([['a', 1], ['b', 2]], { ttl: 10, tags: ['x'] })
    await cache.setMany(new Map([['c', 3]]), { ttl: 100 })
    await cache.setMany((function * () { yield ['d', 4] as const })(), { ttl: 100, tags: ['x'] })
    await cache.setMany([])
    t.strictSame([...await cache.getMany(['a', 'b', 'c', 'd'])], [['a', 1], ['b', 2], ['c', 3], ['d', 4]])
    clock.advance(10)
    t.strictSame([...await cache.getMany(['a', 'b', 'c', 'd'])], [['c', 3], ['d', 4]])
    await cache.invalidateTags(['x'])
    t.strictSame([...await cache.getMany(['a', 'b', 'c', 'd'])], [['c', 3]])
  })

  t.test('setMany with a key twice keeps the last value', async (t) => {
    const { cache } = setUp()
    await cache.setMany([['a', 1], ['b', 2], ['a', 3]])
    t.equal(await cache.get('a'), 3)
  })

  t.test('setMany writes nothing when one of the values or keys is refused', async (t) => {
    const { cache } = setUp()
    await t.rejects(cache.setMany([['a', 1], ['b', undefined]]), TypeError)
    await t.rejects(cache.setMany([['a', 1], ['', 2]]), TypeError)
    t.equal(await cache.get('a'), undefined)
  })

  t.test('setMany with a ttl of zero deletes', async (t) => {
    const { cache } = setUp()
    await cache.setMany([['a', 1], ['b', 2], ['c', 3]])
    await cache.setMany([['a', 1], ['b', 2]], { ttl: 0 })
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['c', 3]])
  })
}

function lives (t: Test, setUp: () => SetUp): void {
  t.test('an entry lives for its ttl, and not a millisecond longer', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1, { ttl: 10.25 })
    t.equal(await cache.ttl('key'), 10.25)
    clock.advance(10.249)
    t.equal(await cache.get('key'), 1)
    clock.advance(0.001)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.ttl('key'), undefined)
  })

  t.test('the ttl is 300 seconds where nobody says', async (t) => {
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

  t.test('a ttl of many lives of the universe is taken', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { ttl: 1e20 })
    t.equal(await cache.get('key'), 1)
    t.equal(await cache.increment('key'), 2)
    t.equal(await cache.touch('key', 1e30), true)
    t.equal(await cache.get('key'), 2)
  })

  t.test('a ttl of zero or less is not kept, and deletes what was there', async (t) => {
    const { cache } = setUp()
    for (const ttl of [0, -1, -0.5]) {
      await cache.set('key', 'old')
      await cache.set('key', 'new', { ttl })
      t.equal(await cache.get('key'), undefined)
    }
  })

  t.test('setting again begins a new life', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 1, { ttl: null })
    await cache.set('key', 2, { ttl: 10 })
    t.equal(await cache.ttl('key'), 10)
    clock.advance(10)
    t.equal(await cache.get('key'), undefined)
  })
}

function adding (t: Test, setUp: () => SetUp): void {
  t.test('add sets where nothing is', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.add('key', { a: 1 }, { ttl: 10 }), true)
    t.strictSame(await cache.get('key'), { a: 1 })
    t.equal(await cache.ttl('key'), 10)
  })

  t.test('add leaves what is there, a null as well', async (t) => {
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

  t.test('add sets where an entry expired', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 'old', { ttl: 10 })
    await cache.getOrSet('stale', () => 'old', { ttl: 10, staleIfError: 100 })
    clock.advance(10)
    t.equal(await cache.add('key', 'new'), true)
    t.equal(await cache.get('key'), 'new')
    t.equal(await cache.add('stale', 'new'), true)
    t.equal(await cache.get('stale'), 'new')
  })

  t.test('add sets where an entry was invalidated', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 'old', { tags: ['a'] })
    await cache.invalidateTags(['a'])
    t.equal(await cache.add('key', 'new', { tags: ['a'] }), true)
    t.equal(await cache.get('key'), 'new')
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('key'), undefined)
  })

  t.test('add with a ttl of zero or less says so, and keeps nothing', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.add('key', 1, { ttl: 0 }), true)
    t.equal(await cache.add('key', 1, { ttl: -1 }), true)
    t.equal(await cache.get('key'), undefined)
  })

  t.test('of many who add at once one succeeds', async (t) => {
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

function touching (t: Test, setUp: () => SetUp): void {
  t.test('touch gives an entry a new life, and leaves its value and its tags', async (t) => {
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

  t.test('touch takes the ttl of the cache where nobody says', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { ttl: 10 })
    t.equal(await cache.touch('key'), true)
    t.equal(await cache.ttl('key'), 300)
  })

  t.test('touch with null makes it live for ever, and back', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { ttl: 10 })
    t.equal(await cache.touch('key', null), true)
    t.equal(await cache.ttl('key'), null)
    t.equal(await cache.touch('key', 10), true)
    t.equal(await cache.ttl('key'), 10)
  })

  t.test('touch with zero or less deletes', async (t) => {
    const { cache } = setUp()
    for (const ttl of [0, -1]) {
      await cache.set('key', 1)
      t.equal(await cache.touch('key', ttl), true)
      t.equal(await cache.get('key'), undefined)
      t.equal(await cache.touch('key', ttl), false)
    }
  })

  t.test('touch finds nothing to touch in what is absent, expired or invalidated', async (t) => {
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

  t.test('touch does not bring back what is deleted meanwhile', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1)
    const [touched, deleted] = await Promise.all([cache.touch('key', 10), cache.delete('key')])
    t.equal(touched, false)
    t.equal(deleted, true)
    t.equal(await cache.get('key'), undefined)
  })

  t.test('touch keeps the time for which an entry may stand in', async (t) => {
    const { cache, clock } = setUp()
    await cache.getOrSet('key', () => 'old', { ttl: 10, staleIfError: 30 })
    await cache.touch('key', 20)
    clock.advance(49)
    const fail = () => { throw new Error('upstream down') }
    t.equal(await cache.getOrSet('key', fail, { staleIfError: 30 }), 'old')
    clock.advance(1)
    await t.rejects(cache.getOrSet('key', fail, { staleIfError: 30 }), { message: 'upstream down' })
  })
}

function counting (t: Test, setUp: () => SetUp): void {
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

  t.test('increment goes on from an integer, up and down', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 40)
    t.equal(await cache.increment('key', 2), 42)
    t.equal(await cache.increment('key', -50), -8)
    t.equal(await cache.increment('key', 8), 0)
    t.equal(await cache.increment('key', 0), 0)
    t.equal(await cache.get('key'), 0)
  })

  t.test('increment by a negative zero is one by zero', async (t) => {
    const { cache } = setUp()
    t.ok(Object.is(await cache.increment('key', -0), 0))
    t.equal(await cache.increment('key', -0), 0)
    t.equal(await cache.increment('key'), 1)
  })

  t.test('increment keeps the life and the tags', async (t) => {
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

  t.test('increment is exact up to the last safe integer, and refuses to go beyond it', async (t) => {
    const { cache } = setUp()
    await cache.set('key', Number.MAX_SAFE_INTEGER - 1)
    t.equal(await cache.increment('key'), Number.MAX_SAFE_INTEGER)
    await t.rejects(cache.increment('key'), { name: 'TypeError', message: /cannot increment "key"/ })
    t.equal(await cache.get('key'), Number.MAX_SAFE_INTEGER)
    t.equal(await cache.increment('key', -Number.MAX_SAFE_INTEGER), 0)
    t.equal(await cache.increment('key', -Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)
    await t.rejects(cache.increment('key', -1), TypeError)
    t.equal(await cache.get('key'), Number.MIN_SAFE_INTEGER)
  })

  t.test('increment refuses what is no safe integer, and leaves it', async (t) => {
    const { cache } = setUp()
    for (const value of ['42', 'text', '', 1.5, NaN, 2 ** 60, null, true, { n: 1 }, [1], 1n]) {
      await cache.set('key', value)
      await t.rejects(cache.increment('key'), { name: 'TypeError', message: 'cannot increment "key": its value is not a safe integer' })
      t.ok(isDeepStrictEqual(await cache.get('key'), value))
    }
  })

  t.test('increment loses nothing of what happens at once', async (t) => {
    const { cache } = setUp()
    const sums = await Promise.all(Array.from({ length: 100 }, () => cache.increment('key')))
    t.strictSame(sums.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 1))
    t.equal(await cache.get('key'), 100)
  })

  t.test('increment begins again where a counter expired', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 41, { ttl: 10 })
    await cache.getOrSet('stale', () => 41, { ttl: 10, staleIfError: 100 })
    clock.advance(10)
    t.equal(await cache.increment('key', 2), 2)
    t.equal(await cache.ttl('key'), 300)
    t.equal(await cache.increment('stale', 2), 2)
  })

  t.test('increment begins again where a counter was invalidated, and loses nothing', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 41, { tags: ['a'] })
    await cache.set('text', 'no number', { tags: ['a'] })
    await cache.invalidateTags(['a'])
    await Promise.all(Array.from({ length: 50 }, () => cache.increment('key')))
    t.equal(await cache.get('key'), 50)
    t.equal(await cache.increment('text'), 1)
  })
}

function deleting (t: Test, setUp: () => SetUp): void {
  t.test('delete tells whether there was something', async (t) => {
    const { cache } = setUp()
    await cache.set('key', null)
    t.equal(await cache.delete('key'), true)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.delete('key'), false)
  })

  t.test('deleteMany tells how many there were', async (t) => {
    const { cache } = setUp()
    await cache.setMany([['a', 1], ['b', 2], ['c', 3]])
    t.equal(await cache.deleteMany(['a', 'missing', 'b', 'a']), 2)
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['c', 3]])
    t.equal(await cache.deleteMany([]), 0)
  })
}

function clearing (t: Test, setUp: () => SetUp): void {
  t.test('clear forgets everything, also what was read a moment ago', async (t) => {
    const { cache } = setUp()
    const keys = Array.from({ length: 1200 }, (_, i) => `key ${i}`)
    await cache.setMany(keys.map((key) => [key, 1]))
    t.equal((await cache.getMany(keys)).size, 1200)
    await cache.clear()
    t.equal((await cache.getMany(keys)).size, 0)
    await cache.clear()
  })

  t.test('what a load under way brings is not kept after a clear', async (t) => {
    const { cache } = setUp()
    const held = heldLoad()
    const caller = cache.getOrSet('key', held.load)
    await held.began
    await cache.clear()
    held.end('old')
    t.equal(await caller, 'old')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('a cache can be closed', async () => {
    const { cache } = setUp()
    await cache.set('key', 1)
    await cache.close()
  })
}

function tagging (t: Test, setUp: () => SetUp): void {
  t.test('an invalidated tag takes every entry that carries it, and no other', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['x'] })
    await cache.set('b', 2, { tags: ['y', 'x'] })
    await cache.set('c', 3, { tags: ['y'] })
    await cache.set('d', 4, { tags: [] })
    await cache.set('e', 5)
    await cache.getOrSet('f', () => 6, { tags: ['x'] })
    await cache.invalidateTags(['x'])
    t.strictSame([...await cache.getMany(['a', 'b', 'c', 'd', 'e', 'f'])], [['c', 3], ['d', 4], ['e', 5]])
    t.equal(await cache.get('a'), undefined)
    t.equal(await cache.ttl('a'), undefined)
  })

  t.test('several tags are invalidated together, and none is nothing', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['x'] })
    await cache.set('b', 2, { tags: ['y'] })
    await cache.set('c', 3, { tags: ['z'] })
    await cache.invalidateTags([])
    t.equal((await cache.getMany(['a', 'b', 'c'])).size, 3)
    await cache.invalidateTags(['x', 'y', 'unknown'])
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['c', 3]])
  })

  t.test('what is set after the invalidation is valid, until the next', async (t) => {
    const { cache } = setUp()
    for (let round = 0; round < 3; round++) {
      await cache.set('key', round, { tags: ['x'] })
      t.equal(await cache.get('key'), round)
      await cache.invalidateTags(['x'])
      t.equal(await cache.get('key'), undefined)
    }
  })

  t.test('tags may be any names', async (t) => {
    const { cache } = setUp()
    const tags = ['a', 'A', 'a ', 'a:b', '#', '日本', '__proto__', 't'.repeat(1024)]
    for (const tag of tags) await cache.set(tag, 1, { tags: [tag] })
    for (const tag of tags) {
      await cache.invalidateTags([tag])
      t.equal(await cache.get(tag), undefined, tag)
    }
  })

  t.test('the tags are those at the call, whatever becomes of the array', async (t) => {
    const { cache } = setUp()
    const tags = ['x']
    const setting = cache.set('set', 1, { tags })
    const adding = cache.add('add', 1, { tags })
    const loading = cache.getOrSet('load', () => 1, { tags })
    tags.length = 0
    await Promise.all([setting, adding, loading])
    t.equal((await cache.getMany(['set', 'add', 'load'])).size, 3)
    await cache.invalidateTags(['x'])
    t.equal((await cache.getMany(['set', 'add', 'load'])).size, 0)
  })
}

function loading (t: Test, setUp: () => SetUp): void {
  t.test('getOrSet loads what is missing, and keeps it', async (t) => {
    const { cache, clock } = setUp()
    const held = heldLoad()
    held.end({ a: 1 })
    t.strictSame(await cache.getOrSet('key', held.load, { ttl: 10 }), { a: 1 })
    t.strictSame(await cache.getOrSet('key', held.load), { a: 1 })
    t.equal(held.runs(), 1)
    t.equal(await cache.ttl('key'), 10)
    clock.advance(10)
    await cache.getOrSet('key', held.load)
    t.equal(held.runs(), 2)
    t.equal(await cache.ttl('key'), 300)
  })

  t.test('getOrSet takes a load that answers at once', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.getOrSet('key', ({ key }) => `${key} loaded`), 'key loaded')
    t.equal(await cache.get('key'), 'key loaded')
  })

  t.test('getOrSet does not load again where a null, a zero or a false is kept', async (t) => {
    const { cache } = setUp()
    for (const value of [null, 0, false, '']) {
      const key = `key of ${value}`
      t.equal(await cache.getOrSet<unknown>(key, () => value), value)
      t.equal(await cache.getOrSet<unknown>(key, () => t.fail('loaded again')), value)
    }
  })

  t.test('getOrSet keeps no undefined', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.getOrSet('key', () => undefined), undefined)
    t.equal(await cache.getOrSet<unknown>('key', () => 'second'), 'second')
  })

  t.test('getOrSet answers what cannot be kept, and does not keep it', async (t) => {
    const { cache } = setUp()
    const value = { run () {} }
    t.equal(await cache.getOrSet('key', () => value), value)
    t.equal(await cache.get('key'), undefined)
  })

  t.test('callers who miss together share one load, each with a copy', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = heldLoad<{ list: number[] }>()
    const callers = Array.from({ length: 20 }, () => cache.getOrSet('key', held.load))
    await listener.heard('miss', 20)
    held.end({ list: [1] })
    const values = await Promise.all(callers)
    t.equal(held.runs(), 1)
    t.equal(new Set(values).size, 20)
    for (const value of values) t.strictSame(value, { list: [1] })
    values[0]!.list.push(2)
    t.strictSame(await cache.get('key'), { list: [1] })
  })

  t.test('callers share a load whose value is not kept, each with a copy where it can be copied', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    for (const value of [{ list: [1] }, undefined, () => 'a function']) {
      const held = heldLoad((context) => context.skipStore())
      const missed = listener.events.filter(({ type }) => type === 'miss').length
      const callers = [cache.getOrSet('key', held.load), cache.getOrSet('key', held.load)]
      await listener.heard('miss', missed + 2)
      held.end(value)
      const [mine, theirs] = await Promise.all(callers)
      t.equal(held.runs(), 1)
      t.equal(mine, value)
      t.strictSame(theirs, value)
      t.equal(theirs === mine, typeof value !== 'object')
      t.equal(await cache.get('key'), undefined)
    }
  })

  t.test('loads of different keys do not wait for each other', async (t) => {
    const { cache } = setUp()
    const held = heldLoad()
    const slow = cache.getOrSet('slow', held.load)
    await held.began
    t.equal(await cache.getOrSet<unknown>('quick', () => 'quick'), 'quick')
    held.end('slow')
    t.equal(await slow, 'slow')
  })

  t.test('a load that fails fails all who wait for it, and nothing is kept', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = heldLoad()
    const callers = Array.from({ length: 5 }, () => cache.getOrSet('key', held.load))
    const settled = Promise.allSettled(callers)
    await listener.heard('miss', 5)
    held.fail(new Error('upstream down'))
    t.match(await settled, Array(5).fill({ status: 'rejected', reason: { message: 'upstream down' } }))
    t.equal(held.runs(), 1)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.getOrSet<unknown>('key', () => 'second'), 'second')
    await t.rejects(cache.getOrSet('other', () => { throw new Error('at once') }), { message: 'at once' })
  })

  t.test('a load adds tags to those of the call', async (t) => {
    const { cache } = setUp()
    for (const tag of ['call', 'first', 'second', 'third']) {
      const held = heldLoad((context) => {
        t.equal(context.key, 'key')
        context.addTags('first', 'second')
        context.addTags('third')
        context.addTags()
      })
      held.end(tag)
      t.equal(await cache.getOrSet('key', held.load, { tags: ['call'] }), tag)
      t.equal(await cache.get('key'), tag)
      await cache.invalidateTags([tag])
      t.equal(await cache.get('key'), undefined, tag)
    }
  })

  t.test('a load replaces the ttl of the call', async (t) => {
    const { cache } = setUp()
    await cache.getOrSet('shorter', ({ setTtl }) => { setTtl(5); return 1 }, { ttl: 100 })
    await cache.getOrSet('eternal', ({ setTtl }) => { setTtl(null); return 1 })
    await cache.getOrSet('not kept', ({ setTtl }) => { setTtl(0); return 1 }, { ttl: 100 })
    await cache.getOrSet('kept', ({ setTtl }) => { setTtl(7); return 1 }, { ttl: 0 })
    await cache.getOrSet('never kept', () => 1, { ttl: -1 })
    t.equal(await cache.ttl('shorter'), 5)
    t.equal(await cache.ttl('eternal'), null)
    t.equal(await cache.ttl('not kept'), undefined)
    t.equal(await cache.ttl('kept'), 7)
    t.equal(await cache.ttl('never kept'), undefined)
  })

  t.test('a load that says something wrong fails', async (t) => {
    const { cache } = setUp()
    await t.rejects(cache.getOrSet('key', ({ addTags }) => addTags('')), { name: 'TypeError', message: /^a tag must be/ })
    await t.rejects(cache.getOrSet('key', ({ setTtl }) => setTtl(NaN)), { name: 'TypeError', message: /^ttl must be/ })
    t.equal(await cache.get('key'), undefined)
  })

  t.test('a load that began before an invalidation and ended after it is not served later', async (t) => {
    const { cache } = setUp()
    const held = heldLoad(({ addTags }) => addTags('late'))
    const caller = cache.getOrSet('key', held.load, { tags: ['x'] })
    const other = heldLoad(({ addTags }) => addTags('late'))
    const otherCaller = cache.getOrSet('other', other.load)
    await Promise.all([held.began, other.began])
    await cache.invalidateTags(['x'])
    held.end('old')
    t.equal(await caller, 'old')
    t.equal(await cache.get('key'), undefined)
    await cache.invalidateTags(['late'])
    other.end('old')
    t.equal(await otherCaller, 'old')
    t.equal(await cache.get('other'), undefined)
    t.equal(await cache.getOrSet<unknown>('key', () => 'new', { tags: ['x'] }), 'new')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('a caller who comes after an invalidation does not join the load begun before it', async (t) => {
    const { cache } = setUp()
    const before = heldLoad()
    const early = cache.getOrSet('key', before.load, { tags: ['x'] })
    await before.began
    await cache.invalidateTags(['x'])
    t.equal(await cache.getOrSet<unknown>('key', () => 'new', { tags: ['x'] }), 'new')
    before.end('old')
    t.equal(await early, 'old')
    t.equal(await cache.get('key'), 'new')
  })
}

function revoking (t: Test, setUp: () => SetUp): void {
  const writes: Record<string, [(cache: Cache) => Promise<unknown>, unknown]> = {
    delete: [(cache) => cache.delete('key'), undefined],
    deleteMany: [(cache) => cache.deleteMany(['other', 'key']), undefined],
    set: [(cache) => cache.set('key', 'written'), 'written'],
    'set with tags': [(cache) => cache.set('key', 'written', { tags: ['x'] }), 'written'],
    setMany: [(cache) => cache.setMany([['other', 1], ['key', 'written']]), 'written'],
    'set with a ttl of zero': [(cache) => cache.set('key', 'written', { ttl: 0 }), undefined],
    add: [(cache) => cache.add('key', 'written'), 'written'],
    increment: [(cache) => cache.increment('key', 7), 7]
  }
  for (const [verb, [write, written]] of Object.entries(writes)) {
    t.test(`${verb} during a load: what it brings is not kept, and the next caller does not join it`, async (t) => {
      const { cache } = setUp()
      const held = heldLoad()
      const early = cache.getOrSet('key', held.load)
      await held.began
      await write(cache)
      const next = await cache.getOrSet<unknown>('key', () => 'loaded after')
      t.equal(next, written ?? 'loaded after')
      held.end('old')
      t.equal(await early, 'old')
      t.equal(await cache.get('key'), next)
    })
  }

  t.test('a caller who was on the way when the key was deleted does not get what was loaded before', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = heldLoad()
    const early = cache.getOrSet('key', held.load)
    await held.began
    const onTheWay = cache.getOrSet('key', () => 'new')
    await cache.delete('key')
    t.equal(await onTheWay, 'new')
    held.end('old')
    t.equal(await early, 'old')
    await listener.heard('load', 2)
    t.equal(await cache.get('key'), 'new')
  })
}

function overtaking (t: Test, setUp: () => SetUp): void {
  /** Two loads of one key under way, since the clock moved in between. */
  async function twoLoads (cache: Cache, tags: string[] = []) {
    const older = heldLoad()
    const olderCaller = cache.getOrSet('key', older.load, { tags })
    await older.began
    await cache.invalidateTags(['something else'])
    const newer = heldLoad()
    const newerCaller = cache.getOrSet('key', newer.load, { tags })
    await newer.began
    return { older, olderCaller, newer, newerCaller }
  }

  t.test('a load is kept though the clock moved, and until a newer one is', async (t) => {
    const { cache } = setUp()
    for (const tags of [[], ['x']]) {
      await cache.delete('key')
      const { older, olderCaller, newer, newerCaller } = await twoLoads(cache, tags)
      older.end('older')
      t.equal(await olderCaller, 'older')
      t.equal(await cache.get('key'), 'older')
      newer.end('newer')
      t.equal(await newerCaller, 'newer')
      t.equal(await cache.get('key'), 'newer')
    }
  })

  t.test('a load is not kept once a newer one is', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    newer.end('newer')
    t.equal(await newerCaller, 'newer')
    older.end('older')
    t.equal(await olderCaller, 'older')
    t.equal(await cache.get('key'), 'newer')
  })

  t.test('a load is not kept once a newer one failed', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    const failed = t.rejects(newerCaller, { message: 'upstream down' })
    newer.fail(new Error('upstream down'))
    await failed
    older.end('older')
    t.equal(await olderCaller, 'older')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('a delete reaches every load under way', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    await cache.delete('key')
    older.end('older')
    newer.end('newer')
    t.equal(await olderCaller, 'older')
    t.equal(await newerCaller, 'newer')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('several callers who may not join a load share the next one', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    const joining = [cache.getOrSet('key', newer.load), cache.getOrSet('key', newer.load)]
    await listener.heard('miss', 4)
    newer.end('newer')
    t.strictSame(await Promise.all([newerCaller, ...joining]), ['newer', 'newer', 'newer'])
    t.equal(newer.runs(), 1)
    older.end('older')
    t.equal(await olderCaller, 'older')
  })
}

function standingIn (t: Test, setUp: () => SetUp): void {
  const fail = () => { throw new Error('upstream down') }

  t.test('staleWhileRevalidate: an old value is answered at once while one load renews it', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleWhileRevalidate: 20 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.get('key'), undefined)
    const held = heldLoad()
    const answers = await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet('key', held.load, options)))
    t.strictSame(answers, Array(5).fill('old'))
    await held.began
    held.end('new')
    await listener.heard('set', 2)
    t.equal(held.runs(), 1)
    t.equal(await cache.getOrSet('key', held.load, options), 'new')
    t.equal(held.runs(), 1)
  })

  t.test('staleWhileRevalidate: an old value is a copy', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleWhileRevalidate: 20 }
    await cache.getOrSet('key', () => ({ list: [1] }), options)
    clock.advance(10)
    const old = await cache.getOrSet<{ list: number[] }>('key', fail, options)
    old.list.push(2)
    t.strictSame(await cache.getOrSet<unknown>('key', fail, options), { list: [1] })
  })

  t.test('staleWhileRevalidate: after its window, and for callers who do not ask for it, the load is waited for', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleWhileRevalidate: 20 }
    await cache.getOrSet('key', () => 'old', options)
    await cache.getOrSet('other', () => 'old', options)
    await cache.getOrSet('narrow', () => 'old', options)
    clock.advance(29.999)
    t.equal(await cache.getOrSet('other', () => 'new', { ttl: 10 }), 'new')
    t.equal(await cache.getOrSet('narrow', () => 'new', { ...options, staleWhileRevalidate: 5 }), 'new')
    clock.advance(0.001)
    t.equal(await cache.getOrSet('key', () => 'new', options), 'new')
  })

  t.test('staleWhileRevalidate: a load that fails in the background leaves the old value, and tells why', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleWhileRevalidate: 20, staleIfError: 20 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.getOrSet('key', fail, options), 'old')
    await listener.heard('error')
    t.match(listener.events.filter(({ type }) => type === 'error'), [{ doing: 'refresh', error: { message: 'upstream down' } }])
    t.equal(listener.events.filter(({ type }) => type === 'stale').length, 1)
    t.equal(await cache.getOrSet('key', fail, options), 'old')
  })

  t.test('staleIfError: an old value stands in for a load that fails, for its window', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 20 }
    await cache.getOrSet('key', () => ({ list: [1] }), options)
    clock.advance(10)
    const old = await cache.getOrSet<{ list: number[] }>('key', fail, options)
    old.list.push(2)
    t.strictSame(await cache.getOrSet<unknown>('key', fail, options), { list: [1] })
    await t.rejects(cache.getOrSet('key', fail, { ttl: 10 }), { message: 'upstream down' })
    await t.rejects(cache.getOrSet('key', fail, { ttl: 10, staleIfError: 0 }), { message: 'upstream down' })
    t.equal(await cache.get('key'), undefined)
    clock.advance(20)
    await t.rejects(cache.getOrSet('key', fail, options), { message: 'upstream down' })
  })

  t.test('staleIfError: a load that succeeds is waited for', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 20 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.getOrSet('key', () => 'new', options), 'new')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('an entry that was invalidated never stands in', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, tags: ['x'], staleIfError: 100, staleWhileRevalidate: 100, timeout: 0.01 }
    await cache.getOrSet('key', () => 'old', options)
    await cache.invalidateTags(['x'])
    await t.rejects(cache.getOrSet('key', fail, options), { message: 'upstream down' })
    clock.advance(10)
    await t.rejects(cache.getOrSet('key', fail, options), { message: 'upstream down' })
    const held = heldLoad()
    await t.rejects(cache.getOrSet('key', held.load, options), LoadTimeoutError)
    held.end('new')
  })

  t.test('an entry that was deleted never stands in', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 100, staleWhileRevalidate: 100 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.delete('key'), true)
    await t.rejects(cache.getOrSet('key', fail, options), { message: 'upstream down' })
  })

  t.test('an entry that never expires takes a window all the same', async (t) => {
    const { cache } = setUp()
    await cache.getOrSet('key', () => 'kept', { ttl: null, staleIfError: 10 })
    t.equal(await cache.ttl('key'), null)
    t.equal(await cache.getOrSet('key', fail, { staleIfError: 10 }), 'kept')
  })
}

function waiting (t: Test, setUp: () => SetUp): void {
  t.test('timeout: a caller waits no longer, and the load goes on and is kept', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = heldLoad()
    const caller = cache.getOrSet('key', held.load, { timeout: 0.01 })
    await t.rejects(caller, LoadTimeoutError)
    await t.rejects(caller, {
      name: 'LoadTimeoutError', code: 'LARDER_LOAD_TIMEOUT', message: 'the load of "key" took longer than 0.01 s'
    })
    await held.began
    held.end('late')
    await listener.heard('set')
    t.equal(await cache.get('key'), 'late')
  })

  t.test('timeout: each who waits has a time of their own', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = heldLoad()
    const patient = cache.getOrSet('key', held.load)
    await held.began
    const hasty = cache.getOrSet('key', held.load, { timeout: 0 })
    const calm = cache.getOrSet('key', held.load, { timeout: 1e9 })
    await t.rejects(hasty, LoadTimeoutError)
    await listener.heard('miss', 3)
    held.end('value')
    t.equal(await patient, 'value')
    t.equal(await calm, 'value')
    t.equal(held.runs(), 1)
  })

  t.test('timeout: an old value stands in where staleIfError allows', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleIfError: 20, timeout: 0.01 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    const held = heldLoad()
    t.equal(await cache.getOrSet('key', held.load, options), 'old')
    held.end('new')
    await listener.heard('set', 2)
    t.equal(await cache.get('key'), 'new')
  })

  t.test('timeout: a load that fails after all have gone harms nobody', async (t) => {
    const { cache } = setUp()
    const held = heldLoad()
    await t.rejects(cache.getOrSet('key', held.load, { timeout: 0 }), LoadTimeoutError)
    await held.began
    held.fail(new Error('late'))
    t.equal(await cache.get('key'), undefined)
  })
}

function refusing (t: Test, setUp: () => SetUp): void {
  /** What callers may hand in against the types. */
  type Loose = Record<string, (...args: unknown[]) => Promise<unknown>>
  const refused = (t: Test, call: Promise<unknown>, message: RegExp, name?: string) =>
    t.rejects(call, { name: 'TypeError', message }, name ?? String(message))

  t.test('a bad key is refused by every verb', async (t) => {
    const cache = setUp().cache as unknown as Loose
    const bad: Array<[unknown, RegExp]> = [
      ['', /^a cache key must be a non-empty string, got ""$/],
      [undefined, /^a cache key must be a non-empty string, got undefined$/],
      [7, /^a cache key must be a non-empty string, got 7$/],
      [null, /^a cache key must be a non-empty string, got null$/],
      [Object.create(null), /^a cache key must be a non-empty string, got /],
      [Symbol('key'), /^a cache key must be a non-empty string, got Symbol\(key\)$/],
      ['k'.repeat(1025), /^a cache key may have at most 1024 characters, got 1025$/],
      ['lone \ud800', /^a cache key must be well-formed Unicode, got a lone surrogate$/]
    ]
    for (const [key, message] of bad) {
      await refused(t, cache.get!(key), message)
      await refused(t, cache.getMany!(['good', key]), message)
      await refused(t, cache.set!(key, 1), message)
      await refused(t, cache.setMany!([['good', 1], [key, 1]]), message)
      await refused(t, cache.add!(key, 1), message)
      await refused(t, cache.getOrSet!(key, () => 1), message)
      await refused(t, cache.touch!(key), message)
      await refused(t, cache.increment!(key), message)
      await refused(t, cache.ttl!(key), message)
      await refused(t, cache.delete!(key), message)
      await refused(t, cache.deleteMany!(['good', key]), message)
    }
    await refused(t, cache.getMany!('abc'), /^keys must be an array of strings, got "abc"$/)
    await refused(t, cache.deleteMany!(new Set(['abc'])), /^keys must be an array of strings, got Set/)
  })

  t.test('a bad ttl is refused by every verb that takes one', async (t) => {
    const cache = setUp().cache as unknown as Loose
    for (const ttl of [NaN, Infinity, -Infinity, '60', {}, true]) {
      const message = /^ttl must be a number of seconds or null, got /
      await refused(t, cache.set!('key', 1, { ttl }), message)
      await refused(t, cache.setMany!([['key', 1]], { ttl }), message)
      await refused(t, cache.add!('key', 1, { ttl }), message)
      await refused(t, cache.getOrSet!('key', () => 1, { ttl }), message)
      await refused(t, cache.touch!('key', ttl), message)
    }
    t.equal(await cache.get!('key'), undefined)
  })

  t.test('bad tags are refused by every verb that takes them', async (t) => {
    const cache = setUp().cache as unknown as Loose
    const bad: Array<[unknown, RegExp]> = [
      ['tag', /^tags must be an array of strings, got "tag"$/],
      [null, /^tags must be an array of strings, got null$/],
      [[''], /^a tag must be a non-empty string, got ""$/],
      [[1], /^a tag must be a non-empty string, got 1$/],
      [['t'.repeat(1025)], /^a tag may have at most 1024 characters, got 1025$/],
      [['\udc00'], /^a tag must be well-formed Unicode, got a lone surrogate$/]
    ]
    for (const [tags, message] of bad) {
      await refused(t, cache.set!('key', 1, { tags }), message)
      await refused(t, cache.setMany!([['key', 1]], { tags }), message)
      await refused(t, cache.add!('key', 1, { tags }), message)
      await refused(t, cache.getOrSet!('key', () => 1, { tags }), message)
      await refused(t, cache.invalidateTags!(tags), message)
    }
    t.equal(await cache.get!('key'), undefined)
  })

  t.test('other bad options and arguments are refused', async (t) => {
    const cache = setUp().cache as unknown as Loose
    for (const name of ['staleWhileRevalidate', 'staleIfError', 'timeout']) {
      for (const value of [-1, NaN, Infinity, null, '1']) {
        await refused(t, cache.getOrSet!('key', () => 1, { [name]: value }), new RegExp(`^${name} must be a number of seconds, zero or more, got `))
      }
    }
    for (const options of [60, null, 'ttl']) {
      const message = /^options must be an object, got /
      await refused(t, cache.set!('key', 1, options), message)
      await refused(t, cache.setMany!([['key', 1]], options), message)
      await refused(t, cache.add!('key', 1, options), message)
      await refused(t, cache.getOrSet!('key', () => 1, options), message)
    }
    await refused(t, cache.getOrSet!('key', 'value'), /^load must be a function, got "value"$/)
    for (const by of [1.5, NaN, '1', 2 ** 53, null]) {
      await refused(t, cache.increment!('key', by), /^by must be a safe integer, got /)
    }
    t.equal(await cache.get!('key'), undefined)
  })

  t.test('a value that cannot be kept is refused', async (t) => {
    const { cache } = setUp()
    await refused(t, cache.set('key', undefined), /^undefined cannot be cached/)
    await refused(t, cache.add('key', undefined), /^undefined cannot be cached/)
    await refused(t, cache.set('key', () => 1), /^this value cannot be cached/)
    await refused(t, cache.set('key', { deep: Symbol('no') }), /^this value cannot be cached/)
    const circle: { self?: unknown } = {}
    circle.self = circle
    await refused(t, cache.set('key', circle), /^this value cannot be cached/)
    t.equal(await cache.get('key'), undefined)
  })
}
