import { sql } from 'drizzle-orm'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import { openProducts } from '../../../src/products/index.ts'
import { postgres } from '../../support/product-databases.ts'
import { titles } from '../../support/products-contract/set-up.ts'

/** Rows of other programs, with times that JavaScript does not have, in the order of the list. */
const ROWS: Array<[title: string, created: string, shown: string]> = [
  ['never', 'infinity', 'infinity'],
  ['the last', '294276-12-31 23:59:59.999Z', '+275760-09-13T00:00:00.000Z'],
  ['the last but one', '294276-12-31 23:59:59.996Z', '+275760-09-13T00:00:00.000Z'],
  ['after 9999', '10000-01-01 00:00:00Z', '+010000-01-01T00:00:00.000Z'],
  ['rounded', '2026-01-01T00:00:00.0004Z', '2026-01-01T00:00:00.000Z'],
  ['before Christ', '0044-03-15 00:00:00Z BC', '-000043-03-15T00:00:00.000Z'],
  ['the first', '4714-11-24 00:00:00Z BC', '-004713-11-24T00:00:00.000Z'],
  ['always', '-infinity', '-infinity']
]
const NAMES = ROWS.map(([title]) => title)

const other = await postgres.create(t)
// Neither changes what the service returns.
const url = `${other.url}&options=-c%20TimeZone%3DAsia/Kathmandu%20-c%20DateStyle%3DGerman`
const database = await openDatabase(url as `postgres:${string}`)
t.teardown(() => database.close())
const cache = createCache({ store: memoryStore(), versions: database.versions })
const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: t.error })
await other.insert(ROWS.toReversed().map(([title, created]) => ({ title, created })))

t.test('the list has times in ISO 8601, whatever TimeZone and DateStyle are', async (t) => {
  const { rows } = await database.sql.execute(sql`SELECT '2026-02-01 12:00Z'::timestamptz::text AS noon`)
  t.same(rows, [{ noon: '01.02.2026 17:45:00 +0545' }])
  t.same((await products.list()).items.map(({ title, created }) => [title, created]), ROWS.map(([a, , c]) => [a, c]))
  const created = '2026-07-01T12:00:00.000Z'
  const product = await products.create({ title: 'now', price: '1', created })
  t.match(product, { created, updated: created })
  t.match(await products.find(product.id), { created, updated: created })
  t.ok(await products.delete(product.id))
})

t.test('pages by position list each product once, with infinite times and those that are far off', async (t) => {
  for (const limit of [1, 2, 3]) {
    const seen: string[] = []
    let { items, next } = await products.list(1, limit)
    for (;;) {
      seen.push(...titles(items))
      if (next === undefined) break
      t.match(next, /^-?(\d+|1e999)_\d+$/);
      ({ items, next } = await products.listAfter(next, limit))
    }
    t.same(seen, NAMES, `limit ${limit}`)
  }
})

t.test('positions before and after all times', async (t) => {
  const listAfter = async (cursor: string) => titles((await products.listAfter(cursor)).items)
  t.same(await listAfter('1e999_99'), NAMES)
  t.same(await listAfter('9e15_1'), NAMES.slice(3), 'a year that JavaScript does not have')
  t.same(await listAfter('-1e14_1'), NAMES.slice(-2))
  t.same(await listAfter('-1e15_99'), ['always'], 'a time that PostgreSQL does not have')
  t.same(await listAfter('-1e999_99'), ['always'], 'infinite times have positions too')
  t.same(await listAfter('none_99'), ['always'])
  t.same(await listAfter('none_1'), [])
})
