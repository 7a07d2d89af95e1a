import t from 'tap'
import { STEP_ROWS } from '../../../src/products/steps.ts'
import { setUp } from './support.ts'

const { products, other, count } = await setUp(t)
const named = (...titles: string[]) => titles.map((title) => ({ title, price: '1' }))

t.test('products get other ids than those that other programs have given', async (t) => {
  const giveIds = (...ids: Array<number | bigint>) => (
    other.query(`INSERT INTO products (id, title, price) SELECT unnest(ARRAY[${ids}]::int8[]), 'other', '1'`))
  await giveIds(1, 2, 3, 4, 2n ** 53n, 2n ** 63n - 1n)
  t.match(await products.create({ title: 'a', price: '1' }), { id: 5, title: 'a' })
  await giveIds(7, 8)
  t.same(await products.createMany(named('b', 'c')), [9, 10], 'none of them was inserted at first')
  t.match(await products.find(6), undefined)
  t.match(await products.find(9), { title: 'b' })
  t.equal(await products.count(), await count())
})

t.test('a trigger that prevents all inserts makes them fail, and leaves nothing behind', async (t) => {
  const before = await count()
  await other.query(`CREATE FUNCTION prevent () RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER prevent BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION prevent()`)
  const error = { message: /^PostgreSQL inserts no products/ }
  await t.rejects(products.create({ title: 'a', price: '1' }), error)
  await t.rejects(products.createMany(named('a', 'b')), error)
  await other.query('DROP TRIGGER prevent ON products')
  t.equal(await count(), before)
})

t.test('bulk changes of the same products at once wait for each other', async (t) => {
  await other.query("TRUNCATE products; INSERT INTO products SELECT i, 'a', '1' FROM generate_series(1, 12000) i")
  const ids = Array.from({ length: STEP_ROWS + 2_000 }, (_, i) => i + 1)
  const results = await Promise.all([
    products.updateMany({ ids }, { price: '2' }), products.updateMany({ ids: ids.toReversed() }, { price: '3' }),
    products.updateMany({}, { price: '4' })
  ])
  t.same(results, [12_000, 12_000, 12_000])
  t.same(await Promise.all([products.deleteMany(ids), products.deleteMany(ids.toReversed())]).then((all) => all.sort()),
    [0, 12_000])
})

t.test('the order of text does not depend on a collation, and case matters', async (t) => {
  await products.createMany(named('straße', 'STRASSE', 'Straße', 'e\u0301', '\u00e9'))
  for (const title of ['straße', 'e\u0301']) t.equal(await products.updateMany({ title }, { price: '5' }), 1)
})
