import { AsyncLocalStorage } from 'node:async_hooks'
import Sqlite from 'better-sqlite3'
import { Redis } from 'ioredis'
import t from 'tap'
import { createCache } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { createProducts, PAGE_SIZE, PRODUCT_LIST_KEY, type Products } from '../../src/products/index.ts'
import { invalidateProductList } from '../../src/products/invalidation.ts'
import { startRedis } from '../support/redis.ts'
import { type Larder, larder, named, record, storeKinds, titles } from './support.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'

const oops = new Error('oops')

interface Mutation {
  name: string
  mutate (products: Products): Promise<unknown>
  /** The titles after it, newest first; before it they are c, b, a with the ids 3, 2, 1. */
  leaves: string[]
  /** What subscribers are told. */
  tells: string[]
}

const mutations: Mutation[] = [
  { name: 'create', mutate: (products) => products.create({ title: 'd', price: '1' }), leaves: ['d', 'c', 'b', 'a'], tells: ['created d'] },
  { name: 'createMany', mutate: (products) => products.createMany(named('d', 'e')), leaves: ['e', 'd', 'c', 'b', 'a'], tells: ['created d,e'] },
  { name: 'update', mutate: (products) => products.update(2, { title: 'B' }), leaves: ['c', 'B', 'a'], tells: ['saved B'] },
  {
    name: 'updateMany by ids',
    mutate: (products) => products.updateMany({ ids: [1, 3, 99] }, { title: 'x' }),
    leaves: ['x', 'b', 'x'],
    tells: ['saved x,x']
  },
  { name: 'updateMany by title', mutate: (products) => products.updateMany({ title: 'b' }, { title: 'x' }), leaves: ['c', 'x', 'a'], tells: ['saved x'] },
  { name: 'updateMany of all', mutate: (products) => products.updateMany({}, { title: 'x' }), leaves: ['x', 'x', 'x'], tells: ['saved x,x,x'] },
  { name: 'delete', mutate: (products) => products.delete(2), leaves: ['c', 'a'], tells: ['deleted b'] },
  { name: 'deleteMany', mutate: (products) => products.deleteMany([1, 2, 99]), leaves: ['c'], tells: ['deleted a,b'] },
  {
    name: 'several in a transaction',
    mutate: (products) => products.transaction(async () => {
      await products.create({ title: 'd', price: '1' })
      await products.update(1, { title: 'A' })
      await products.delete(2)
    }),
    leaves: ['d', 'c', 'A'],
    tells: ['created d', 'saved A', 'deleted b']
  },
  {
    name: 'several at once in a transaction',
    mutate: (products) => products.transaction(() => Promise.all([products.delete(1), products.createMany(named('d', 'e'))])),
    leaves: ['e', 'd', 'c', 'b'],
    tells: ['deleted a', 'created d,e']
  },
  {
    name: 'nested transactions',
    mutate: (products) => products.transaction(async () => {
      await products.transaction(() => products.transaction(() => products.delete(3)))
    }),
    leaves: ['b', 'a'],
    tells: ['deleted c']
  },
  {
    name: 'a nested transaction that is undone, in one that is kept',
    mutate: (products) => products.transaction(async () => {
      await products.delete(3)
      await products.transaction(async () => {
        await products.delete(2)
        throw oops
      }).catch(() => {})
    }),
    leaves: ['b', 'a'],
    tells: ['deleted c']
  }
]

const without: Array<Pick<Mutation, 'name' | 'mutate'> & { answers: unknown }> = [
  { name: 'createMany of nothing', mutate: (products) => products.createMany([]), answers: [] },
  { name: 'update of an absent product', mutate: (products) => products.update(99, { title: 'x' }), answers: undefined },
  { name: 'updateMany of no ids', mutate: (products) => products.updateMany({ ids: [] }, { title: 'x' }), answers: 0 },
  { name: 'updateMany of absent ids', mutate: (products) => products.updateMany({ ids: [98, 99] }, { title: 'x' }), answers: 0 },
  { name: 'updateMany of an absent title', mutate: (products) => products.updateMany({ title: 'z' }, { title: 'x' }), answers: 0 },
  { name: 'delete of an absent product', mutate: (products) => products.delete(99), answers: false },
  { name: 'deleteMany of no ids', mutate: (products) => products.deleteMany([]), answers: 0 },
  { name: 'deleteMany of absent ids', mutate: (products) => products.deleteMany([98, 99]), answers: 0 },
  { name: 'an empty transaction', mutate: (products) => products.transaction(() => 'nothing'), answers: 'nothing' }
]

