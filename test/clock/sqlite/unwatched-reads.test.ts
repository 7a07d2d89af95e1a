import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import t from 'tap'
import { Catalog } from '../../../src/clock/sqlite/catalog.ts'
import { QueryDependencies } from '../../../src/clock/sqlite/query-dependencies.ts'
import { SCHEMA } from '../../support/dependency-schema.ts'
import { clockwork, tagsRead } from './clock-support.ts'

t.test('reads that no trigger watches are not stored', async (t) => {
  const { database, other, path } = clockwork(t, SCHEMA + `
    CREATE VIRTUAL TABLE texts USING fts5 (text);
    CREATE VIEW found AS SELECT text FROM texts;`)
  const away = new Sqlite(`${path}.other`)
  away.exec('CREATE TABLE away (x); CREATE TABLE products (x);')
  // Somewhere among them are the places that our tables have in our own file.
  for (let i = 0; i < 40; i++) away.exec(`CREATE TABLE away${i} (x)`)
  away.close()
  await database.sql.run(sql.raw(`ATTACH '${path}.other' AS side`))
  for (const statement of [
    'SELECT * FROM sqlite_schema',
    'SELECT * FROM sqlite_temp_schema',
    'SELECT * FROM larder_clock',
    "SELECT ticks FROM larder_clock WHERE name = 'products'",
    'SELECT * FROM larder_slots',
    'SELECT * FROM __drizzle_migrations',
    'SELECT * FROM sqlite_sequence',
    "SELECT * FROM texts WHERE texts MATCH 'x'",
    'SELECT * FROM found, products',
    'SELECT * FROM texts_content',
    'SELECT * FROM away',
    'SELECT * FROM side.products',
    'SELECT * FROM products JOIN side.products'
  ]) {
    t.equal(await tagsRead(database, statement), 'unwatched-read', statement)
  }
  for (let i = 0; i < 40; i++) t.equal(await tagsRead(database, `SELECT * FROM away${i}`), 'unwatched-read')
  other.exec('CREATE TABLE later (x)')
  t.equal(await tagsRead(database, 'SELECT * FROM later'), 'unwatched-read')
  t.same(await tagsRead(database, 'SELECT * FROM products'), ['products'])
})

t.test('pragmas and table-valued functions are not stored', async (t) => {
  const { database, path } = clockwork(t)
  const away = new Sqlite(`${path}.other`)
  away.exec('CREATE VIRTUAL TABLE texts USING fts5 (text)')
  away.close()
  await database.sql.run(sql.raw(`ATTACH '${path}.other' AS side`))
  for (const statement of [
    'SELECT * FROM side.texts', 'PRAGMA user_version', 'SELECT * FROM pragma_user_version',
    "SELECT * FROM json_each('[1]'), pragma_table_info('products')", 'SELECT * FROM dbstat'
  ]) {
    t.equal(await tagsRead(database, statement), 'unwatched-read', statement)
  }
})

t.test('a virtual table is found beside json_each', async (t) => {
  const { database } = clockwork(t, "CREATE VIRTUAL TABLE texts USING fts5 (text); INSERT INTO texts VALUES ('x')")
  for (const statement of [
    "SELECT text FROM texts JOIN json_each('[1]') ON json_each.value = texts.rowid",
    "SELECT json_each.key, json_each.value, text FROM json_each('[1]'), texts",
    'SELECT text AS json_tree FROM texts',
    "WITH unused AS (SELECT value FROM json_each('[1]')) SELECT text FROM texts",
    "SELECT text, 'json_each(' FROM texts -- as json_each() did",
    'EXPLAIN QUERY PLAN SELECT * FROM products',
    'PRAGMA page_count',
    'PRAGMA table_info(products)'
  ]) {
    t.equal(await tagsRead(database, statement), 'unwatched-read', statement)
  }
  t.same(await tagsRead(database, "SELECT json_each.value FROM json_each('[1]')"), [])
  t.same(await tagsRead(database, "SELECT title FROM products, json_tree('[1]')"), ['products'])
})

t.test('a statement that cannot be explained depends on all tables, and is not stored', async (t) => {
  const { other, database } = clockwork(t, SCHEMA)
  const statements = new QueryDependencies(other)
  const catalog = new Catalog(other)
  const all = { tables: ['codes', 'makers', 'products', 'words'], rows: [], unwatched: true }
  for (const statement of [
    'EXPLAIN SELECT 1', 'EXPLAIN QUERY PLAN SELECT 1', 'SELECT FROM', '', 'SELECT * FROM nowhere', 'SELECT 1; SELECT 2',
    'SELECT ?'
  ]) {
    const { tables, ...rest } = statements.resolve(statement, [], catalog)
    t.same({ tables: [...tables].sort(), ...rest }, all, statement)
  }
  t.equal(await tagsRead(database, '; SELECT 1'), 'unwatched-read')
  const byId = 'SELECT * FROM products WHERE id = ?'
  t.equal(statements.resolve(byId, [], catalog).unwatched, true, 'a value is missing')
  t.same(
    statements.resolve(byId, [7], catalog).rows,
    [{ table: 'products', column: undefined, known: { source: { parameter: 0 }, through: [] } }],
    'which is not remembered'
  )
})
