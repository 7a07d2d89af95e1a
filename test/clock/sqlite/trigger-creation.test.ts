import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { getTableName, is } from 'drizzle-orm'
import { SQLiteTable } from 'drizzle-orm/sqlite-core'
import t from 'tap'
import { MORE } from '../../support/trigger-schema.ts'
import { clockwork, tagsRead } from './clock-support.ts'

const SRC = fileURLToPath(new URL('../../../src', import.meta.url))
const EVENTS = ['delete', 'insert', 'update']

/** Lists the triggers that count changes after they were made. */
const triggersOn = (connection: Sqlite.Database, table: string) => connection
  .prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? AND name GLOB 'larder_*' ORDER BY name"
  ).pluck().all(table) as string[]

const triggersFor = (table: string) => EVENTS.map((event) => `larder_${table}_${event}`)

/** All that is known of the triggers, and of which schema they are. */
const readSchema = (connection: Sqlite.Database) => [
  connection.pragma('schema_version', { simple: true }),
  connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").all()
]

const NAMES = [
  'select', 'a b', "it's", "''", 'quote"d', 'x', 'x:1', 'x:1:2', '100%', '%3A', 'Übung', 'UPPER', 'a/b', '[brackets]',
  'back`tick', 'line\nbreak', '🍏',
  ' ', 'x -- no comment', 'x; DROP TABLE products', 'trigger', 'NEW', 'old', 'ticks', 'name'
]

t.test('every table of any schema is watched', async (t) => {
  const { database, other } = clockwork(t)
  const files = globSync('**/table.ts', { cwd: SRC })
  const modules = await Promise.all(files.map((file) => import(`${SRC}/${file}`))) as Array<Record<string, unknown>>
  const tables = modules.flatMap((module) => Object.values(module)).filter(
    (value) => is(value, SQLiteTable)
  ).map(getTableName)
  t.ok(tables.includes('products'))
  for (const table of tables) {
    t.same(triggersOn(other, table), triggersFor(table), table)
    t.same(await tagsRead(database, `SELECT * FROM "${table}"`), [table])
  }
})

t.test('names of tables that need quoting', async (t) => {
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  const { database, other, movedBy } = clockwork(
    t,
    NAMES.map((name) => `CREATE TABLE ${quoted(name)} (${quoted(name)} INTEGER PRIMARY KEY, "v""" INTEGER);`).join('')
  )
  const encodeTag = (name: string) => encodeURIComponent(name)
  const all = NAMES.flatMap((name) => [encodeTag(name), `${encodeTag(name)}:1`, `${encodeTag(name)}:2`])
  for (const name of NAMES) {
    const expected = [encodeTag(name), `${encodeTag(name)}:1`]
    t.same(await movedBy(all, () => other.exec(`INSERT INTO ${quoted(name)} VALUES (1, 1)`)), expected, name)
    t.same(await movedBy(all, () => other.exec(`UPDATE ${quoted(name)} SET "v""" = 2`)), expected, name)
    t.same(await tagsRead(database, `SELECT * FROM ${quoted(name)}`), expected.slice(0, 1))
    t.same(await tagsRead(database, `SELECT * FROM ${quoted(name)} WHERE ${quoted(name)} = 1`), expected.slice(1))
    t.same(
      await movedBy(all, () => database.versions.invalidate([`${encodeTag(name)}:2`])),
      [encodeTag(name), `${encodeTag(name)}:2`]
    )
  }
})

