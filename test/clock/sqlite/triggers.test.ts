import { spawnSync } from 'node:child_process'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { MORE } from '../../support/trigger-schema.ts'
import { type Clockwork, clockwork } from './clock-support.ts'

const oops = new Error('oops')

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
    database.transaction(async () => { await database.sql.run(sql.raw(statement)).catch(() => {}) }).catch(() => {}),
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
    await write("UPDATE products SET price = '2' WHERE id = 7")
    await undone(async () => {
      await write('DELETE FROM makers')
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
