import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { divide, STEP_ROWS } from '../../src/products/steps.ts'
import { larder, named, record, storeKinds, titles } from './support.ts'

const [memory] = await storeKinds(t)
const oops = new Error('oops')

function setUp (t: Test) {
  const shop = larder(t, memory!)
  const other = new Sqlite(shop.path)
  t.teardown(() => other.close())
  const insert = other.prepare("INSERT INTO products (id, title, price) VALUES (?, ?, '1')")
  const prices = () => other.prepare('SELECT price FROM products ORDER BY id').pluck().all()
  /** Inserts products with the ids from 1. */
  const fill = (count: number) => other.transaction(() => {
    for (let id = 1; id <= count; id++) insert.run(id, 'a')
  })()
  return { ...shop, other, insert, prices, fill }
}

t.test('divide yields parts of limited size', async (t) => {
  t.same([...divide([])], [])
  t.same([...divide([1, 2, 3, 4], 2)], [[1, 2], [3, 4]])
  t.same([...divide([1, 2, 3], 2)], [[1, 2], [3]])
  t.same([...divide(Array(STEP_ROWS + 1).fill(0))].map(({ length }) => length), [STEP_ROWS, 1])
})

t.test('a bulk update of all products reaches those with any id, and those in the second step', async (t) => {
  const { products, insert, prices, fill, other } = setUp(t)
  t.equal(await products.updateMany({}, { price: '2' }), 0, 'no products')
  fill(STEP_ROWS - 1)
  for (const id of [-(2n ** 63n), -5n, 0n, 2n ** 53n + 1n, 2n ** 53n + 3n, 2n ** 63n - 2n]) insert.run(id, 'b')
  t.equal(await products.updateMany({}, { price: '2' }), STEP_ROWS + 5)
  t.ok(prices().every((price) => price === '2'))
  t.equal(await products.updateMany({ title: 'b' }, { price: '3' }), 6)
  t.equal(prices().filter((price) => price === '3').length, 6)
  other.exec('DELETE FROM products')
  other.exec("DELETE FROM sqlite_sequence WHERE name = 'products'")
})

t.test('a step that ends with the last product is the last one', async (t) => {
  const { products, prices, fill } = setUp(t)
  fill(STEP_ROWS)
  t.equal(await products.updateMany({}, { price: '2' }), STEP_ROWS)
  t.ok(prices().every((price) => price === '2'))
})

t.test('a product whose id is given twice is updated and counted once', async (t) => {
  const { products, fill } = setUp(t)
  fill(3)
  const ids = [1, ...Array.from({ length: STEP_ROWS }, (_, i) => i + 2), 1]
  t.equal(await products.updateMany({ ids }, { price: '2' }), 3)
  t.equal(await products.updateMany({ ids: [] }, { price: '3' }), 0)
  t.equal(await products.deleteMany([]), 0)
  t.equal(await products.deleteMany(ids), 3)
})

t.test('createMany returns ids in the order of the products, also if they are many', async (t) => {
  const { products } = setUp(t)
  const names = Array.from({ length: 2_001 }, (_, i) => `p${i}`)
  const ids = await products.createMany(named(...names))
  t.equal(ids.length, 2_001)
  for (const i of [0, 999, 1_000, 2_000]) t.equal((await products.find(ids[i]!))?.title, `p${i}`)
  t.same(await products.createMany([]), [])
})

t.test('bulk changes in an outer transaction are notified once, after its commit', async (t) => {
  const { products, prices, fill, failures } = setUp(t)
  fill(2)
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
  t.same(prices(), ['2'])
  t.same(seen, ['2 saved: {}', '1 deleted: 2'])
  t.same(failures, [['failing', 'oops']], 'an error of a subscriber does not reject the change')
})

t.test('a bulk update that is abandoned between two steps changes nothing', async (t) => {
  const { database, products, prices, fill } = setUp(t)
  fill(STEP_ROWS + 1)
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
  t.ok(prices().every((price) => price === '1'))
  t.equal(titles((await products.list()).items).length, 100)
})
