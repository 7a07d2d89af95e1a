import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { getTableName, is, sql } from 'drizzle-orm'
import { SQLiteTable } from 'drizzle-orm/sqlite-core'
import t, { type Test } from 'tap'
import { type Clockwork, clockwork, reading, stampOf, tagsRead } from './clock-support.ts'

const SRC = fileURLToPath(new URL('../../../src', import.meta.url))
const oops = new Error('oops')
const EVENTS = ['delete', 'insert', 'update']

const triggersOn = (connection: Sqlite.Database, table: string) => connection
  .prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? AND name LIKE 'larder%' ORDER BY name"
  ).pluck().all(table) as string[]

const triggersFor = (table: string) => EVENTS.map((event) => `larder_${table}_${event}`)

/** All that is known of the triggers, and of which schema they are. */
const schemaOf = (connection: Sqlite.Database) => [
  connection.pragma('schema_version', { simple: true }),
  connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").all()
]

t.test('every table of any schema is watched', async (t) => {
  const { database, other } = clockwork(t)
  const files = globSync('*/table.ts', { cwd: SRC })
  const modules = await Promise.all(files.map((file) => import(`${SRC}/${file}`))) as Array<Record<string, unknown>>
  const tables = modules.flatMap((module) => Object.values(module)).filter(
    (value) => is(value, SQLiteTable)
  ).map(getTableName)
  t.ok(tables.includes('products'))
  for (const table of tables) {
    t.same(triggersOn(other, table), triggersFor(table), table)
    t.same(tagsRead(database, `SELECT * FROM "${table}"`), [table])
  }
})

const MORE = `
  CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE parts (id INTEGER PRIMARY KEY, maker INTEGER REFERENCES makers ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE remarks (id INTEGER PRIMARY KEY, maker INTEGER REFERENCES makers ON DELETE SET NULL ON UPDATE SET NULL,
    text TEXT);
  CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT UNIQUE,
    maker INTEGER REFERENCES makers ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE log (id INTEGER PRIMARY KEY, text TEXT);
  CREATE TRIGGER log_remarks AFTER UPDATE OF text ON remarks BEGIN INSERT INTO log (text) VALUES (NEW.text); END;
  CREATE TRIGGER touch_remarks AFTER UPDATE OF maker ON remarks BEGIN
      UPDATE remarks SET text = 'touched' WHERE id = 2; END;
  CREATE VIEW priced AS SELECT id, price FROM products;
  CREATE TRIGGER set_price INSTEAD OF UPDATE ON priced BEGIN UPDATE products SET price = NEW.price WHERE id = OLD.id;
      END;`

/** Products 7, 8 and 9; makers 1 and 2, and what refers to them. */
const DATA = `
  DELETE FROM products; DELETE FROM sqlite_sequence; DELETE FROM remarks; DELETE FROM parts; DELETE FROM codes;
  DELETE FROM makers; DELETE FROM log;
  INSERT INTO products (id, title, price) VALUES (7, 'a', '1'), (8, 'b', '1'), (9, 'c', '1');
  INSERT INTO makers VALUES (1, 'x'), (2, 'y');
  INSERT INTO parts VALUES (1, 1), (2, 2);
  INSERT INTO remarks VALUES (1, 1, 'p'), (2, 2, 'q');
  INSERT INTO codes VALUES (1, 'k', 1), (2, 'l', 2);`

const TAGS = ['products', 'makers', 'parts', 'remarks', 'log'].flatMap((table) =>
  [table, ...[1, 2, 3, 7, 8, 9, 10].map((id) => `${table}:${id}`)]).concat('codes')

