import { sql } from 'drizzle-orm'
import t from 'tap'
import { clockwork, reading, tagsRead } from './clock-support.ts'

/** Texts before a statement that SQLite ignores. */
const PREFIXES = [
  '', ' \t\r\n\f', '/* a comment */ ', '/**/', '/* SELECT */', '-- a comment\n', '-- SELECT 1;\r\n', '--\n/*\n*/--\n',
  '\uFEFF', '\uFEFF/* a comment */\n'
]

t.test('what a pragma reads is not stored, whatever precedes or follows it', async (t) => {
  const { database } = clockwork(t)
  const pragmas = [
    'PRAGMA user_version', 'pragma user_version;', 'Pragma/**/user_version -- a comment', 'PRAGMA main.user_version',
    'PRAGMA page_count', "PRAGMA table_info('products')", 'PRAGMA table_list', 'PRAGMA foreign_key_check',
    'PRAGMA cache_size', 'PRAGMA data_version'
  ]
  for (const pragma of pragmas) {
    for (const prefix of PREFIXES) {
      t.equal(await tagsRead(database, prefix + pragma), 'unwatched-read', JSON.stringify(prefix + pragma))
    }
  }
})

t.test('what the table-valued function of a pragma reads is not stored', async (t) => {
  const { database } = clockwork(t)
  for (const statement of [
    'SELECT user_version FROM pragma_user_version', 'SELECT * FROM pragma_user_version()',
    'SELECT (SELECT user_version FROM pragma_user_version), title FROM products',
    'WITH v AS (SELECT user_version FROM pragma_user_version) SELECT * FROM products, v',
    "SELECT name FROM pragma_table_info('products') WHERE name IN (SELECT title FROM products)",
    'SELECT name FROM pragma_table_list', 'SELECT name FROM pragma_function_list', 'SELECT * FROM pragma_database_list'
  ]) {
    t.equal(await tagsRead(database, statement), 'unwatched-read', statement)
  }
})

t.test('what another statement than a query returns is not stored', async (t) => {
  const { database } = clockwork(t)
  for (const prefix of PREFIXES) {
    for (const statement of ['EXPLAIN SELECT * FROM products', 'EXPLAIN QUERY PLAN SELECT * FROM products']) {
      t.equal(await tagsRead(database, prefix + statement), 'unwatched-read', JSON.stringify(prefix + statement))
    }
  }
})

t.test('a statement that returns nothing reads nothing', async (t) => {
  const { database, path } = clockwork(t)
  for (const statement of [
    `ATTACH '${path}.other' AS side`, 'DETACH side', 'PRAGMA cache_size = 100'
  ]) {
    const { refusal, tags } = await reading(database, () => database.sql.run(sql.raw(statement)))
    t.same([refusal, tags], [undefined, []], statement)
  }
})

t.test('a query is stored, whatever precedes or follows it', async (t) => {
  const { database } = clockwork(t)
  const queries: Array<[statement: string, values: unknown[], tags: string[]]> = [
    ['SELECT title FROM products', [], ['products']],
    ['SELECT title FROM products WHERE id = ?;', [7], ['products:7']],
    ['SELECT title FROM products -- PRAGMA user_version', [], ['products']],
    ['SELECT title FROM products /* not closed', [], ['products']],
    ['SELECT title, title, 1, 1, count(*) OVER () FROM products LIMIT ? OFFSET ?', [1, 0], ['products']],
    ['VALUES (1), (?)', [2], []],
    ['WITH pragma AS (SELECT title FROM products) SELECT * FROM pragma', [], ['products']],
    ['WITH RECURSIVE n (i) AS (VALUES (1) UNION SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n', [], []]
  ]
  for (const [query, values, tags] of queries) {
    for (const prefix of PREFIXES) {
      t.same(await tagsRead(database, prefix + query, ...values), tags, JSON.stringify(prefix + query))
    }
  }
})

t.test('a temporary table, which could hide a table, cannot be created where reads are stored', async (t) => {
  const { database } = clockwork(t)
  for (const statement of ['CREATE TEMP TABLE products (x)', 'CREATE TEMP VIEW products AS SELECT 1']) {
    await t.rejects(database.sql.run(sql.raw(statement)), { code: 'SQLITE_READONLY' }, statement)
  }
  t.same(await tagsRead(database, 'SELECT * FROM products'), ['products'])
})
