import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { freezeAndMeasure } from '../../../src/cache/entry/measure.ts'

t.test('freezeAndMeasure() counts each kind of value, and an object that occurs twice once', async (t) => {
  const atLeast: Array<[unknown, number]> = [
    ['x'.repeat(1000), 1000], ['ž'.repeat(1000), 2000], [[0.5, 1.5], 32], [2n ** 8000n, 1000],
    [new Map([['key', 'x'.repeat(500)]]), 500], [new Set(['x'.repeat(500)]), 500], [Buffer.alloc(1000), 1000],
    [new ArrayBuffer(1000), 1000], [[2 ** 31, -(2 ** 40)], 48], [new Array(1000), 8000], [new Array(2 ** 25), 2 ** 28],
    [Object.assign([], { 4e9: 1 }), 48], [[new Date(), /x/], 200], [{ a: { b: ['x'.repeat(100)] } }, 100]
  ]
  for (const [value, bytes] of atLeast) {
    const measured = freezeAndMeasure(value)
    t.ok(measured >= bytes && measured < bytes + 700, `${measured} for ${bytes}`)
  }
  for (const value of [1, true, null, undefined]) t.equal(freezeAndMeasure(value), 0)
  const row = { text: 'x'.repeat(1000) }
  t.ok(freezeAndMeasure([row, row]) < freezeAndMeasure([row, { ...row }]))
})

t.test('freezeAndMeasure() freezes plain objects in maps and sets, bare objects, and cycles', async (t) => {
  const cycle: { self?: object, bare: object } = { bare: Object.create(null) }
  cycle.self = cycle
  const inMap = { a: 1 }
  freezeAndMeasure(new Map([[inMap, new Set([cycle])]]))
  t.ok([cycle, cycle.bare, inMap].every(Object.isFrozen))
})

t.test('names of properties count once, unless there are too many to remember', async (t) => {
  const fresh = () => Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [`measured ${i}`, i]))
  const first = freezeAndMeasure(fresh())
  t.ok(freezeAndMeasure(fresh()) < first / 2)
  freezeAndMeasure(Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [`other ${i}`, i])))
  t.ok(freezeAndMeasure(fresh()) > first / 2)
})

t.test('a shared value counts from its first hit on, evicts others, and no longer counts once replaced', async (t) => {
  const cache = createCache({ store: memoryStore({ maxBytes: 12_000, maxEntryBytes: 12_000 }) })
  const load = () => Array.from({ length: 100 }, (_, i) => [i])
  const shared = { shared: true }
  await cache.set('other', 'x'.repeat(5_000))
  await cache.getOrSet('key', load, shared)
  t.match(cache.stats(), { entries: 2, evictions: 0 })
  const value = await cache.getOrSet('key', load, shared)
  t.match(cache.stats(), { entries: 1, evictions: 1 })
  const grown = cache.stats()!.bytes
  t.equal(await cache.getOrSet('key', load, shared), value)
  t.equal(cache.stats()!.bytes, grown, 'a second hit derives nothing')
  t.ok(grown > 7_000, `${grown} bytes`)
  await cache.set('key', 1)
  t.ok(cache.stats()!.bytes < 1_000)
})

t.test('an entry that is larger than the store once it is decoded stays, alone', async (t) => {
  const cache = createCache({ store: memoryStore({ maxBytes: 5_000, maxEntryBytes: 5_000 }) })
  const load = () => Array.from({ length: 100 }, (_, i) => [i])
  await cache.set('other', 1)
  await cache.getOrSet('key', load, { shared: true })
  const value = await cache.getOrSet('key', load, { shared: true })
  t.equal(await cache.getOrSet('key', load, { shared: true }), value)
  t.match(cache.stats(), { entries: 1, bytes: 5_000 })
})

t.test('an entry that was evicted before its value is decoded does not count', async (t) => {
  const store = memoryStore()
  const cache = createCache({ store })
  await cache.set('key', [1, 2, 3])
  const entry = await store.get('key')
  const { get } = store
  store.get = () => entry
  await store.delete(['key'])
  t.strictSame(await cache.getOrSet('key', () => [], { shared: true }), [1, 2, 3])
  t.match(cache.stats(), { entries: 0, bytes: 0 })
  store.get = get
})

t.test('what was derived from an entry counts in the store that stores it later', async (t) => {
  const [first, second] = [memoryStore(), memoryStore()]
  const cache = createCache({ store: first })
  await cache.set('key', ['x'.repeat(1000)])
  await cache.getOrSet('key', () => [], { shared: true })
  await second.set('key', (await first.get('key'))!)
  t.equal(second.stats!().bytes, first.stats!().bytes)
})