/** What each statement moves; it moves nothing else. */
const STATEMENTS: Array<[statement: string, moved: string]> = [
  ["INSERT INTO products (title, price) VALUES ('z', '2')", 'products products:10'],
  ["INSERT INTO products (id, title, price) VALUES (3, 'z', '2'), (10, 'z', '2')", 'products products:3 products:10'],
  [
    'INSERT INTO products SELECT id - 6, title, price, created, updated FROM products WHERE id < 9',
    'products products:1 products:2'
  ],
  ["UPDATE products SET price = '2' WHERE id = 7", 'products products:7'],
  ["UPDATE products SET price = '2' WHERE id IN (7, 8)", 'products products:7 products:8'],
  ["UPDATE products SET price = '2'", 'products products:7 products:8 products:9'],
  ["UPDATE products SET price = '2' WHERE title = 'nothing'", ''],
  ["UPDATE products SET price = '2' WHERE id = 10", ''],
  ['UPDATE products SET id = 10 WHERE id = 7', 'products products:7 products:10'],
  ['UPDATE products SET rowid = 10 WHERE rowid = 7', 'products products:7 products:10'],
  ['UPDATE products SET price = name FROM makers WHERE makers.id = products.id - 6', 'products products:7 products:8'],
  ["UPDATE priced SET price = '2' WHERE id = 8", 'products products:8'],
  ['DELETE FROM products WHERE id = 7', 'products products:7'],
  ['DELETE FROM products', 'products products:7 products:8 products:9'],
  ['DELETE FROM products WHERE id = 10', ''],

  ["INSERT OR REPLACE INTO products (id, title, price) VALUES (7, 'z', '2')", 'products products:7'],
  ["REPLACE INTO products (id, title, price) VALUES (7, 'z', '2'), (3, 'z', '2')", 'products products:3 products:7'],
  ["INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'z', '2')", ''],
  ["INSERT OR IGNORE INTO products (id, title, price) VALUES (7, 'z', '2'), (3, 'z', '2')", 'products products:3'],
  ["INSERT OR ABORT INTO products (id, title, price) VALUES (3, 'z', '2'), (7, 'z', '2')", ''],
  [
    "INSERT OR FAIL INTO products (id, title, price) VALUES (3, 'z', '2'), (7, 'z', '2'), (10, 'z', '2')",
    'products products:3'
  ],
  ["INSERT OR ROLLBACK INTO products (id, title, price) VALUES (3, 'z', '2'), (7, 'z', '2')", ''],
  ["INSERT OR ROLLBACK INTO products (id, title, price) VALUES (3, 'z', '2')", 'products products:3'],
  ['UPDATE OR REPLACE products SET id = 8 WHERE id = 7', 'products products:7 products:8'],
  ['UPDATE OR IGNORE products SET id = 8 WHERE id = 7', ''],
  ['UPDATE OR IGNORE products SET id = 10 WHERE id = 7', 'products products:7 products:10'],
  ["UPDATE OR IGNORE products SET id = 8, price = '2' WHERE id IN (7, 8)", 'products products:8'],
  ['UPDATE OR FAIL products SET id = 10 WHERE id IN (8, 9)', 'products products:8 products:10'],
  ["UPDATE OR ROLLBACK products SET price = '2' WHERE id = 7", 'products products:7'],

  ["INSERT INTO products (id, title, price) VALUES (7, 'z', '2') ON CONFLICT DO NOTHING", ''],
  ["INSERT INTO products (id, title, price) VALUES (3, 'z', '2') ON CONFLICT DO NOTHING", 'products products:3'],
  [
    "INSERT INTO products (id, title, price) VALUES (7, 'z', '2') ON CONFLICT (id) DO UPDATE SET price = " +
      'excluded.price',
    'products products:7'
  ],
  [
    "INSERT INTO products (id, title, price) VALUES (7, 'z', '2') ON CONFLICT (id) DO UPDATE SET id = 10",
    'products products:7 products:10'
  ],
  [
    "INSERT INTO products (id, title, price) VALUES (7, 'z', '2') ON CONFLICT (id) DO UPDATE SET price = '2' " +
      "WHERE title = 'z'",
    ''
  ],

  ["INSERT OR REPLACE INTO codes VALUES (3, 'k', 1)", 'codes'],
  ["UPDATE OR REPLACE codes SET code = 'k' WHERE id = 2", 'codes'],
  ["UPDATE remarks SET text = 'r' WHERE id = 1", 'remarks remarks:1 log log:1'],
  ['UPDATE remarks SET maker = 2 WHERE id = 1', 'remarks remarks:1 remarks:2 log log:1'],
  ['DELETE FROM makers WHERE id = 1', 'makers makers:1 parts parts:1 remarks remarks:1 remarks:2 log log:1 codes'],
  ["REPLACE INTO makers VALUES (2, 'z')", 'makers makers:2 parts parts:2 remarks remarks:2 log log:1 codes'],
  ['UPDATE makers SET id = 3 WHERE id = 2', 'makers makers:2 makers:3 parts parts:2 remarks remarks:2 log log:1 codes']
]

const TRANSACTIONS: typeof STATEMENTS = [
  ["BEGIN; UPDATE products SET price = '2'; DELETE FROM makers; ROLLBACK", ''],
  [
    "BEGIN; UPDATE products SET price = '2' WHERE id = 7; SAVEPOINT a; DELETE FROM products; ROLLBACK TO a; COMMIT",
    'products products:7'
  ],
  ['SAVEPOINT a; DELETE FROM parts; SAVEPOINT b; DELETE FROM products WHERE id = 7; ROLLBACK TO b; DELETE FROM ' +
    'products WHERE id = 8; RELEASE a',
  'products products:8 parts parts:1 parts:2'],
  ['SAVEPOINT a; DELETE FROM products; ROLLBACK TO a; RELEASE a', ''],
  [
    'BEGIN; SAVEPOINT a; SAVEPOINT b; DELETE FROM products; RELEASE b; ROLLBACK TO a; UPDATE parts SET id = 3 ' +
      'WHERE id = 1; COMMIT',
    'parts parts:1 parts:3'
  ]
]

