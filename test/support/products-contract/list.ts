import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'
import { titles } from './set-up.ts'

/** Rows of other programs: ids of all sizes, and equal times, in the order of the list. */
const ROWS = [
  [2n ** 63n - 2n, 'the largest', '9999-12-31T23:59:59.999Z'],
  [2n ** 53n + 20n, 'larger', '2020-01-01T00:00:00.000Z'],
  [2n ** 53n + 10n, 'large', '2020-01-01T00:00:00Z'],
  [10n, 'ten', '2020-01-01T02:00:00.000+02:00'],
  [0n, 'zero', '2020-01-01T00:00:00.000Z'],
  [-5n, 'negative', '2020-01-01T00:00:00.000Z'],
  [9n, 'old', '1970-01-01T00:00:00.000Z'],
  [8n, 'older', '1969-12-31T23:59:59.999Z'],
  [7n, 'oldest', '0001-01-01T00:00:00.000Z'],
  [-(2n ** 63n), 'the smallest', '0001-01-01T00:00:00.000Z']
].map(([id, title, created]) => ({ id, title, created }) as { id: bigint, title: string, created: string })
const NAMES = ROWS.map(({ title }) => title)

export async function list (t: Test, setUp: SetUp): Promise<void> {
  const setUpFilled = async () => {
    const shop = await setUp()
    await shop.other.insert(ROWS.toReversed())
    return shop
  }

  t.test('pages by position list each product once, with equal times and ids of all sizes', async (t) => {
    const { products } = await setUpFilled()
    for (const limit of [1, 2, 3, 1_000]) {
      const seen: string[] = []
      let { items, next, total } = await products.list(1, limit)
      for (;;) {
        t.equal(total, ROWS.length)
        seen.push(...titles(items))
        if (next === undefined) break
        t.match(next, /^-?\d+(\.\d+)?_-?\d+$/);
        ({ items, next, total } = await products.listAfter(next, limit))
      }
      t.same(seen, NAMES, `limit ${limit}`)
    }
    t.same(titles((await products.list()).items), NAMES)
    t.match((await products.listAfter('1e999_1')), { items: { length: ROWS.length }, limit: 100, maxPage: 1_000 })
  })

  t.test('a position whose product was deleted stays valid', async (t) => {
    const { products, other } = await setUpFilled()
    const { next } = await products.list(1, 4)
    await other.exec('DELETE FROM products WHERE id = 10')
    const { items, total, limit } = await products.listAfter(next!, 2)
    t.same([titles(items), total, limit], [['zero', 'negative'], ROWS.length - 1, 2])
  })

  t.test('positions that a person has written', async (t) => {
    const { products } = await setUpFilled()
    const listAfter = async (cursor: string) => titles((await products.listAfter(cursor, 2)).items)
    for (const id of ['1', '9999999999999999999', '-9999999999999999999']) {
      t.same(await listAfter(`1e999_${id}`), NAMES.slice(0, 2))
      t.same(await listAfter(`-1e999_${id}`), [])
      t.same(await listAfter(`none_${id}`), [])
    }
    t.equal((await products.listAfter('none_1', 2)).total, ROWS.length)
    t.equal((await products.listAfter('1.00000000000000000000000000001e-300_1', 2)).total, ROWS.length)
  })

  t.test('the number of products is exact after each change, and a cached one is never stale', async (t) => {
    const { products, cache, other } = await setUp()
    await other.insert([{ id: -1, title: 'x' }, { id: 9, title: 'y' }, { id: 10, title: 'z' }])
    const count = () => cache.getOrSet('count', () => products.count())
    let expected = 3
    const check = async (what: string) => {
      t.equal(await count(), expected, what)
      t.equal(await count(), expected, what)
      t.equal(await products.count(), expected, what)
      t.equal((await products.list()).total, expected, what)
      t.equal((await products.listAfter('-1e999_1')).total, expected, what)
    }
    await check('at first')
    await other.insert([{ title: 'a' }])
    expected++
    await check('an insert')
    await other.exec('DELETE FROM products WHERE id < 0')
    expected--
    await check('a delete')
    await t.rejects(other.exec('UPDATE products SET id = 10 WHERE id = 9'))
    await check('an update that fails')
    await other.exec("BEGIN; DELETE FROM products; INSERT INTO products (title, price) VALUES ('b', '1'); ROLLBACK")
    await check('a rollback')
    await other.exec('UPDATE products SET id = 77 WHERE id = 9')
    await check('another id')
    await products.createMany([{ title: 'c', price: '1' }, { title: 'd', price: '1' }])
    expected += 2
    await check('an import')
    await other.clear()
    expected = 0
    await check('a delete of all')
  })
}
