import { readMigrationFiles } from 'drizzle-orm/migrator'
import { getTableConfig } from 'drizzle-orm/pg-core'
import t from 'tap'
import { products } from '../../../src/products/postgres/table.ts'
import { sharePostgres } from '../../support/postgres.ts'

const { createPool } = await sharePostgres(t)
const pool = await createPool(t, { max: 1 })
for (const { sql } of readMigrationFiles({ migrationsFolder: 'drizzle/postgres' })) await pool.query(sql.join(';'))

t.test('the migrations create the columns of table.ts', async (t) => {
  const { rows } = await pool.query(`SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull,
    coalesce(pg_get_expr(adbin, adrelid), '') AS default FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE attrelid = 'products'::regclass AND attnum > 0 ORDER BY attnum`)
  t.same(rows, getTableConfig(products).columns.map((column) => ({
    name: column.name,
    type: column.getSQLType().replace('timestamp (3)', 'timestamp(3)'),
    attnotnull: column.notNull,
    default: column.hasDefault && !column.primary ? 'statement_timestamp()' : ''
  })))
})

t.test('other programs may write a title and a price, or an id too', async (t) => {
  const { rows: [row] } = await pool.query("INSERT INTO products (title, price) VALUES ('a', '1') RETURNING *")
  t.equal(row.id, '1')
  t.ok(Math.abs(Date.now() - row.created) < 60_000)
  t.same(row.updated, row.created)
  await pool.query("INSERT INTO products VALUES (9223372036854775807, 'b', '1', 'infinity', '-infinity')")
})

t.test('the list is read in the order of its index, without a sort, also after a position', async (t) => {
  await pool.query('SET enable_seqscan = off; SET enable_bitmapscan = off')
  for (const where of ['', "WHERE (created, id) < ('2026-01-01', 5)"]) {
    const { rows } = await pool.query(
      `EXPLAIN (COSTS OFF) SELECT * FROM products ${where} ORDER BY created DESC, id DESC LIMIT 100`)
    const [, scan, condition] = rows.map((row) => row['QUERY PLAN'].trim())
    t.equal(scan, '->  Index Scan Backward using products_newest_first on products')
    t.equal(condition?.startsWith('Index Cond: (ROW(created, id) < ROW('), where === '' ? undefined : true)
  }
})
