import type { Test } from 'tap'
import { SEED, seedProducts } from '../../../src/products/seed.ts'
import { type SetUp, titles } from './set-up.ts'

export async function seed (t: Test, setUp: SetUp): Promise<void> {
  t.test('seedProducts() fills an empty table with 100 products of different titles', async (t) => {
    const { products, clock } = await setUp()
    t.equal(await seedProducts(products, clock.now()), 100)
    const { items, total } = await products.list()
    t.equal(total, 100)
    t.same(titles(items).reverse(), SEED.map(({ title }) => title))
    t.equal(new Set(titles(items)).size, 100)
    for (const { price } of items) t.match(price, /^\d+\.\d\d$/)
    t.same(items.slice(0, 2).map(({ created, updated }) => [created, updated]), [
      ['2025-12-31T23:00:00.000Z', '2025-12-31T23:00:00.000Z'], ['2025-12-31T22:00:00.000Z', '2025-12-31T22:00:00.000Z']
    ], 'one an hour, until now')
  })

  t.test('seedProducts() leaves a table with products unchanged', async (t) => {
    const { products, clock } = await setUp()
    await products.create({ title: 'Mine', price: '1' })
    t.equal(await seedProducts(products, clock.now()), 0)
    t.equal(await products.count(), 1)
  })

  t.test('concurrent seedProducts() seed once', async (t) => {
    const { products, clock } = await setUp()
    const created = await Promise.all([1, 2, 3].map(() => seedProducts(products, clock.now())))
    t.same(created.sort(), [0, 0, 100])
    t.equal(await products.count(), 100)
  })
}
