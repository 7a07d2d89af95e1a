import Sqlite from 'better-sqlite3'
import { SQLiteSyncDialect, getTableConfig } from 'drizzle-orm/sqlite-core'
import type { SQL } from 'drizzle-orm'
import t from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { products } from '../../../src/products/sqlite/table.ts'

const path = `${t.testdir()}/larder.db`
await openDatabase(`file:${path}`).close()
const file = new Sqlite(path)
t.teardown(() => file.close())

t.test('the migrations create the columns of table.ts', async (t) => {
  const { name, columns } = getTableConfig(products)
  t.same(file.pragma(`table_info(${name})`), columns.map((column, cid) => ({
    cid,
    name: column.name,
    type: column.getSQLType().toUpperCase(),
    notnull: Number(column.notNull),
    dflt_value: column.hasDefault && !column.primary ? "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')" : null,
    pk: Number(column.primary)
  })))
})

t.test('the migrations create the indexes of table.ts', async (t) => {
  const dialect = new SQLiteSyncDialect()
  const known = getTableConfig(products).indexes.map(({ config }) => config)
  const created = file.prepare<[], { name: string, sql: string }>(`SELECT name, sql FROM sqlite_schema
    WHERE type = 'index' AND tbl_name = 'products' AND sql IS NOT NULL`).all()
  t.same(created.map(({ name }) => name), known.map(({ name }) => name))
  for (const [i, { columns }] of known.entries()) {
    const parts = columns.map((column) => {
      return dialect.sqlToQuery((column as SQL).inlineParams()).sql.replaceAll('"products".', '')
    })
    const { sql } = created[i]!
    t.ok(sql.endsWith(`(${parts.join(',')})`), sql)
  }
})

t.test('the list is read in the order of its index, without a sort', async (t) => {
  const plan = file.prepare(`EXPLAIN QUERY PLAN
    SELECT * FROM products ORDER BY julianday(created) DESC, id DESC LIMIT 100`).all() as Array<{ detail: string }>
  t.same(plan.map(({ detail }) => detail), ['SCAN products USING INDEX products_newest_first'])
})
