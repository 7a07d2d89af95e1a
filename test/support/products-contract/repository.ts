import type { Test } from 'tap'
import { named, type SetUp, titles } from './set-up.ts'

const START = '2026-01-01T00:00:00.000Z'

export async function repository (t: Test, setUp: SetUp): Promise<void> {
  t.test('create() sets the id and both times', async (t) => {
    const { products } = await setUp()
    const product = await products.create({ title: 'Tea', price: '1.00' })
    t.same(product, { id: 1, title: 'Tea', price: '1.00', created: START, updated: START })
    t.same(await products.find(1), product)
    t.equal(await products.find(2), undefined)
    t.equal(await products.count(), 1)
  })

  t.test('createMany() keeps the order and creates all or none', async (t) => {
    const { products } = await setUp()
    t.same(await products.createMany(named('a', 'b', 'c')), [1, 2, 3])
    t.same(await Promise.all([1, 2, 3].map(async (id) => (await products.find(id))!.title)), ['a', 'b', 'c'])
    await t.rejects(products.createMany([...named('d', 'e'), { title: null as never, price: '1' }]))
    t.equal(await products.count(), 3)
  })

  t.test('createMany() accepts a time of creation', async (t) => {
    const { products } = await setUp()
    const created = '2020-02-03T04:05:06.789Z'
    await products.createMany([{ title: 'a', price: '1', created }, { title: 'b', price: '1' }])
    t.match((await products.list()).items, [{ title: 'b', created: START }, { title: 'a', created, updated: created }])
  })

  t.test('list() sorts the newest first, and by id within one millisecond', async (t) => {
    const { products, clock, other } = await setUp()
    await products.createMany(named('a', 'b'))
    clock.advance(1)
    await products.createMany(named('c', 'd'))
    clock.advance(-2)
    await products.create({ title: 'older', price: '1' })
    await other.insert([
      { title: 'late in the day before', created: '2025-12-31 23:59Z' },
      { title: 'early in it', created: '2025-12-31T00:00:00.000Z' },
      { title: 'between', created: '2026-01-01 00:00:00.500Z' }
    ])
    const expected = ['d', 'c', 'between', 'b', 'a', 'older', 'late in the day before', 'early in it']
    t.same(titles((await products.list()).items), expected)
    const pages = await Promise.all([1, 2, 3].map((page) => products.list(page, 4)))
    t.same(pages.flatMap(({ items }) => titles(items)), expected)
  })

  t.test('each update advances `updated`, even within one millisecond, and keeps `created`', async (t) => {
    const { products, clock } = await setUp()
    await products.createMany(named('a', 'b'))
    const first = await products.update(1, { price: '2' })
    t.same(first, { id: 1, title: 'a', price: '2', created: START, updated: '2026-01-01T00:00:00.001Z' })
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

  t.test('subscribers receive a product as saved, and a deleted one as it was', async (t) => {
    const { products } = await setUp()
    const seen: unknown[] = []
    products.afterSave.subscribe('test', (change) => seen.push(change))
    products.afterDelete.subscribe('test', (change) => seen.push(change))
    const product = await products.create({ title: 'a', price: '1' })
    const updated = await products.update(1, { title: 'b' })
    t.equal((await products.delete(1))?.id, 1)
    t.same(seen, [
      { created: true, count: 1, product },
      { created: false, count: 1, product: updated },
      { count: 1, ids: [1], product: updated }
    ])
  })

  t.test('subscribers receive descriptions of bulk changes', async (t) => {
    const { products } = await setUp()
    const seen: unknown[] = []
    products.afterSave.subscribe('test', (change) => seen.push(change))
    products.afterDelete.subscribe('test', (change) => seen.push(change))
    await products.createMany(named('a', 'b', 'c'))
    await products.updateMany({ ids: [1, 2, 99] }, { price: '2' })
    await products.updateMany({ title: 'c' }, { title: 'd' })
    await products.updateMany({}, { price: '3' })
    await products.deleteMany([1, 2, 99])
    t.same(seen, [
      { created: true, count: 3, ids: [1, 2, 3] },
      { created: false, count: 2, where: { ids: [1, 2, 99] }, set: { price: '2' } },
      { created: false, count: 1, where: { title: 'c' }, set: { title: 'd' } },
      { created: false, count: 3, where: {}, set: { price: '3' } },
      { count: 2, ids: [1, 2, 99] }
    ])
  })

  t.test('ids are never reused', async (t) => {
    const { products } = await setUp()
    await products.create({ title: 'a', price: '1' })
    await products.delete(1)
    t.equal((await products.create({ title: 'b', price: '1' })).id, 2)
  })

  t.test('text is stored unchanged', async (t) => {
    const { products } = await setUp()
    for (const title of [
      "Robert'); DROP TABLE products;--", '%s ?1 $1 :x', '{"a",NULL}', '\\\'\x01', ' Ω≈ç√ 👩‍🌾 ', '<b>"&'
    ]) {
      const { id } = await products.create({ title, price: title })
      t.match(await products.find(id), { title, price: title })
      t.equal(await products.updateMany({ title }, { price: '1' }), 1)
    }
  })

  t.test('updateMany() and deleteMany() accept 10,000 ids', async (t) => {
    const { products } = await setUp()
    await products.createMany(Array.from({ length: 10_000 }, () => ({ title: 'a', price: '1' })))
    const ids = Array.from({ length: 10_000 }, (_, i) => i + 1)
    t.equal(await products.updateMany({ ids }, { title: 'b' }), 10_000)
    t.equal(await products.deleteMany(ids.slice(1)), 9_999)
    t.equal(await products.count(), 1)
  })
}
