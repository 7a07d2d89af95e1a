import { eq, sql } from 'drizzle-orm'
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import t from 'tap'
import { openDatabase } from '../../../src/db/index.ts'

const makers = sqliteTable('makers', { id: integer().primaryKey(), name: text().notNull() })
const goods = sqliteTable('goods', {
  id: integer().primaryKey(),
  makerId: integer('maker_id'),
  madeAt: integer('made_at', { mode: 'timestamp' }),
  details: text({ mode: 'json' }),
  image: blob({ mode: 'buffer' })
})

t.test('the handle of Drizzle', async (t) => {
  const database = openDatabase('file::memory:')
  t.teardown(() => database.close())
  const handle = database.sql
  const madeAt = new Date('2026-01-01')
  const image = Buffer.from('image')
  await database.transaction(async () => {
    await handle.run(sql`CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT NOT NULL)`)
    await handle.run(sql`CREATE TABLE goods (id INTEGER PRIMARY KEY, maker_id, made_at, details, image)`)
    await handle.insert(makers).values({ name: 'x' })
    await handle.insert(goods).values([{ makerId: 1, madeAt, details: { sizes: [1, 2] }, image }, { makerId: 9 }])
  })
  const first = { id: 1, makerId: 1, madeAt, details: { sizes: [1, 2] }, image }
  const second = { id: 2, makerId: 9, madeAt: null, details: null, image: null }

  t.test('select() converts columns, and returns undefined for no row', async (t) => {
    t.same(await handle.select().from(goods), [first, second])
    t.same(await handle.select().from(goods).where(eq(goods.id, 1)).get(), first)
    t.same(await handle.select().from(goods).where(eq(goods.id, 9)), [])
    t.equal(await handle.select().from(goods).where(eq(goods.id, 9)).get(), undefined)
    t.same(await handle.select({ id: goods.id }).from(goods).values(), [[1], [2]])
    t.equal(await handle.$count(goods), 2)
  })

  t.test('joins return null for a table without a row', async (t) => {
    t.same(await handle.select().from(goods).leftJoin(makers, eq(makers.id, goods.makerId)), [
      { goods: first, makers: { id: 1, name: 'x' } }, { goods: second, makers: null }
    ])
    t.same(
      await handle.select({ id: goods.id, maker: { name: makers.name } }).from(goods)
        .leftJoin(makers, eq(makers.id, goods.makerId)).where(eq(goods.id, 2)).get(),
      { id: 2, maker: null }
    )
  })

  t.test('rows of plain SQL are objects, and those of values() arrays', async (t) => {
    const query = sql`SELECT id, maker_id FROM goods ORDER BY id`
    t.same(await handle.all(query), [{ id: 1, maker_id: 1 }, { id: 2, maker_id: 9 }])
    t.same(await handle.get(query), { id: 1, maker_id: 1 })
    t.equal(await handle.get(sql`SELECT 1 WHERE FALSE`), undefined)
    t.same(await handle.values(query), [[1, 1], [2, 9]])
  })

  t.test('changes return what they changed, or the rows of returning()', async (t) => {
    await database.transaction(async () => {
      t.match(await handle.insert(makers).values({ name: 'y' }), { changes: 1, lastInsertRowid: 2 })
      t.match(await handle.update(makers).set({ name: 'z' }).where(eq(makers.id, 2)), { changes: 1 })
      t.same(await handle.delete(makers).where(eq(makers.id, 2)).returning(), [{ id: 2, name: 'z' }])
      t.match(await handle.run(sql`DELETE FROM makers WHERE id = 2`), { changes: 0 })
    })
  })

  t.test('prepared queries run in the transaction of their caller', async (t) => {
    const find = handle.select().from(makers).where(eq(makers.id, sql.placeholder('id'))).prepare()
    const add = handle.insert(makers).values({ name: sql.placeholder('name') }).returning().prepare()
    await t.rejects(database.transaction(async () => {
      t.same(await add.get({ name: 'y' }), { id: 2, name: 'y' })
      t.same(await find.get({ id: 2 }), { id: 2, name: 'y' })
      throw new Error('oops')
    }), { message: 'oops' })
    t.equal(await find.get({ id: 2 }), undefined)
  })

  t.test('errors are those of the database, without the statement around them', async (t) => {
    const nowhere = handle.select({ n: sql`1` }).from(sql`nowhere`)
    await t.rejects(nowhere, { code: 'SQLITE_ERROR', message: 'no such table: nowhere' })
    await t.rejects(handle.get(sql`SELECT`), { code: 'SQLITE_ERROR' })
    await t.rejects(handle.insert(makers).values({ name: 'y' }), { code: 'SQLITE_READONLY' })
    await t.rejects(handle.run(sql`BEGIN`), { code: 'LARDER_OPEN_TRANSACTION' })
  })

  t.test('the method transaction of Drizzle is refused', async (t) => {
    t.throws(() => handle.transaction(async () => {}), { message: /Use database\.transaction\(\)/ })
  })
})
