import { sql } from 'drizzle-orm'
import t from 'tap'
import { clockwork, reading, tagsRead } from './clock-support.ts'

/** How tables are keyed, and whether changes of single rows can be told apart by that. */
const KEYS: Array<[columns: string, byRow: boolean]> = [
  ['k INTEGER PRIMARY KEY, v', true],
  ['k integer PRIMARY KEY AUTOINCREMENT, v', true],
  ['k "INTEGER" PRIMARY KEY, v CHECK (v > 0), "rowid", _rowid_', true],
  ['v, k INTEGER, PRIMARY KEY (k)', true],
  ['k INTEGER PRIMARY KEY, v AS (k * 2), w', true],
  ['k INTEGER PRIMARY KEY, v UNIQUE', false],
  ['k INTEGER PRIMARY KEY, v, w, UNIQUE (v, w)', false],
  ['k INT PRIMARY KEY, v', false],
  ['k INTEGER PRIMARY KEY DESC, v', false],
  ['k TEXT PRIMARY KEY, v', false],
  ['k INTEGER, v, PRIMARY KEY (k, v)', false],
  ['k INTEGER UNIQUE, v', false],
  ['k INTEGER, v', false],
  ['k INTEGER PRIMARY KEY, v) WITHOUT ROWID; --', false],
  ['k TEXT, v, w, PRIMARY KEY (k)) WITHOUT ROWID; --', false]
]

t.test('rows are counted separately if only the row number is unique', async (t) => {
  const { database, other, movedBy } = clockwork(t, KEYS.map(
    ([columns], i) => `CREATE TABLE t${i} (${columns});\n`
  ).join('') + `
    CREATE TABLE partly (k INTEGER PRIMARY KEY, v); CREATE UNIQUE INDEX some ON partly (v) WHERE v > 0;
    CREATE TABLE computed (k INTEGER PRIMARY KEY, v); CREATE UNIQUE INDEX all_of_them ON computed (abs(v));
    CREATE TABLE indexed (k INTEGER PRIMARY KEY, v); CREATE INDEX ordinary ON indexed (v);`)
  const tables = [...KEYS.map(([columns, byRow], i) => [`t${i}`, byRow, columns] as const),
    ['partly', false, 'a partial index'], [
      'computed', false, 'an index on an expression'
    ], ['indexed', true, 'an ordinary index']] as const
  for (const [table, byRow, what] of tables) {
    t.same(tagsRead(database, `SELECT k FROM ${table} WHERE k = 1`), [byRow ? `${table}:1` : table], what)
    const [first, second] = [`${table}:1`, `${table}:2`]
    const changes: Array<[statement: string, ...rows: string[]]> = [
      ['INSERT INTO % (k) VALUES (1)', first],
      ['UPDATE % SET k = 1', first],
      ['REPLACE INTO % (k) VALUES (1)', first],
      ['UPDATE % SET k = 2', first, second],
      ['DELETE FROM %', second]
    ]
    for (const [statement, ...rows] of changes) {
      const moved = await movedBy(
        byRow ? [table, first, second] : [table], () => other.exec(statement.replace('%', table))
      )
      t.same(moved, byRow ? [table, ...rows] : [table], `${what}: ${statement}`)
    }
  }
})

t.test('a REPLACE that removes another row invalidates reads of that row', async (t) => {
  const { database, other, isCurrent } = clockwork(t, 'CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT UNIQUE)')
  other.pragma('recursive_triggers = OFF')
  other.exec("INSERT INTO codes VALUES (1, 'k'), (2, 'l')")
  const { stamp, tags, result } = reading(database, () => database.sql.values(sql`SELECT code FROM codes WHERE id = 1`))
  other.exec("INSERT OR REPLACE INTO codes VALUES (3, 'k')")
  t.notSame(database.sql.values(sql`SELECT code FROM codes WHERE id = 1`), result)
  t.equal(isCurrent(stamp, ...tags), false)
})

t.test('all kinds of row numbers', async (t) => {
  const { database, other, movedBy } = clockwork(t)
  const insert = other.prepare("INSERT INTO products (id, title, price) VALUES (?, 'a', '1')")
  const tag = (id: number) => `products:${id}`
  const largest = Number.MAX_SAFE_INTEGER
  for (const id of [0, 1, -1, -7, 65_535, -65_536, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 + 5, largest, -largest]) {
    t.same(tagsRead(database, 'SELECT * FROM products WHERE id = ?', id), [tag(id)])
    t.same(await movedBy([tag(id), tag(id > 0 ? id - 3 : id + 3)], () => insert.run(id)), [tag(id)], String(id))
  }
  for (const id of [2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    t.same(tagsRead(database, 'SELECT * FROM products WHERE id = ?', id), [`products:${id}`])
    t.same(
      tagsRead(database, 'SELECT * FROM products WHERE id = ?', Number(id)),
      ['products'],
      'JavaScript might take it for another number'
    )
    t.same(
      await movedBy([`products:${id}`, `products:${id + 1n}`], () => insert.run(id)), [`products:${id}`], String(id)
    )
  }
  t.same(
    await movedBy([7, 8, 7 + 65_536, 7 - 2 * 65_536].map(tag), () => insert.run(7)),
    [7, 65_543, -131_065].map(tag),
    'some share a slot'
  )
})
