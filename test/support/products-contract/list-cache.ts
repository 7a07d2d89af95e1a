import { AsyncLocalStorage } from 'node:async_hooks'
import type { Test } from 'tap'
import { PAGE_SIZE, PRODUCT_LIST_KEY } from '../../../src/products/index.ts'
import { callsWithoutChange, mutations, oops } from './mutations.ts'
import { named, record, type SetUp, type SetUpOptions, type Shop, titles } from './set-up.ts'
import { memory, startRedisKind } from './stores.ts'

export async function listCache (t: Test, setUp: SetUp): Promise<void> {
  const redis = await startRedisKind(t)
  const { kind } = await setUp()
  // The database knows nothing of the store, so one kind of database is enough for all of them.
  for (const store of kind.name === 'SQLite' ? [memory, redis] : [redis]) {
    t.test(`with the list in ${store.name}`, async (t) => withStore(t, (options) => setUp({ store, ...options })))
  }
}

function withStore (t: Test, setUp: SetUp): void {
  /** Creates the products a, b and c, and caches their list. */
  async function filled (t: Test, wrap?: SetUpOptions['wrap']): Promise<Shop> {
    const all = await setUp(wrap && { wrap })
    await all.products.createMany(named('a', 'b', 'c'))
    all.clock.advance(60)
    await all.products.list()
    t.equal(await all.isCached(), true, 'the list is in the cache')
    return all
  }

  t.test('a cached list of another shape is replaced', async (t) => {
    for (const other of [[{ id: 1 }], { items: [], total: '1' }, null, 'text']) {
      const { cache, products } = await filled(t)
      await cache.set(PRODUCT_LIST_KEY, other)
      const { items, cached } = await products.list()
      t.same([titles(items), cached], [['c', 'b', 'a'], 'miss'])
      t.equal((await products.list()).cached, 'hit')
    }
  })

  t.test('list() loads once, then hits the cache', async (t) => {
    const { products, isCached } = await setUp()
    await products.createMany(named('a', 'b'))
    t.equal(await isCached(), false)
    const loaded = await products.list()
    t.match(loaded, { page: 1, limit: PAGE_SIZE, total: 2, cached: 'miss' })
    t.same(titles(loaded.items), ['b', 'a'])
    t.equal(await isCached(), true)
    t.same(await products.list(), { ...loaded, cached: 'hit' })
    t.same(await products.list(1), { ...loaded, cached: 'hit' })
  })

  t.test('list() caches an empty list', async (t) => {
    const { products } = await setUp()
    t.same(await products.list(), { items: [], total: 0, page: 1, limit: PAGE_SIZE, maxPage: 1_000, cached: 'miss' })
    t.same(await products.list(), { items: [], total: 0, page: 1, limit: PAGE_SIZE, maxPage: 1_000, cached: 'hit' })
  })

  t.test('list() caches only the first page of the default size', async (t) => {
    const { products, isCached } = await setUp()
    await products.createMany(Array.from({ length: 150 }, (_, i) => ({ title: `${i + 1}`, price: '1' })))
    const second = await products.list(2)
    t.match(second, { page: 2, limit: 100, total: 150 })
    t.same([second.items.length, second.items[0]!.title, second.items[49]!.title], [50, '50', '1'])
    const short = await products.list(1, 10)
    t.match(short, { page: 1, limit: 10, total: 150 })
    t.same(titles(short.items), ['150', '149', '148', '147', '146', '145', '144', '143', '142', '141'])
    t.same(await products.list(16, 10), { items: [], page: 16, limit: 10, total: 150, maxPage: 10_000 })
    t.hasOwnProps(second, ['items', 'total', 'page', 'limit'])
    t.notHas(second, { cached: String })
    t.notHas(short, { cached: String })
    t.equal(await isCached(), false)
    t.equal((await products.list()).items.length, 100)
    t.equal(await isCached(), true)
  })

  for (const { name, mutate, leaves, notifications } of mutations) {
    t.test(`${name} invalidates the list and notifies subscribers`, async (t) => {
      const { products, isCached } = await filled(t)
      const seen = record(products)
      await mutate(products)
      t.equal(await isCached(), false, 'the key is deleted')
      t.same(seen, notifications)
      const list = await products.list()
      t.equal(list.cached, 'miss')
      t.same(titles(list.items), leaves)
      t.equal(list.total, leaves.length)
      t.same(await products.list(), { ...list, cached: 'hit' })
      t.same((await products.list(1, 1000)).items, list.items, 'the same as in the database')
    })

    t.test(`${name}, rolled back, neither invalidates the list nor notifies subscribers`, async (t) => {
      const { products, isCached } = await filled(t)
      const before = await products.list()
      const seen = record(products)
      await t.rejects(products.transaction(async () => {
        await mutate(products)
        throw oops
      }), oops)
      t.equal(await isCached(), true)
      t.same(seen, [])
      t.same(await products.list(), { ...before, cached: 'hit' })
      t.same((await products.list(1, 1000)).items, before.items)
    })
  }

  for (const { name, mutate, result } of callsWithoutChange) {
    t.test(`${name} neither invalidates the list nor notifies subscribers`, async (t) => {
      const { products, isCached } = await filled(t)
      const seen = record(products)
      t.same(await mutate(products), result)
      t.equal(await isCached(), true)
      t.same(seen, [])
    })
  }

  t.test('list() in a transaction sees its changes, and neither reads nor writes the cache', async (t) => {
    const { products, cache, isCached } = await filled(t)
    const outside = AsyncLocalStorage.snapshot()
    await products.transaction(async () => {
      await products.create({ title: 'd', price: '1' })
      await products.delete(1)
      const list = await products.list()
      t.notHas(list, { cached: String })
      t.same(titles(list.items), ['d', 'c', 'b'])
      t.equal(list.total, 3)
      t.equal(await products.count(), 3)
      t.match(await products.find(4), { title: 'd' })
      t.equal(await products.find(1), undefined)
      t.equal(await cache.get(PRODUCT_LIST_KEY), undefined, 'the cached list is invalid inside the transaction')
      t.hasStrict(await outside(() => cache.get(PRODUCT_LIST_KEY)), { total: 3 }, 'the cached list is valid outside')
      t.equal(await isCached(), true, 'nothing is deleted before the commit')
      await cache.delete(PRODUCT_LIST_KEY)
      await products.list()
      t.equal(await isCached(), false)
    })
  })

  t.test('list() beside an open transaction caches the committed list, which the commit invalidates', async (t) => {
    const { products, isCached } = await setUp()
    await products.createMany(named('a'))
    const written = Promise.withResolvers<void>()
    const commit = Promise.withResolvers<void>()
    const transaction = products.transaction(async () => {
      await products.create({ title: 'b', price: '1' })
      written.resolve()
      await commit.promise
    })
    await written.promise
    t.same(titles((await products.list()).items), ['a'])
    t.equal(await isCached(), true)
    commit.resolve()
    await transaction
    t.equal(await isCached(), false)
    t.same(titles((await products.list()).items), ['b', 'a'])
  })

  for (const { name, mutate, leaves } of mutations) {
    t.test(`a slow list() that started before ${name} stores nothing stale`, async (t) => {
      const read = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      let slow = false
      const { products, cache, isCached } = await filled(t, (cache) => Object.assign(Object.create(cache), {
        getOrSet: (key: string, load: () => unknown) => cache.getOrSet(key, async () => {
          const value = await load()
          if (slow) {
            read.resolve()
            await goOn.promise
          }
          return value
        })
      }))
      await cache.delete(PRODUCT_LIST_KEY)
      slow = true
      const reader = products.list()
      await read.promise
      await mutate(products)
      slow = false
      const meanwhile = products.list()
      t.same(titles((await meanwhile).items), leaves, 'a caller after the write does not join the outdated load')
      goOn.resolve()
      t.same(titles((await reader).items), ['c', 'b', 'a'])
      const list = await products.list()
      t.same(titles(list.items), leaves)
      t.same(await products.list(), { ...list, cached: 'hit' })
      t.equal(await isCached(), true)
    })
  }

  t.test('concurrent list() and create() end with the correct list', async (t) => {
    const { products } = await setUp()
    const writes = Array.from({ length: 20 }, async (_, i) => {
      for (let turn = 0; turn < i; turn++) await new Promise(setImmediate)
      await products.create({ title: `${i}`, price: '1' })
      t.ok(titles((await products.list()).items).includes(`${i}`), 'a writer reads its own change')
    })
    const reads = Array.from({ length: 20 }, async (_, i) => {
      for (let turn = 0; turn < i; turn++) {
        await new Promise(setImmediate)
        await products.list()
      }
    })
    await Promise.all([...writes, ...reads])
    t.same((await products.list()).items, (await products.list(1, 1000)).items)
  })

  t.test('an error in a subscriber is reported; the change is committed and the list invalidated', async (t) => {
    const { products, isCached, failures } = await filled(t)
    products.afterSave.subscribe('failing', () => { throw oops })
    products.afterDelete.subscribe('failing', async () => { throw oops })
    await products.create({ title: 'd', price: '1' })
    t.equal(await isCached(), false)
    t.equal(await products.count(), 4)
    await products.delete(4)
    t.same(failures, [['failing', 'oops'], ['failing', 'oops']])
  })
}