t.test('creating and repairing triggers', async (t) => {
  t.test('a new table is watched from the next start', async (t) => {
    const { database, other, open, movedBy } = clockwork(t)
    other.exec('CREATE TABLE later (id INTEGER PRIMARY KEY, v)')
    t.equal(await tagsRead(database, 'SELECT * FROM later'), 'unwatched-read')
    t.equal((await tagsRead(open(), 'SELECT * FROM later WHERE id = 1'))[0], 'later:1')
    t.same(await tagsRead(database, 'SELECT * FROM later WHERE id = 1'), ['later:1'], 'also by who was there before')
    t.same(
      await movedBy(['later', 'later:1', 'later:2'], () => other.exec('INSERT INTO later VALUES (1, 1)')),
      ['later', 'later:1']
    )
  })

  t.test('a table that a migration rebuilds is watched again', async (t) => {
    const { database, other, open, movedBy } = clockwork(t)
    const columns = 'id, title, price, created, updated'
    other.pragma('foreign_keys = OFF')
    other.exec("INSERT INTO products (id, title, price) VALUES (7, 'a', '1')")
    other.exec(`CREATE TABLE __new_products (
        id INTEGER PRIMARY KEY, title TEXT, price TEXT, created TEXT, updated TEXT);
      INSERT INTO __new_products (${columns}) SELECT ${columns} FROM products;
      DROP TABLE products; ALTER TABLE __new_products RENAME TO products`)
    t.same(triggersOn(other, 'products'), [])
    t.equal(await tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
    open()
    t.same(triggersOn(other, 'products'), triggersFor('products'))
    t.same(await tagsRead(database, 'SELECT * FROM products'), ['products'])
    t.same(
      await movedBy(['products', 'products:7', 'products:8'], () => other.exec('DELETE FROM products')),
      ['products', 'products:7']
    )
  })

  t.test('a renamed table has a tag of its new name, and its old name is free', async (t) => {
    const { database, other, open, movedBy } = clockwork(t, 'CREATE TABLE old (id INTEGER PRIMARY KEY)')
    other.exec('ALTER TABLE old RENAME TO new')
    t.equal(await tagsRead(database, 'SELECT * FROM new'), 'unwatched-read')
    other.exec('CREATE TABLE old (id INTEGER PRIMARY KEY)')
    open()
    const tags = ['new', 'new:1', 'old', 'old:1']
    t.same(await movedBy(tags, () => other.exec('INSERT INTO new VALUES (1)')), ['new', 'new:1'])
    t.same(await movedBy(tags, () => other.exec('INSERT INTO old VALUES (1)')), ['old', 'old:1'])
  })

  t.test('missing or different triggers are created again, also after a column is indexed', async (t) => {
    const { database, other, open } = clockwork(t)
    const before = readSchema(other)[1]
    for (const harm of [
      'DROP TRIGGER larder_products_update',
      'DROP TRIGGER larder_products_insert; CREATE TRIGGER larder_products_insert AFTER INSERT ON products BEGIN ' +
        'SELECT 1; END',
      'DROP TRIGGER larder_products_delete; CREATE TRIGGER LARDER_Products_Delete AFTER DELETE ON products BEGIN ' +
        'SELECT 1; END'
    ]) {
      other.exec(harm)
      t.notSame(readSchema(other)[1], before)
      t.equal(await tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
      open()
      t.same(readSchema(other)[1], before)
      t.same(await tagsRead(database, 'SELECT * FROM products WHERE id = 7'), ['products:7'])
    }
    other.exec('CREATE UNIQUE INDEX titles ON products (title)')
    t.equal(await tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
    open()
    t.same(await tagsRead(database, 'SELECT * FROM products WHERE id = 7'), ['products:7'])
    t.match(await tagsRead(database, "SELECT * FROM products WHERE title = 'a'"), [/^products:title=#/])
  })

  t.test('a second start changes no trigger and waits for no lock', async (t) => {
    const { other, open } = clockwork(t, MORE)
    const before = readSchema(other)
    other.exec("BEGIN IMMEDIATE; INSERT INTO products (title, price) VALUES ('a', '1')")
    const second = open()
    t.same(await tagsRead(second, 'SELECT * FROM makers'), ['makers'])
    other.exec('COMMIT')
    t.same(readSchema(other), before)
  })

  t.test('tables of SQLite, of migrations and of the clock have no triggers', async (t) => {
    const { other, database } = clockwork(t, `CREATE TABLE larder_mine (x); CREATE TABLE ":colon" (x);
        CREATE TABLE __drizzle_mine (x);
      CREATE VIRTUAL TABLE texts USING fts5 (x); CREATE VIEW seen AS SELECT 1`)
    t.same(
      other.prepare("SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'").pluck().all(), ['products']
    )
    t.same(other.prepare('SELECT name FROM larder_clock').pluck().all(), [':epoch', ':era', ':tags', 'products'])
    for (const table of [
      'larder_mine', ':colon', '__drizzle_mine', 'texts', 'texts_content', 'sqlite_sequence', 'larder_clock'
    ]) {
      t.equal(await tagsRead(database, `SELECT * FROM "${table}"`), 'unwatched-read', table)
    }
  })
})
