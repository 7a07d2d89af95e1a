import type { Test } from 'tap'
import { STEP_ROWS } from '../../../src/products/steps.ts'
import { named, record, type SetUp, titles } from './set-up.ts'

const oops = new Error('oops')

async function setUpFilled (setUp: SetUp, count = 0) {
  const shop = await setUp()
  const { other } = shop
  // Inserts products with the ids from 1.
  await other.exec(`INSERT INTO products (title, price) WITH RECURSIVE ids (id) AS (
    SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < ${count}) SELECT 'a', '1' FROM ids WHERE ${count} > 0`)
  const prices = async () => (await other.rows()).map(({ price }) => price)
  return { ...shop, prices }
}

export async function bulk (t: Test, setUp: SetUp): Promise<void> {
  t.test('a bulk update of all products reaches those with any id, and those in the second step', async (t) => {
    const { products, other, prices } = await setUpFilled(setUp, STEP_ROWS - 1)
    t.equal(await products.updateMany({ title: 'b' }, { price: '2' }), 0)
    const ids = [-(2n ** 63n), -5n, 0n, 2n ** 53n + 1n, 2n ** 53n + 3n, 2n ** 63n - 2n]
    await other.insert(ids.map((id) => ({ id, title: 'b' })))
    t.equal(await products.updateMany({}, { price: '2' }), STEP_ROWS + 5)
    t.ok((await prices()).every((price) => price === '2'))
    t.equal(await products.updateMany({ title: 'b' }, { price: '3' }), 6)
    t.equal((await prices()).filter((price) => price === '3').length, 6)
  })

  t.test('a step that ends with the last product is the last one', async (t) => {
    const { products, prices } = await setUpFilled(setUp, STEP_ROWS)
    t.equal(await products.updateMany({}, { price: '2' }), STEP_ROWS)
    t.ok((await prices()).every((price) => price === '2'))
  })

  t.test('a product whose id is given twice is updated and counted once', async (t) => {
    const { products } = await setUpFilled(setUp, 3)
    const ids = [1, ...Array.from({ length: STEP_ROWS }, (_, i) => i + 2), 1]
    t.equal(await products.updateMany({ ids }, { price: '2' }), 3)
    t.equal(await products.updateMany({ ids: [] }, { price: '3' }), 0)
    t.equal(await products.deleteMany([]), 0)
    t.equal(await products.deleteMany(ids), 3)
  })

  t.test('createMany returns ids in the order of the products, also if they are many', async (t) => {
    const { products } = await setUp()
    t.equal(await products.updateMany({}, { price: '2' }), 0, 'no products')
    const names = Array.from({ length: 2_001 }, (_, i) => `p${i}`)
    const ids = await products.createMany(named(...names))
    t.equal(ids.length, 2_001)
    for (const i of [0, 999, 1_000, 2_000]) t.equal((await products.find(ids[i]!))?.title, `p${i}`)
    t.same(await products.createMany([]), [])
  })

  t.test('bulk changes in an outer transaction are notified once, after its commit', async (t) => {
    const { products, prices, failures } = await setUpFilled(setUp, 2)
    const seen = record(products)
    products.afterSave.subscribe('failing', () => { throw oops })
    await products.transaction(async () => {
      await products.updateMany({}, { price: '2' })
      await products.deleteMany([2])
      t.same(seen, [])
      await t.rejects(products.transaction(async () => {
        await products.updateMany({}, { price: '3' })
        throw oops
      }), oops)
    })
    t.same(await prices(), ['2'])
    t.same(seen, ['2 saved: {}', '1 deleted: 2'])
    t.same(failures, [['failing', 'oops']], 'an error of a subscriber does not reject the change')
  })

  t.test('a bulk update that is abandoned between two steps changes nothing', async (t) => {
    const { database, products, prices } = await setUpFilled(setUp, STEP_ROWS + 1)
    const controller = new AbortController()
    const { signal } = controller
    const updated = database.withSignal(signal, () => products.transaction(async () => {
      await products.updateMany({ ids: [1] }, { price: '2' })
      const rest = products.updateMany({}, { price: '2' })
      controller.abort(oops)
      await rest
    }))
    await t.rejects(updated, oops)
    await products.transaction(() => {}) // after the rollback
    t.ok((await prices()).every((price) => price === '1'))
    t.equal(titles((await products.list()).items).length, 100)
  })
}
