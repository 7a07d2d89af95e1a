import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

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
  ['all of them in one', {
    date: new Date(0),
    map: new Map([['x', 1n]]),
    list: [new Set([NaN]), Uint8Array.of(7)],
    deep: { up: { '': -1.5 } }
  }]
]

export function getAndSet (t: Test, setUp: () => SetUp): void {
  t.test('get of a key that was never set is undefined', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.get('nothing'), undefined)
    t.equal(await cache.ttl('nothing'), undefined)
  })

  t.test('get of a stored null is null', async (t) => {
    const { cache } = setUp()
    await cache.set('key', null)
    t.equal(await cache.get('key'), null)
  })

  t.test('get returns every kind of value as it was set', async (t) => {
    const { cache } = setUp()
    for (const [kind, value] of VALUES) {
      await cache.set(kind, value)
      const found = await cache.get(kind)
      t.ok(isDeepStrictEqual(found, value), kind, { found, wanted: value })
    }
  })

  t.test('set stores a copy of the value', async (t) => {
    const { cache } = setUp()
    const value = { list: [1], bytes: Uint8Array.of(1) }
    const setting = cache.set('key', value)
    value.list.push(2)
    value.bytes[0] = 9
    await setting
    t.strictSame(await cache.get('key'), { list: [1], bytes: Uint8Array.of(1) })
  })

  t.test('get returns a copy of the value', async (t) => {
    const { cache } = setUp()
    await cache.set('key', { list: [1], bytes: Uint8Array.of(1) })
    const found = await cache.get<{ list: number[], bytes: Uint8Array }>('key')
    found!.list.push(2)
    found!.bytes[0] = 9
    t.strictSame(await cache.get('key'), { list: [1], bytes: Uint8Array.of(1) })
  })

  t.test('a key can have any characters, and none is taken for another', async (t) => {
    const { cache } = setUp()
    const keys = [
      'a', 'A', 'a ', ' a', 'a:b', 'a#b', '#clock', '*', 'ä', '日本', '🧀', '\u0000', 'a\nb', 'k'.repeat(1024),
      '__proto__'
    ]
    for (const key of keys) await cache.set(key, `value of ${key}`)
    for (const key of keys) t.equal(await cache.get(key), `value of ${key}`)
  })

  t.test('set replaces the value of a key', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1)
    t.equal(await cache.get('key'), 1)
    await cache.set('key', { two: 2 })
    t.strictSame(await cache.get('key'), { two: 2 })
  })

  t.test('lookup returns the entry as it is stored, or why there is none', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('key', 'value', { ttl: 10, tags: ['a'] })
    t.match(await cache.lookup('key'), { storedAt: clock.now(), freshUntil: clock.now() + 10_000, tags: ['a'] })
    t.strictSame(await cache.lookup('other'), { miss: 'absent' })
    await cache.invalidateTags(['a'])
    t.match(await cache.lookup('key'), { miss: 'invalidated', seen: { tags: ['a'] }, stale: undefined })
    clock.advance(10)
    t.match(await cache.lookup('key'), { miss: /absent|expired/, stale: undefined })
  })
}

export function getManyAndSetMany (t: Test, setUp: () => SetUp): void {
  t.test('getMany returns the keys that were found, in the order given', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1)
    await cache.set('b', null)
    await cache.set('c', { deep: true })
    const found = await cache.getMany(['c', 'missing', 'b', 'a', 'c'])
    t.strictSame([...found], [['c', { deep: true }], ['b', null], ['a', 1]])
    t.strictSame([...await cache.getMany([])], [])
  })

  t.test('getMany leaves out expired and invalidated entries', async (t) => {
    const { cache, clock } = setUp()
    await cache.set('short', 1, { ttl: 10 })
    await cache.set('long', 2, { ttl: 100 })
    await cache.set('tagged', 3, { ttl: 100, tags: ['a'] })
    await cache.set('other', 4, { ttl: 100, tags: ['b'] })
    await cache.invalidateTags(['a'])
    clock.advance(10)
    t.strictSame([...await cache.getMany(['short', 'long', 'tagged', 'other'])], [['long', 2], ['other', 4]])
  })

  t.test('setMany takes any iterable, and one set of options', async (t) => {
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

  t.test('setMany with a key twice stores the last value', async (t) => {
    const { cache } = setUp()
    await cache.setMany([['a', 1], ['b', 2], ['a', 3]])
    t.equal(await cache.get('a'), 3)
  })

  t.test('setMany writes nothing if a value or a key is invalid', async (t) => {
    const { cache } = setUp()
    await t.rejects(cache.setMany([['a', 1], ['b', undefined]]), { code: 'FST_ERR_LARDER_VALUE' })
    await t.rejects(cache.setMany([['a', 1], ['', 2]]), { code: 'FST_ERR_LARDER_ARGUMENT' })
    t.equal(await cache.get('a'), undefined)
  })

  t.test('setMany with a ttl of zero deletes', async (t) => {
    const { cache } = setUp()
    await cache.setMany([['a', 1], ['b', 2], ['c', 3]])
    await cache.setMany([['a', 1], ['b', 2]], { ttl: 0 })
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['c', 3]])
  })
}
