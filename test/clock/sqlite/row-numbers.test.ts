import { sql } from 'drizzle-orm'
import t from 'tap'
import { clockwork, reading, tagsRead } from './clock-support.ts'

/** How tables are keyed, and the tag of their rows with key 1; none if changes of single rows cannot be told apart. */
const KEYS: Array<[columns: string, tag: '' | ':1' | ':k=1']> = [
  ['k INTEGER PRIMARY KEY, v', ':1'],
  ['k integer PRIMARY KEY AUTOINCREMENT, v', ':1'],
  ['k "INTEGER" PRIMARY KEY, v CHECK (v > 0), "rowid", _rowid_', ':1'],
  ['v, k INTEGER, PRIMARY KEY (k)', ':1'],
  ['k INTEGER PRIMARY KEY, v AS (k * 2), w', ':1'],
  ['k INTEGER PRIMARY KEY, v UNIQUE', ':1'],
  ['k INTEGER PRIMARY KEY, v, w, UNIQUE (v, w)', ':1'],
  ['k INTEGER PRIMARY KEY, v NOT NULL DEFAULT 1, w UNIQUE', ':1'],
  ['k INTEGER PRIMARY KEY, v NOT NULL DEFAULT 1 UNIQUE', ''],
  ['k INTEGER PRIMARY KEY, v AS (k * 2) UNIQUE', ''],
  ['k INT PRIMARY KEY, v', ':k=1'],
  ['k INTEGER PRIMARY KEY DESC, v', ':k=1'],
  ['k TEXT PRIMARY KEY, v', ''],
  ['k INTEGER, v, PRIMARY KEY (k, v)', ':k=1'],
  ['k INTEGER UNIQUE, v', ':k=1'],
  ['k INTEGER, v', ''],
  ['k INTEGER PRIMARY KEY, v) WITHOUT ROWID; --', ':k=1'],
  ['k TEXT, v, w, PRIMARY KEY (k)) WITHOUT ROWID; --', '']
]

t.test('rows are counted separately if it can be said which rows a new one replaces', async (t) => {
  const { database, other, movedBy } = clockwork(t, KEYS.map(
    ([columns], i) => `CREATE TABLE t${i} (${columns});\n`
  ).join('') + `
    CREATE TABLE partly (k INTEGER PRIMARY KEY, v); CREATE UNIQUE INDEX some ON partly (v) WHERE v > 0;
    CREATE TABLE computed (k INTEGER PRIMARY KEY, v); CREATE UNIQUE INDEX all_of_them ON computed (abs(v));
    CREATE TABLE indexed (k INTEGER PRIMARY KEY, v); CREATE INDEX ordinary ON indexed (v);`)
  const tables = [...KEYS.map(([columns, tag], i) => [`t${i}`, tag, columns] as const),
    ['partly', '', 'a unique index of some rows'], ['computed', '', 'a unique index of an expression'],
    ['indexed', ':1', 'an ordinary index']] as const
  for (const [table, tag, what] of tables) {
    t.same(await tagsRead(database, `SELECT k FROM ${table} WHERE k = 1`), [table + tag], what)
    const [first, second] = [table + tag, table + tag.replace('1', '2')]
    const changes: Array<[statement: string, ...rows: string[]]> = [
      ['INSERT INTO % (k) VALUES (1)', first],
      ['UPDATE % SET k = 1', first],
      ['REPLACE INTO % (k) VALUES (1)', first],
      ['UPDATE % SET k = 2', first, second],
      ['DELETE FROM %', second]
    ]
    for (const [statement, ...rows] of changes) {
      const moved = await movedBy(
        tag === '' ? [table] : [table, first, second], () => other.exec(statement.replace('%', table))
      )
      t.same(moved, tag === '' ? [table] : [table, ...rows], `${what}: ${statement}`)
    }
  }
})

t.test('a REPLACE that removes another row invalidates reads of that row', async (t) => {
  const { database, other, isCurrent } = clockwork(t, 'CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT UNIQUE)')
  other.pragma('recursive_triggers = OFF')
  other.exec("INSERT INTO codes VALUES (1, 'k'), (2, 'l')")
  const read = () => database.sql.values(sql`SELECT code FROM codes WHERE id = 1`).execute()
  const { stamp, tags, result } = await reading(database, read)
  other.exec("INSERT OR REPLACE INTO codes VALUES (3, 'k')")
  t.notSame(await read(), result)
  t.equal(isCurrent(stamp, ...tags), false)
})

t.test('all kinds of row numbers', async (t) => {
  const { database, other, movedBy } = clockwork(t)
  const insert = other.prepare("INSERT INTO products (id, title, price) VALUES (?, 'a', '1')")
  const tag = (id: number) => `products:${id}`
  const largest = Number.MAX_SAFE_INTEGER
  for (const id of [0, 1, -1, -7, 65_535, -65_536, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 + 5, largest, -largest]) {
    t.same(await tagsRead(database, 'SELECT * FROM products WHERE id = ?', id), [tag(id)])
    t.same(await movedBy([tag(id), tag(id > 0 ? id - 3 : id + 3)], () => insert.run(id)), [tag(id)], String(id))
  }
  for (const id of [2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    t.same(await tagsRead(database, 'SELECT * FROM products WHERE id = ?', id), [`products:${id}`])
    t.same(
      await tagsRead(database, 'SELECT * FROM products WHERE id = ?', Number(id)),
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
