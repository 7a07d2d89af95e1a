import type { Test } from 'tap'
import t from 'tap'
import { dropClockTriggers } from '../../../src/clock/sqlite/install.ts'
import { createTriggers } from '../../../src/clock/sqlite/triggers.ts'
import { recountRows } from '../../../src/clock/sqlite/recount-rows.ts'
import { writeKnownRows, writeRowCount } from '../../../src/clock/sqlite/row-counts.ts'
import { addProduct, type Clockwork, clockwork, tagsRead } from './clock-support.ts'

/** Returns functions that read the number of rows of a table: as triggers maintain it, and counted. */
function counter (works: Clockwork, table = 'products') {
  const known = () => works.other.prepare(writeKnownRows(table)).pluck().get()
  const counted = () => works.other.prepare(`SELECT count(*) FROM "${table}"`).pluck().get()
  return { known, counted }
}

const HUGE = ['9223372036854775807', '-9223372036854775808', '-1', '0', '65544']

/** Each is run on the rows 1 to 9, of which no two have the same title. */
const STATEMENTS = [
  "INSERT INTO products (title, price) VALUES ('a', '1'), ('b', '1')",
  "INSERT INTO products (id, title, price) VALUES (7, 'a', '1')",
  "REPLACE INTO products (id, title, price) VALUES (7, 'a', '1')",
  "REPLACE INTO products (rowid, title, price) VALUES ('7', 'a', '1')",
  "REPLACE INTO products (id, title, price) VALUES (7, 'a', '1'), (7, 'a', '1'), (8, 'a', '1'), (77, 'a', '1')",
  'REPLACE INTO products (id, title, price) SELECT id + 5, title, price FROM products',
  "REPLACE INTO products (id, title, price) VALUES (NULL, 'a', '1')",
  ...HUGE.map((id) => `REPLACE INTO products (oid, title, price) VALUES (${id}, 'a', '1'), (${id}, 'b', '1')`),
  "INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'a', '1'), (77, 'a', '1')",
  "INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'a', '1'); DELETE FROM products WHERE id = 7;" +
    "INSERT INTO products (id, title, price) VALUES (7, 'a', '1')",
  "INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'a', '1'); UPDATE products SET id = 70 WHERE id = 7;" +
    "INSERT INTO products (id, title, price) VALUES (7, 'a', '1')",
  "INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'a', '1');" +
    'UPDATE OR REPLACE products SET id = 7 WHERE id = 8; DELETE FROM products WHERE id = 7;' +
    "INSERT INTO products (id, title, price) VALUES (7, 'a', '1')",
  "INSERT OR FAIL INTO products (id, title, price) VALUES (77, 'a', '1'), (7, 'a', '1'), (78, 'a', '1')",
  "INSERT INTO products (id, title, price) VALUES (77, 'a', '1'), (7, 'a', '1')",
  "INSERT INTO products (id, title, price) VALUES (7, 'a', '1') ON CONFLICT DO NOTHING",
  "INSERT INTO products (id, title, price) VALUES (7, 'a', '1') ON CONFLICT DO UPDATE SET price = '2'",
  "INSERT INTO products (id, title, price) VALUES (7, 'a', '1') ON CONFLICT DO UPDATE SET id = 70",
  "INSERT INTO products (id, title, price) VALUES (7, 'a', '1') ON CONFLICT DO UPDATE SET id = 8",
  'UPDATE OR REPLACE products SET id = 8 WHERE id = 7',
  "UPDATE OR REPLACE products SET _rowid_ = '8' WHERE id = 7",
  'UPDATE OR REPLACE products SET id = id + 1',
  'UPDATE OR REPLACE products SET id = 1',
  'UPDATE OR IGNORE products SET id = 8 WHERE id = 7; DELETE FROM products WHERE id = 8',
  'UPDATE OR FAIL products SET id = id + 1 WHERE id > 3',
  'UPDATE products SET id = id, price = 3',
  'UPDATE products SET id = -id',
  'DELETE FROM products WHERE id > 5',
  'DELETE FROM products',
  "BEGIN; REPLACE INTO products (id, title, price) VALUES (7, 'a', '1'), (77, 'a', '1'); ROLLBACK",
  "BEGIN; DELETE FROM products; SAVEPOINT s; INSERT INTO products (id, title, price) VALUES (7, 'a', '1');" +
    'ROLLBACK TO s; COMMIT',
  "BEGIN; INSERT OR ROLLBACK INTO products (id, title, price) VALUES (77, 'a', '1'), (7, 'a', '1')"
]

