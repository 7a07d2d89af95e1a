import { sql } from 'drizzle-orm'
import t from 'tap'
import { products } from '../../../src/products/sqlite/table.ts'
import { createTrackedShop, price } from '../../support/tracked-shop.ts'
import { moment } from '../../db/support.ts'

t.test('a value that may not be stored is returned, with the reason', async (t) => {
  const { database, cache, change } = createTrackedShop(t)
  const load = async (work: () => unknown) => {
    await cache.delete('key')
    return await cache.load('key', work)
  }
  const uncommitted = { stored: false, notStoredBecause: 'uncommitted-read' }
  const unwatched = { stored: false, notStoredBecause: 'unwatched-read' }
  t.match(await load(() => database.transaction(() => price(database, 7))), { value: '1', ...uncommitted })
  t.match(await load(() => database.sql.all(sql`SELECT count(*) AS n FROM sqlite_schema`)), unwatched)
  t.match(await load(async () => {
    const value = await price(database, 7)
    change(7)
    return value
  }), { value: '1', stored: false }, 'it changed meanwhile')
  t.match(await load(() => price(database, 7)), { value: '2', stored: true })

  t.test('also if the transaction had to wait', async (t) => {
    const goOn = moment()
    const first = database.transaction(() => goOn.promise)
    const waiting = load(async () => await database.transaction(() => price(database, 7)))
    goOn.resolve()
    await first
    t.match(await waiting, uncommitted)
  })

  t.test('but it is stored if a transaction that has ended handed out the query only', async (t) => {
    const { query } = await database.transaction(() => ({ query: database.sql.$count(products) }))
    t.match(await load(() => query), { value: 2, stored: true })
  })
})