type Writer = (clockwork: Clockwork) => (statement: string) => unknown

const quietly = (work: () => unknown) => {
  try {
    work()
  } catch {} // what fails is no matter here, only what is left of it
}

const through = (recursive: boolean): Writer => ({ connect }) => {
  const connection = connect()
  connection.pragma(`recursive_triggers = ${recursive ? 'ON' : 'OFF'}`)
  connection.pragma('foreign_keys = ON')
  return (statement) => quietly(() => connection.exec(statement))
}

const hasShell = spawnSync('sqlite3', ['-version']).status === 0

const OTHERS: Record<string, Writer> = {
  'another program': through(true),
  'another program without recursive triggers': through(false),
  'the sqlite3 shell': ({ path }) => (statement) => spawnSync('sqlite3', [
    path, `PRAGMA foreign_keys = ON; ${statement}`
  ])
}

const WRITERS: Record<string, Writer> = {
  'we ourselves': ({ database }) => (statement) =>
    database.transaction(() => quietly(() => database.sql.run(sql.raw(statement)))).catch(() => {}),
  ...OTHERS
}

function movesJust (t: Test, writers: Record<string, Writer>, statements: typeof STATEMENTS): void {
  for (const [name, writer] of Object.entries(writers)) {
    const skip = name.includes('shell') && !hasShell ? 'sqlite3 is not installed' : false
    t.test(`by ${name}`, { skip }, async (t) => {
      const works = clockwork(t, MORE)
      const write = writer(works)
      for (const [statement, moved] of statements) {
        works.other.exec(DATA)
        t.same(
          (await works.movedBy(TAGS, () => write(statement))).sort(), moved.split(' ').filter(Boolean).sort(), statement
        )
      }
    })
  }
}

t.test(
  'a statement changes the tags of its tables and rows, and no other', async (t) => movesJust(t, WRITERS, STATEMENTS)
)
t.test('a transaction changes the tags of what it commits', async (t) => movesJust(t, OTHERS, TRANSACTIONS))

t.test('a rollback changes no tag, and savepoints count if they are released', async (t) => {
  const { database, other, movedBy } = clockwork(t, MORE)
  other.exec(DATA)
  const write = (statement: string) => database.sql.run(sql.raw(statement))
  const undone = (work: () => unknown) => t.rejects(database.transaction(async () => {
    await work()
    throw oops
  }), oops)

  t.same(await movedBy(TAGS, () => undone(() => write("UPDATE products SET price = '2'"))), [])
  t.same(await movedBy(TAGS, () => database.transaction(async () => {
    write("UPDATE products SET price = '2' WHERE id = 7")
    await undone(async () => {
      write('DELETE FROM makers')
      await database.transaction(() => write('DELETE FROM products'))
    })
    await database.transaction(() => write("UPDATE products SET price = '2' WHERE id = 9"))
  })), ['products', 'products:7', 'products:9'])
})

t.test('a writer sees no effect of the triggers', async (t) => {
  const { other } = clockwork(t)
  const insert = other.prepare("INSERT INTO products (title, price) VALUES (?, '1'), (?, '1')")
  t.match(insert.run('a', 'b'), { changes: 2, lastInsertRowid: 2 })
  t.match(other.prepare("UPDATE products SET price = '2'").run(), { changes: 2, lastInsertRowid: 2 })
  t.match(insert.run('c', 'd'), { changes: 2, lastInsertRowid: 4 })
  t.same(other.prepare('DELETE FROM products WHERE id = 3 RETURNING id').all(), [{ id: 3 }])
})

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

const NAMES = [
  'select', 'a b', "it's", "''", 'quote"d', 'x', 'x:1', 'x:1:2', '100%', '%3A', 'Übung', 'UPPER', 'a/b', '[brackets]',
  'back`tick', 'line\nbreak', '🍏',
  ' ', 'x -- no comment', 'x; DROP TABLE products', 'trigger', 'NEW', 'old', 'ticks', 'name'
]