for (const recursive of ['OFF', 'ON']) {
  t.test(`statements change the number of rows, with recursive_triggers = ${recursive}`, async (t) => {
    const works = clockwork(t)
    const { other } = works
    const { known, counted } = counter(works)
    other.pragma(`recursive_triggers = ${recursive}`)
    for (const statement of STATEMENTS) {
      other.exec('DELETE FROM products')
      addProduct(other, 1, 2, 3, 4, 5, 6, 7, 8, 9)
      try {
        other.exec(statement)
      } catch (error) {
        t.match(error, { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }, statement)
      }
      t.equal(known(), counted(), statement)
    }
  })
}

t.test('a statement that keeps all rows changes no tag, and all entries stay valid', async (t) => {
  const works = clockwork(t)
  addProduct(works.other, 7)
  const ignored = "INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'a', '1')"
  t.same(await works.movedBy(['products', 'products:7', 'other'], () => works.other.exec(ignored)), [])
})

t.test('a query for the number of rows depends on the table, and does not read it', async (t) => {
  const works = clockwork(t)
  addProduct(works.other, 1, 2)
  t.same(await tagsRead(works.database, `SELECT ${writeRowCount('products')}`), ['products'])
  t.same(await tagsRead(works.database, 'SELECT rows FROM larder_rows'), ['products'])
  t.same(await tagsRead(works.database, 'SELECT schema_version FROM pragma_schema_version'), [], 'a part of each stamp')
  works.other.exec('UPDATE larder_rows SET rows = 1234')
  t.equal(works.other.prepare(`SELECT ${writeRowCount('products')}`).pluck().get(), 1234)
})

t.test('a query counts the rows if their number is not known', async (t) => {
  const works = clockwork(t)
  const { other } = works
  addProduct(other, 1, 2)
  const count = other.prepare(`SELECT ${writeRowCount('products')}`).pluck()
  for (const { id, what, change } of [
    { id: 3, what: 'it is null', change: 'UPDATE larder_rows SET rows = NULL' },
    { id: 4, what: 'the schema has changed', change: 'UPDATE larder_rows SET rows = 1234; CREATE TABLE more (x)' },
    { id: 5, what: 'a trigger is missing', change: 'DROP TRIGGER larder_products_insert' },
    { id: 6, what: 'nothing is stored', change: 'DELETE FROM larder_rows' }
  ]) {
    other.exec(change)
    addProduct(other, id)
    t.equal(count.get(), counter(works).counted(), what)
  }
})

const UNCOUNTED = [
  ['another key', 'CREATE TABLE x (id INTEGER PRIMARY KEY, code TEXT UNIQUE)'],
  ['no number', 'CREATE TABLE x (id TEXT)'],
  ['no row numbers', 'CREATE TABLE x (id INTEGER PRIMARY KEY) WITHOUT ROWID'],
  ['triggers of others', 'CREATE TABLE x (id INTEGER PRIMARY KEY);' +
    'CREATE TRIGGER theirs AFTER INSERT ON x BEGIN SELECT 1; END'],
  ['a cycle of foreign keys', 'CREATE TABLE x (id INTEGER PRIMARY KEY, up REFERENCES x ON DELETE CASCADE)']
] as const

async function staysUnknown (t: Test, schema: string): Promise<void> {
  const works = clockwork(t, schema)
  createTriggers(works.other, { countRows: ['x'] })
  recountRows(works.other)
  const { known } = counter(works, 'x')
  t.equal(known() ?? null, null)
  works.other.exec("INSERT INTO x (id) VALUES ('1')")
  t.equal(known() ?? null, null)
  t.equal(works.other.prepare(`SELECT ${writeRowCount('x')}`).pluck().get(), 1)
  t.same(await tagsRead(works.database, `SELECT ${writeRowCount('x')}`), ['products', 'x'])
}

for (const [what, schema] of UNCOUNTED) {
  t.test(`the rows of a table with ${what} are counted by queries`, (t) => staysUnknown(t, schema))
}

t.test('a table that does not exist makes reads of numbers of rows unwatched', async (t) => {
  const { database, other } = clockwork(t)
  createTriggers(other, { countRows: ['missing'] })
  recountRows(other)
  t.equal(await tagsRead(database, 'SELECT rows FROM larder_rows'), 'unwatched-read')
  other.exec('DELETE FROM larder_rows')
  other.exec('CREATE TABLE changed (x)')
  t.equal(await tagsRead(database, 'SELECT rows FROM larder_rows'), 'unwatched-read', 'also if no rows are counted')
})

t.test('dropClockTriggers drops the triggers that count rows too', async (t) => {
  const { other } = clockwork(t, 'CREATE INDEX titles ON products (title)')
  dropClockTriggers(other)
  t.equal(other.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").pluck().get(), 0)
})
