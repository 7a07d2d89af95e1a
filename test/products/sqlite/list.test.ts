import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import { openProducts } from '../../../src/products/index.ts'
import { sqlite } from '../../support/product-databases.ts'
import { titles } from '../../support/products-contract/set-up.ts'

/** Rows of other programs: ids of all sizes, equal times in other formats, and texts that are no times. */
const ROWS: Array<[id: bigint, title: string, created: string]> = [
  [2n ** 63n - 2n, 'the largest', '9999-12-31T23:59:59.999Z'],
  [2n ** 53n + 20n, 'larger', '2020-01-01T00:00:00.000Z'],
  [2n ** 53n + 10n, 'large', '2020-01-01 00:00'],
  [10n, 'ten', '2020-01-01'],
  [0n, 'zero', '2020-01-01T01:00:00.000+01:00'],
  [-5n, 'negative', '2020-01-01T00:00:00.000Z'],
  [9n, 'old', '0000-01-01'],
  [8n, 'oldest', '-4713-11-24 12:00:00'],
  [2n ** 62n, 'no time', 'yesterday'],
  [7n, 'empty', ''],
  [-(2n ** 63n), 'the smallest', 'tomorrow']
]
const NAMES = ROWS.map(([, title]) => title)

const other = await sqlite.create(t)
const database = await openDatabase(other.url)
t.teardown(() => database.close())
const cache = createCache({ store: memoryStore(), versions: database.versions })
const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: t.error })
await other.insert(ROWS.toReversed().map(([id, title, created]) => ({ id, title, created })))

t.test('pages by position list each product once, with equal times, no times and ids of all sizes', async (t) => {
  for (const limit of [1, 2, 3, 1_000]) {
    const seen: string[] = []
    let { items, next, total } = await products.list(1, limit)
    for (;;) {
      t.equal(total, ROWS.length)
      seen.push(...titles(items))
      if (next === undefined) break
      t.match(next, /^(none|-?\d+(\.\d+)?)_-?\d+$/);
      ({ items, next, total } = await products.listAfter(next, limit))
    }
    t.same(seen, NAMES, `limit ${limit}`)
  }
  t.same(titles((await products.list()).items), NAMES)
})

t.test('positions that a person has written', async (t) => {
  const listAfter = async (cursor: string) => titles((await products.listAfter(cursor, 2)).items)
  t.same(await listAfter('1e999_1'), NAMES.slice(0, 2))
  t.same(await listAfter('-1e999_1'), ['no time', 'empty'])
  t.same(await listAfter('-0_1'), ['no time', 'empty'], 'the oldest is of day 0')
  t.same(await listAfter('2458849.50000000000000000000000001_10'), ['zero', 'negative'])
  t.same(await listAfter('none_9999999999999999999'), ['no time', 'empty'])
  t.same(await listAfter('none_-9999999999999999999'), [])
  t.equal((await products.listAfter('none_-9999999999999999999', 2)).total, ROWS.length)
  const byDefault = await products.listAfter('1e999_1')
  t.same([byDefault.items.length, byDefault.limit, byDefault.maxPage], [ROWS.length, 100, 1_000])
})

t.test('the number of products is exact if it is not known, and a cached one is never stale', async (t) => {
  const count = () => cache.getOrSet('count', () => products.count())
  t.equal(await count(), ROWS.length)
  await other.exec('UPDATE larder_rows SET rows = NULL')
  t.equal(await products.count(), ROWS.length)
  await other.exec("INSERT INTO products (title, price, created) VALUES ('a', '1', '')")
  t.equal(await count(), ROWS.length + 1)
  t.equal((await products.list()).total, ROWS.length + 1)
})