for (const kind of await storeKinds(t)) {
  t.test(`with the list in ${kind.name}`, async (t) => {
    /** A larder with the products a, b and c, whose list is in the cache. */
    async function filled (t: Parameters<typeof larder>[0], wrap?: Parameters<typeof larder>[2]): Promise<Larder> {
      const all = larder(t, kind, wrap)
      await all.products.createMany(named('a', 'b', 'c'))
      all.clock.advance(60)
      await all.products.list()
      t.equal(await all.isCached(), true, 'the list is in the cache')
      return all
    }

    t.test('a list of another shape, as another version of the service may keep it, is replaced', async (t) => {
      for (const other of [[{ id: 1 }], { items: [], total: '1' }, null, 'text']) {
        const { cache, products } = await filled(t)
        await cache.set(PRODUCT_LIST_KEY, other)
        const { items, cached } = await products.list()
        t.same([titles(items), cached], [['c', 'b', 'a'], 'miss'])
        t.equal((await products.list()).cached, 'hit')
      }
    })

    t.test('the list is loaded once, and then comes from the cache', async (t) => {
      const { products, isCached } = larder(t, kind)
      await products.createMany(named('a', 'b'))
      t.equal(await isCached(), false)
      const loaded = await products.list()
      t.match(loaded, { page: 1, limit: PAGE_SIZE, total: 2, cached: 'miss' })
      t.same(titles(loaded.items), ['b', 'a'])
      t.equal(await isCached(), true)
      t.same(await products.list(), { ...loaded, cached: 'hit' })
      t.same(await products.list(1), { ...loaded, cached: 'hit' })
    })

    t.test('an empty list is cached too', async (t) => {
      const { products } = larder(t, kind)
      t.same(await products.list(), { items: [], total: 0, page: 1, limit: PAGE_SIZE, cached: 'miss' })
      t.same(await products.list(), { items: [], total: 0, page: 1, limit: PAGE_SIZE, cached: 'hit' })
    })

    t.test('only the first page of the default size is cached', async (t) => {
      const { products, isCached } = larder(t, kind)
      await products.createMany(Array.from({ length: 150 }, (_, i) => ({ title: `${i + 1}`, price: '1' })))
      const second = await products.list(2)
      t.match(second, { page: 2, limit: 100, total: 150 })
      t.same([second.items.length, second.items[0]!.title, second.items[49]!.title], [50, '50', '1'])
      const short = await products.list(1, 10)
      t.match(short, { page: 1, limit: 10, total: 150 })
      t.same(titles(short.items), ['150', '149', '148', '147', '146', '145', '144', '143', '142', '141'])
      t.same(await products.list(16, 10), { items: [], page: 16, limit: 10, total: 150 })
      t.hasOwnProps(second, ['items', 'total', 'page', 'limit'])
      t.notHas(second, { cached: String })
      t.notHas(short, { cached: String })
      t.equal(await isCached(), false)
      t.equal((await products.list()).items.length, 100)
      t.equal(await isCached(), true)
    })

    for (const { name, mutate, leaves, tells } of mutations) {
      t.test(`${name} invalidates the list, and tells all that it changed`, async (t) => {
        const { products, isCached } = await filled(t)
        const seen = record(products)
        await mutate(products)
        t.equal(await isCached(), false, 'the key is deleted')
        t.same(seen, tells)
        const list = await products.list()
        t.equal(list.cached, 'miss')
        t.same(titles(list.items), leaves)
        t.equal(list.total, leaves.length)
        t.same(await products.list(), { ...list, cached: 'hit' })
        t.same((await products.list(1, 1000)).items, list.items, 'the database says the same')
      })

      t.test(`${name}, rolled back, leaves the list in its place, and tells nobody`, async (t) => {
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

    for (const { name, mutate, answers } of without) {
      t.test(`${name} leaves the list in its place, and tells nobody`, async (t) => {
        const { products, isCached } = await filled(t)
        const seen = record(products)
        t.same(await mutate(products), answers)
        t.equal(await isCached(), true)
        t.same(seen, [])
      })
    }

    t.test('a read in a transaction sees what it wrote, and neither reads nor fills the cache', async (t) => {
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
        t.equal(await cache.get(PRODUCT_LIST_KEY), undefined, 'for the transaction the old list is stale')
        t.hasStrict(await outside(() => cache.get(PRODUCT_LIST_KEY)), { total: 3 }, 'for others it is not')
        t.equal(await isCached(), true, 'nothing is deleted before the commit')
        await cache.delete(PRODUCT_LIST_KEY)
        await products.list()
        t.equal(await isCached(), false)
      })
    })

    t.test('who reads while a transaction is open gets and caches the old list, which its commit deletes', async (t) => {
      const { products, isCached } = larder(t, kind)
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
      t.test(`a slow reader that began before ${name} leaves nothing stale behind`, async (t) => {
        const read = Promise.withResolvers<void>()
        const goOn = Promise.withResolvers<void>()
        let slow = false
        const { products, cache, isCached } = await filled(t, (cache) => Object.assign(Object.create(cache), {
          getOrSet: (key: string, load: () => unknown) => cache.getOrSet(key, async () => {
            const value = load()
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
        t.same(titles((await meanwhile).items), leaves, 'who comes after the write does not share the old load')
        goOn.resolve()
        t.same(titles((await reader).items), ['c', 'b', 'a'])
        const list = await products.list()
        t.same(titles(list.items), leaves)
        t.same(await products.list(), { ...list, cached: 'hit' })
        t.equal(await isCached(), true)
      })
    }

    t.test('readers and writers at once end with the right list', async (t) => {
      const { products } = larder(t, kind)
      const writes = Array.from({ length: 20 }, async (_, i) => {
        for (let turn = 0; turn < i; turn++) await new Promise(setImmediate)
        await products.create({ title: `${i}`, price: '1' })
        t.ok(titles((await products.list()).items).includes(`${i}`), 'a writer reads what it wrote')
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

    t.test('a subscriber that fails is reported; the change stands and the list is invalidated', async (t) => {
      const { products, isCached, failures } = await filled(t)
      products.afterSave.subscribe('failing', () => { throw oops })
      products.afterDelete.subscribe('failing', async () => { throw oops })
      await products.create({ title: 'd', price: '1' })
      t.equal(await isCached(), false)
      t.equal(await products.count(), 4)
      await products.delete(4)
      t.same(failures, [['failing', 'oops'], ['failing', 'oops']])
    })
  })
}

t.test('what another process writes through its own repository is invalidated in the Redis that they share', async (t) => {
  const { url } = await startRedis(t)
  const path = `${t.testdir()}/larder.db`
  const [mine, theirs] = [1, 2].map(() => {
    const client = new Redis(url)
    const database = openDatabase(`file:${path}`)
    t.teardown(() => {
      client.disconnect()
      database.close()
    })
    const cache = createCache({ store: patientRedisStore({ client }) })
    const products = createProducts({ database, cache, now: Date.now, onSubscriberError: t.error })
    invalidateProductList(products, cache)
    return products
  }) as [Products, Products]

  await mine.create({ title: 'a', price: '1' })
  await mine.list()
  t.equal((await theirs.list()).cached, 'hit')
  await theirs.create({ title: 'b', price: '1' })
  t.same(titles((await mine.list()).items), ['b', 'a'])
})

t.test('rows', async (t) => {
  const [memory] = await storeKinds(t)
  const START = '2026-01-01T00:00:00.000Z'

  t.test('a created product has an id and both times', async (t) => {
    const { products } = larder(t, memory!)
    const product = await products.create({ title: 'Tea', price: '1.00' })
    t.same(product, { id: 1, title: 'Tea', price: '1.00', created: START, updated: START })
    t.same(await products.find(1), product)
    t.equal(await products.find(2), undefined)
    t.equal(await products.count(), 1)
  })

  t.test('many are created in the order given, all or none', async (t) => {
    const { products } = larder(t, memory!)
    t.same((await products.createMany(named('a', 'b', 'c'))).map(({ id, title }) => [id, title]), [[1, 'a'], [2, 'b'], [3, 'c']])
    await t.rejects(products.createMany([...named('d', 'e'), { title: null as never, price: '1' }]))
    t.equal(await products.count(), 3)
  })

  t.test('a product may be created as of another time', async (t) => {
    const { products } = larder(t, memory!)
    const created = '2020-02-03T04:05:06.789Z'
    t.match(await products.createMany([{ title: 'a', price: '1', created }, { title: 'b', price: '1' }]), [{ created, updated: created }, { created: START }])
    t.same(titles((await products.list()).items), ['b', 'a'])
  })

  t.test('the newest is first, and of those of one moment that with the highest id', async (t) => {
    const { products, clock, path } = larder(t, memory!)
    await products.createMany(named('a', 'b'))
    clock.advance(1)
    await products.createMany(named('c', 'd'))
    clock.advance(-2)
    await products.create({ title: 'older', price: '1' })
    const other = new Sqlite(path)
    t.teardown(() => other.close())
    const insert = other.prepare("INSERT INTO products (title, price, created) VALUES (?, '1', ?)")
    insert.run('no time', 'yesterday')
    insert.run('late in the day before', '2025-12-31 23:59')
    insert.run('early in it', '2025-12-31T00:00:00.000Z')
    insert.run('between', '2026-01-01 00:00:00.500')
    const expected = ['d', 'c', 'between', 'b', 'a', 'older', 'late in the day before', 'early in it', 'no time']
    t.same(titles((await products.list()).items), expected)
    t.same((await Promise.all([1, 2, 3].map(async (page) => titles((await products.list(page, 4)).items)))).flat(), expected)
  })

  t.test('every update moves `updated`, even within a millisecond, and leaves `created`', async (t) => {
    const { products, clock } = larder(t, memory!)
    await products.createMany(named('a', 'b'))
    t.same(await products.update(1, { price: '2' }), { id: 1, title: 'a', price: '2', created: START, updated: '2026-01-01T00:00:00.001Z' })
    t.equal(await products.updateMany({ ids: [1, 2] }, { title: 'x' }), 2)
    t.match(await products.find(1), { title: 'x', price: '2', created: START, updated: '2026-01-01T00:00:00.002Z' })
    t.match(await products.find(2), { title: 'x', price: '1.00', created: START, updated: '2026-01-01T00:00:00.001Z' })
    clock.advance(1)
    t.equal(await products.updateMany({ title: 'x' }, { price: '3' }), 2)
    t.equal(await products.updateMany({}, { title: 'y', price: '4' }), 2)
    for (const id of [1, 2]) {
      t.match(await products.find(id), { title: 'y', price: '4', created: START, updated: '2026-01-01T00:00:01.001Z' })
    }
    clock.advance(-3600)
    t.match(await products.update(1, { title: 'z' }), { created: START, updated: '2026-01-01T00:00:01.002Z' })
  })

  t.test('subscribers get the rows as they are after a save, and as they were before they were deleted', async (t) => {
    const { products } = larder(t, memory!)
    const seen: unknown[] = []
    products.afterSave.subscribe('test', (change) => seen.push(change))
    products.afterDelete.subscribe('test', (change) => seen.push(change))
    const product = await products.create({ title: 'a', price: '1' })
    const updated = await products.update(1, { title: 'b' })
    t.equal(await products.delete(1), true)
    t.same(seen, [
      { created: true, products: [product] },
      { created: false, products: [updated] },
      { products: [updated] }
    ])
  })

  t.test('ids are not used again', async (t) => {
    const { products } = larder(t, memory!)
    await products.create({ title: 'a', price: '1' })
    await products.delete(1)
    t.equal((await products.create({ title: 'b', price: '1' })).id, 2)
  })

  t.test('text is kept as it is', async (t) => {
    const { products } = larder(t, memory!)
    for (const title of ["Robert'); DROP TABLE products;--", '%s ?1 $1 :x', 'a\0b', ' Ω≈ç√ 👩‍🌾 ', '<b>"&']) {
      const { id } = await products.create({ title, price: title })
      t.match(await products.find(id), { title, price: title })
      t.equal(await products.updateMany({ title }, { price: '1' }), 1)
    }
  })

  t.test('as many ids as may be asked for fit', async (t) => {
    const { products } = larder(t, memory!)
    await products.createMany(Array.from({ length: 10_000 }, () => ({ title: 'a', price: '1' })))
    const ids = Array.from({ length: 10_000 }, (_, i) => i + 1)
    t.equal(await products.updateMany({ ids }, { title: 'b' }), 10_000)
    t.equal(await products.deleteMany(ids.slice(1)), 9_999)
    t.equal(await products.count(), 1)
  })
})
