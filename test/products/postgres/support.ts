import type { Test } from 'tap'
import type pg from 'pg'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import { openProducts } from '../../../src/products/index.ts'
import { sharePostgres } from '../../support/postgres.ts'

/** Opens the products of a database. */
export async function openShop (t: Test, { options: { host, database: name } }: pg.Pool) {
  const database = await openDatabase(`postgres://postgres@/${name}?host=${encodeURIComponent(host!)}`)
  t.teardown(() => database.close())
  const cache = createCache({ store: memoryStore(), versions: database.versions })
  const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: t.error })
  return { database, cache, products }
}

/** Creates a database, opens its products, and connects to it as another program does. */
export async function setUp (t: Test) {
  const postgres = await sharePostgres(t)
  const other = await postgres.createPool(t)
  const shop = await openShop(t, other)
  /** Returns a number that a statement reads. */
  const read = async (sql: string) => {
    const { rows: [row] } = await other.query(sql)
    return Number(Object.values(row)[0])
  }
  const count = () => read('SELECT count(*) FROM products')
  const sum = () => read('SELECT sum(number) FROM larder_product_counts')
  const counts = () => read('SELECT count(*) FROM larder_product_counts')
  return { ...shop, postgres, other, read, count, sum, counts }
}