t.test('names of tables that need quoting', async (t) => {
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  const { database, other, movedBy } = clockwork(
    t,
    NAMES.map((name) => `CREATE TABLE ${quoted(name)} (${quoted(name)} INTEGER PRIMARY KEY, "v""" INTEGER);`).join('')
  )
  const tagOf = (name: string) => encodeURIComponent(name)
  const all = NAMES.flatMap((name) => [tagOf(name), `${tagOf(name)}:1`, `${tagOf(name)}:2`])
  for (const name of NAMES) {
    const expected = [tagOf(name), `${tagOf(name)}:1`]
    t.same(await movedBy(all, () => other.exec(`INSERT INTO ${quoted(name)} VALUES (1, 1)`)), expected, name)
    t.same(await movedBy(all, () => other.exec(`UPDATE ${quoted(name)} SET "v""" = 2`)), expected, name)
    t.same(tagsRead(database, `SELECT * FROM ${quoted(name)}`), expected.slice(0, 1))
    t.same(tagsRead(database, `SELECT * FROM ${quoted(name)} WHERE ${quoted(name)} = 1`), expected.slice(1))
    t.same(
      await movedBy(all, () => database.versions.invalidate([`${tagOf(name)}:2`])), [tagOf(name), `${tagOf(name)}:2`]
    )
  }
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

t.test('creating and repairing triggers', async (t) => {
  t.test('a new table is watched from the next start', async (t) => {
    const { database, other, open, movedBy } = clockwork(t)
    other.exec('CREATE TABLE later (id INTEGER PRIMARY KEY, v)')
    t.equal(tagsRead(database, 'SELECT * FROM later'), 'unwatched-read')
    t.equal(tagsRead(open(), 'SELECT * FROM later WHERE id = 1')[0], 'later:1')
    t.same(tagsRead(database, 'SELECT * FROM later WHERE id = 1'), ['later:1'], 'also by who was there before')
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
    t.equal(tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
    open()
    t.same(triggersOn(other, 'products'), triggersFor('products'))
    t.same(tagsRead(database, 'SELECT * FROM products'), ['products'])
    t.same(
      await movedBy(['products', 'products:7', 'products:8'], () => other.exec('DELETE FROM products')),
      ['products', 'products:7']
    )
  })

  t.test('a renamed table has a tag of its new name, and its old name is free', async (t) => {
    const { database, other, open, movedBy } = clockwork(t, 'CREATE TABLE old (id INTEGER PRIMARY KEY)')
    other.exec('ALTER TABLE old RENAME TO new')
    t.equal(tagsRead(database, 'SELECT * FROM new'), 'unwatched-read')
    other.exec('CREATE TABLE old (id INTEGER PRIMARY KEY)')
    open()
    const tags = ['new', 'new:1', 'old', 'old:1']
    t.same(await movedBy(tags, () => other.exec('INSERT INTO new VALUES (1)')), ['new', 'new:1'])
    t.same(await movedBy(tags, () => other.exec('INSERT INTO old VALUES (1)')), ['old', 'old:1'])
  })

  t.test('missing or different triggers are created again, also after a column becomes unique', async (t) => {
    const { database, other, open } = clockwork(t)
    const before = schemaOf(other)[1]
    for (const harm of [
      'DROP TRIGGER larder_products_update',
      'DROP TRIGGER larder_products_insert; CREATE TRIGGER larder_products_insert AFTER INSERT ON products BEGIN ' +
        'SELECT 1; END',
      'DROP TRIGGER larder_products_delete; CREATE TRIGGER LARDER_Products_Delete AFTER DELETE ON products BEGIN ' +
        'SELECT 1; END'
    ]) {
      other.exec(harm)
      t.notSame(schemaOf(other)[1], before)
      t.equal(tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
      open()
      t.same(schemaOf(other)[1], before)
      t.same(tagsRead(database, 'SELECT * FROM products WHERE id = 7'), ['products:7'])
    }
    other.exec('CREATE UNIQUE INDEX titles ON products (title)')
    t.equal(tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
    open()
    t.same(tagsRead(database, 'SELECT * FROM products WHERE id = 7'), ['products'])
  })

  t.test('a second start changes nothing and takes no lock', async (t) => {
    const { other, open, database } = clockwork(t, MORE)
    const before = schemaOf(other)
    const stamp = stampOf(database)
    other.exec("BEGIN IMMEDIATE; INSERT INTO products (title, price) VALUES ('a', '1')")
    const second = open()
    t.equal(stampOf(second), stamp)
    t.same(tagsRead(second, 'SELECT * FROM makers'), ['makers'])
    other.exec('COMMIT')
    t.same(schemaOf(other), before)
  })

  t.test('tables of SQLite, of migrations and of the clock have no triggers', async (t) => {
    const { other, database } = clockwork(t, `CREATE TABLE larder_mine (x); CREATE TABLE ":colon" (x);
        CREATE TABLE __drizzle_mine (x);
      CREATE VIRTUAL TABLE texts USING fts5 (x); CREATE VIEW seen AS SELECT 1`)
    t.same(
      other.prepare("SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'").pluck().all(), ['products']
    )
    t.same(other.prepare('SELECT name FROM larder_clock').pluck().all(), [':epoch', ':tags', 'products'])
    for (const table of [
      'larder_mine', ':colon', '__drizzle_mine', 'texts', 'texts_content', 'sqlite_sequence', 'larder_clock'
    ]) {
      t.equal(tagsRead(database, `SELECT * FROM "${table}"`), 'unwatched-read', table)
    }
  })
})
