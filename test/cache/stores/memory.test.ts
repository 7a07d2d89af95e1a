import t from 'tap'
import { createCache, memoryStore, type MemoryStoreOptions } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { collect } from '../../support/collect.ts'
import { cacheContract } from '../../support/store-contract/index.ts'
import { listen } from '../../support/record-events.ts'

cacheContract(t, 'memoryStore', (now) => memoryStore({ now }))

function setUp (options: MemoryStoreOptions) {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now, ...options }), now })
  return { cache, advance, stats: () => cache.stats()! }
}

t.test('the store never holds more than maxBytes', async (t) => {
  const { cache, stats } = setUp({ maxBytes: 100_000 })
  for (let i = 0; i < 5000; i++) {
    await cache.set(`key ${i}`, 'x'.repeat(i % 700), { tags: [`tag ${i}`] })
    await cache.increment(`counter ${i}`)
    if (stats().bytes > 100_000) t.fail(`holds ${stats().bytes} bytes`)
  }
  const { entries, bytes, maxBytes, evictions, refusals } = stats()
  t.equal(maxBytes, 100_000)
  t.ok(bytes > 95_000, 'and uses most of it', { bytes })
  t.ok(entries > 50 && entries < 200, 'a small entry counts as more than its value', { entries })
  t.equal(entries + evictions, 10_000)
  t.equal(refusals, 0)
})

t.test('the size of an entry includes its key, tags and value', async (t) => {
  const measure = async (key: string, value: unknown, tags: string[]) => {
    const { cache, stats } = setUp({ maxBytes: 100_000 })
    await cache.set(key, value, { tags })
    return stats().bytes
  }
  const least = await measure('k', '', [])
  t.equal(await measure('k', 'x'.repeat(20), []), least + 20)
  t.equal(await measure('k'.repeat(11), '', []), least + 20)
  t.equal(await measure('k', '', ['t'.repeat(10)]), least + 20)
})

t.test('deleted, cleared and replaced entries no longer count', async (t) => {
  const { cache, stats } = setUp({ maxBytes: 100_000 })
  await cache.set('key', 'x'.repeat(1000))
  const { bytes } = stats()
  await cache.set('key', 'x'.repeat(1000))
  await cache.touch('key', 5)
  t.match(stats(), { entries: 1, bytes })
  await cache.delete('key')
  t.match(stats(), { entries: 0, bytes: 0 })
  await cache.set('key', 1)
  await cache.clear()
  t.match(stats(), { entries: 0, bytes: 0, evictions: 0 })
})

t.test('the least recently used entry is evicted first', async (t) => {
  const { cache, stats } = setUp({ maxBytes: 10_000, maxEntryBytes: 2000 })
  const value = 'x'.repeat(1280)
  for (const key of ['a', 'b', 'c', 'd', 'e']) await cache.set(key, value)
  t.equal(stats().entries, 5, 'no room for a sixth')
  await cache.get('a')
  await cache.touch('b', 100)
  await cache.set('c', value)
  await cache.getMany(['d'])
  await cache.set('f', value)
  t.strictSame([...(await cache.getMany(['a', 'b', 'c', 'd', 'e', 'f'])).keys()], ['a', 'b', 'c', 'd', 'f'])
  await cache.set('g', value)
  t.equal(await cache.get('a'), undefined)
  t.equal(stats().evictions, 2)
})

t.test('deleteMatching() marks no entry as used, and does not count expired ones', async (t) => {
  const { cache, advance, stats } = setUp({ maxEntries: 4 })
  for (const key of ['page:a', 'b', 'c']) await cache.set(key, key)
  await cache.set('page:d', 'd', { ttl: 10 })
  advance(10)
  t.equal(await cache.deleteMatching({ prefix: 'page:' }), 1)
  t.match(stats(), { entries: 2, evictions: 0 })
  t.equal(await cache.deleteMatching({ tags: ['x'] }), 0)
  for (const key of ['e', 'f', 'g']) await cache.set(key, key)
  t.strictSame([...(await cache.getMany(['b', 'c', 'e', 'f', 'g'])).keys()], ['c', 'e', 'f', 'g'])
})

t.test('an entry larger than maxEntryBytes is refused and counted, and deletes the one it would replace', async (t) => {
  const { cache, stats } = setUp({ maxBytes: 10_000, maxEntryBytes: 2000 })
  const { events } = listen(t, cache)
  await cache.set('key', 'small')
  await cache.set('other', 'small')
  await cache.set('key', 'x'.repeat(3000))
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.get('other'), 'small')
  t.match(stats(), { entries: 1, refusals: 1, evictions: 0 })
  t.equal(await cache.getOrSet('key', () => 'x'.repeat(3000)), 'x'.repeat(3000))
  t.match(await cache.load('key', () => 'x'.repeat(3000)), { stored: false, entry: { tags: [] } })
  t.equal(await cache.add('key', 'x'.repeat(3000)), false)
  t.equal(stats().refusals, 4)
  t.strictSame(events.filter(({ type }) => type === 'set').length, 2, 'no set event without a stored entry')
})

t.test('maxEntryBytes defaults to an eighth of maxBytes, and is at most maxBytes', async (t) => {
  const eighth = setUp({ maxBytes: 80_000 })
  await eighth.cache.set('key', 'x'.repeat(9200))
  t.match(eighth.stats(), { entries: 1, refusals: 0 })
  await eighth.cache.set('key', 'x'.repeat(9600))
  t.match(eighth.stats(), { entries: 0, bytes: 0, refusals: 1 })

  const all = setUp({ maxBytes: 5000, maxEntryBytes: 1_000_000 })
  await all.cache.set('key', 'small')
  await all.cache.set('large', 'x'.repeat(20_000))
  t.match(all.stats(), { entries: 1, refusals: 1, evictions: 0 })
})

t.test('the store holds at most maxEntries', async (t) => {
  const { cache, stats } = setUp({ maxEntries: 3 })
  for (let i = 0; i < 10; i++) await cache.set(`key ${i}`, i)
  t.match(stats(), { entries: 3, evictions: 7 })
  t.strictSame((await cache.getMany(['key 6', 'key 7', 'key 8', 'key 9'])).size, 3)
})

t.test('the store is named memory, and maxBytes defaults to 64 MiB', async (t) => {
  const cache = createCache({ store: memoryStore() })
  t.equal(cache.storeName, 'memory')
  t.equal(cache.stats()!.maxBytes, 64 * 1024 * 1024)
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await cache.close()
  t.equal(cache.stats()!.entries, 0)
})

t.test('invalid options are refused by name', async (t) => {
  for (const name of ['maxBytes', 'maxEntryBytes', 'maxEntries']) {
    for (const value of [0, -1, 1.5, NaN, Infinity, '1']) {
      const options = { [name]: value } as MemoryStoreOptions
      const message = new RegExp(`^The value of ${name} must be a positive integer, but is `)
      t.throws(() => memoryStore(options), { code: 'FST_ERR_LARDER_OPTION', message })
    }
  }
  t.throws(() => memoryStore({ now: 5 as never }), {
    code: 'FST_ERR_LARDER_OPTION', message: 'The value of now must be a function, but is 5.'
  })
})

t.test('entries marks none of them as used', async (t) => {
  const { cache } = setUp({ maxEntries: 3 })
  for (const key of ['a', 'b', 'c']) await cache.set(key, key)
  t.equal((await collect(cache.entries())).length, 3)
  await cache.set('d', 'd')
  t.strictSame([...(await cache.getMany(['a', 'b', 'c', 'd'])).keys()], ['b', 'c', 'd'])
})
