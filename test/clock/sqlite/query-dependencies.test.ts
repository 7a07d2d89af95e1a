import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import t from 'tap'
import { Catalog } from '../../../src/clock/sqlite/catalog.ts'
import { QueryDependencies } from '../../../src/clock/sqlite/query-dependencies.ts'
import { bound, clockwork, type Reading, reading, tagsRead } from './clock-support.ts'
import { change, DATA as DATA_OF_RANDOM, parameter, query, SCHEMA as SCHEMA_OF_RANDOM } from './random-queries.ts'
import { soak } from '../../support/soak.ts'

const RUNS = soak(200, 40)

type Question = [text: string, values: unknown[]]
const questions: fc.Arbitrary<Question[]> = fc.array(
  fc.tuple(query, fc.array(parameter, { minLength: 1, maxLength: 4 })), { minLength: 1, maxLength: 8 }
)
const steps = fc.array(fc.record({
  statement: change, recursive: fc.boolean(), undone: fc.integer({ max: 7, min: 0 }).map((one) => one === 0)
}),
{ minLength: 1, maxLength: 8 })

const SCHEMA = `
  CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER);
  CREATE INDEX names ON makers (name);
  CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
  CREATE TABLE words (word TEXT PRIMARY KEY, maker INTEGER) WITHOUT ROWID;
  CREATE VIEW list AS SELECT products.id, title, name FROM products LEFT JOIN makers ON makers.id = products.price;
  CREATE VIEW seventh AS SELECT * FROM products WHERE id = 7;
  CREATE VIEW nested AS SELECT id FROM list WHERE name > 'a' UNION SELECT maker FROM words;`

/**
 * What statements read. A row is told only where its number is known beforehand and nothing else of the table is read.
 */
const STATEMENTS: Array<[statement: string, values: unknown[], tags: string]> = [
  ['SELECT * FROM products', [], 'products'],
  ['SELECT 1 WHERE EXISTS (SELECT * FROM products)', [], 'products'],
  ['SELECT count(*) FROM products', [], 'products'],
  ['SELECT max(id) FROM products', [], 'products'],
  ['SELECT id FROM products ORDER BY julianday(created) DESC, id DESC LIMIT 1', [], 'products'],
  ["SELECT name FROM makers WHERE name = 'x'", [], 'makers'],
  ['SELECT count(*) FROM makers', [], 'makers'],
  ["SELECT maker FROM words WHERE word = 'x'", [], 'words'],
  ['SELECT 1', [], ''],
  ['VALUES (1), (2)', [], ''],
  ["SELECT value FROM json_each('[1, 2]')", [], ''],

  ['SELECT * FROM products WHERE id = 7', [], 'products:7'],
  ['SELECT * FROM products WHERE id = -7', [], 'products:-7'],
  ['SELECT * FROM products WHERE id = ?', [7], 'products:7'],
  ['SELECT * FROM products WHERE ? = id', [7], 'products:7'],
  ['SELECT * FROM products WHERE rowid = ?', [7], 'products:7'],
  ['SELECT * FROM products WHERE _rowid_ = 7 AND title = ?', ['x'], 'products:7'],
  ['SELECT * FROM products WHERE title = ? AND id = ?', ['x', 7], 'products:7'],
  ['SELECT ?, title FROM products WHERE id = ? LIMIT ?', [1, 7, 5], 'products:7'],
  ['SELECT * FROM products WHERE id IN (7)', [], 'products:7'],
  ['SELECT count(*) FROM products WHERE id = 7', [], 'products:7'],
  ['SELECT EXISTS (SELECT 1 FROM products WHERE id = ?)', [7], 'products:7'],
  ['SELECT * FROM seventh', [], 'products:7'],
  ['WITH one AS (SELECT * FROM products WHERE id = ?) SELECT title FROM one', [7], 'products:7'],
  ['SELECT title, (SELECT title FROM products WHERE id = 8) FROM products WHERE id = 7', [], 'products:7 products:8'],
  [
    'SELECT title FROM products WHERE id = 7 UNION ALL SELECT name FROM makers WHERE id = ?', [3], 'makers:3 products:7'
  ],
  ['SELECT * FROM products a, products b WHERE a.id = 7 AND b.id = ?', [8], 'products:7 products:8'],
  ['SELECT * FROM products a JOIN makers b WHERE a.id = ? AND b.id = ?', [7, 3], 'makers:3 products:7'],
  ['-- a remark\n SELECT * FROM products WHERE id = 7;', [], 'products:7'],

  ['SELECT * FROM products WHERE id = 7 OR id = 8', [], 'products'],
  ["SELECT * FROM makers WHERE id = 3 OR name = 'x'", [], 'makers'],
  ["SELECT * FROM products a JOIN makers b WHERE a.id = 7 AND (b.id = ? OR b.name = 'x')", [3], 'makers products'],
  ['SELECT * FROM products WHERE id IN (7, 8)', [], 'products'],
  ['SELECT * FROM products WHERE id IN (?, ?)', [7, 8], 'products'],
  ["SELECT * FROM products WHERE id IN (SELECT value FROM json_each('[7]'))", [], 'products'],
  ['SELECT * FROM products WHERE id <> 7', [], 'products'],
  ['SELECT * FROM products WHERE id BETWEEN 7 AND 7', [], 'products'],
  ['SELECT * FROM products WHERE +id = 7', [], 'products'],
  ['SELECT * FROM products WHERE id = ? + 0', [7], 'products'],
  ['SELECT * FROM products WHERE id = abs(?)', [7], 'products'],
  ['SELECT * FROM products WHERE id = coalesce(?, 7)', [8], 'products'],
  ['SELECT * FROM products WHERE id = CASE WHEN ? THEN 8 ELSE 7 END', [1], 'products'],
  ['SELECT * FROM products WHERE id = iif(?, 8, ?)', [1, 7], 'products'],
  ["SELECT * FROM products WHERE id = '7'", [], 'products'],
  ['SELECT * FROM products WHERE id = 7.0', [], 'products'],
  ['SELECT * FROM products WHERE id = 4294967296', [], 'products'],
  ['SELECT * FROM products WHERE id = (SELECT boss FROM makers WHERE id = 3)', [], 'makers:3 products'],
  ['SELECT * FROM products WHERE id = (SELECT max(id) FROM products)', [], 'products'],
  ['SELECT title FROM products WHERE id = 7 UNION SELECT title FROM products WHERE title > ?', ['x'], 'products'],
  ['SELECT * FROM codes WHERE id = 7', [], 'codes'],

  ['SELECT * FROM products JOIN makers ON makers.id = products.price', [], 'makers products'],
  ['SELECT * FROM makers a JOIN makers b ON b.id = a.boss WHERE a.id = 3', [], 'makers'],
  ['SELECT * FROM products a JOIN makers b ON b.id = a.price WHERE a.id = 7', [], 'makers products:7'],
  ['SELECT a.title, b.name FROM products a LEFT JOIN makers b ON b.id = 3 WHERE a.id = 7', [], 'makers:3 products:7'],
  ['SELECT a.title, b.name FROM products a LEFT JOIN makers b ON b.id = 3', [], 'makers:3 products'],
  [
    'SELECT a.title, b.name FROM products a LEFT JOIN makers b ON b.id = abs(3) WHERE a.id = 7', [], 'makers products:7'
  ],
  ['SELECT a.title, b.name FROM products a LEFT JOIN makers b ON b.id = 1 + 2', [], 'makers products'],
  ['SELECT a.title, b.name FROM makers b RIGHT JOIN products a ON b.id = 3 WHERE a.id = 7', [], 'makers products'],
  ['SELECT a.title FROM products a FULL JOIN makers b ON b.id = a.id', [], 'makers products'],
  ['SELECT a.title FROM products a LEFT JOIN makers b ON b.id = a.price', [], 'products'],
  ['SELECT * FROM list', [], 'makers products'],
  ['SELECT * FROM list WHERE id = ?', [7], 'makers products:7'],
  ['SELECT * FROM nested', [], 'makers products words'],
  [
    'SELECT a.name, (SELECT title FROM products b WHERE b.id = a.boss) FROM makers a WHERE a.id = 3', [],
    'makers:3 products'
  ],
  [
    'SELECT (SELECT b.title FROM words a LEFT JOIN products b ON b.id = c.boss) FROM makers c GROUP BY boss', [],
    'makers products words'
  ],
  [
    'WITH few AS (SELECT boss FROM makers WHERE id = 3 LIMIT 1) SELECT b.title FROM few, products b WHERE b.id = ' +
      'few.boss',
    [], 'makers:3 products'
  ],
  ['SELECT * FROM products a WHERE EXISTS (SELECT 1 FROM words WHERE maker = a.id)', [], 'products words'],
  ['SELECT * FROM products WHERE title IN (SELECT word FROM words)', [], 'products words'],
  ['SELECT title FROM products EXCEPT SELECT code FROM codes', [], 'codes products'],
  [
    'WITH RECURSIVE up (id) AS (SELECT 3 UNION SELECT boss FROM makers JOIN up USING (id)) SELECT * FROM up', [],
    'makers'
  ],
  ['WITH RECURSIVE up (id) AS (SELECT ? UNION ALL SELECT id + 1 FROM up WHERE id < 5) SELECT * FROM up', [1], ''],
  ['SELECT title, row_number() OVER (ORDER BY id) FROM products', [], 'products'],
  ['SELECT price, count(*) FROM products JOIN words GROUP BY price HAVING count(*) > 1', [], 'products words'],
]

t.test('the version of SQLite is one whose byte code has been checked', async (t) => {
  // After an upgrade, run the tests of this folder. Statements that read single rows below may then be found to read
  // whole tables: if so, look at their EXPLAIN and extend the lists of instructions in query-dependencies.ts. Then
  // change the version here.
  t.equal(new Sqlite(':memory:').prepare('SELECT sqlite_version()').pluck().get(), '3.54.1')
})

t.test('statements depend on these tables and rows', async (t) => {
  const { database } = clockwork(t, SCHEMA)
  for (const [statement, values, tags] of STATEMENTS) {
    t.same(tagsRead(database, statement, ...values), tags.split(' ').filter(Boolean), statement)
  }
})

t.test('reads that no trigger watches are not stored', async (t) => {
  const { database, other, path } = clockwork(t, SCHEMA + `
    CREATE VIRTUAL TABLE texts USING fts5 (text);
    CREATE VIEW found AS SELECT text FROM texts;`)
  const away = new Sqlite(`${path}.other`)
  away.exec('CREATE TABLE away (x); CREATE TABLE products (x);')
  // Somewhere among them are the places that our tables have in our own file.
  for (let i = 0; i < 40; i++) away.exec(`CREATE TABLE away${i} (x)`)
  away.close()
  database.sql.run(sql.raw(`ATTACH '${path}.other' AS side`))
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
    t.equal(tagsRead(database, statement), 'unwatched-read', statement)
  }
  for (let i = 0; i < 40; i++) t.equal(tagsRead(database, `SELECT * FROM away${i}`), 'unwatched-read')
  other.exec('CREATE TABLE later (x)')
  t.equal(tagsRead(database, 'SELECT * FROM later'), 'unwatched-read')
  t.same(tagsRead(database, 'SELECT * FROM products'), ['products'])
})

t.test('pragmas and table-valued functions are not stored', async (t) => {
  const { database, path } = clockwork(t)
  const away = new Sqlite(`${path}.other`)
  away.exec('CREATE VIRTUAL TABLE texts USING fts5 (text)')
  away.close()
  database.sql.run(sql.raw(`ATTACH '${path}.other' AS side`))
  for (const statement of [
    'SELECT * FROM side.texts', 'PRAGMA user_version', 'SELECT * FROM pragma_user_version',
    "SELECT * FROM json_each('[1]'), pragma_table_info('products')", 'SELECT * FROM dbstat'
  ]) {
    t.equal(tagsRead(database, statement), 'unwatched-read', statement)
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
    t.equal(tagsRead(database, statement), 'unwatched-read', statement)
  }
  t.same(tagsRead(database, "SELECT json_each.value FROM json_each('[1]')"), [])
  t.same(tagsRead(database, "SELECT title FROM products, json_tree('[1]')"), ['products'])
})

t.test('a row is found by a parameter of any type', async (t) => {
  const { database } = clockwork(t)
  const cases: Array<[value: unknown, tag: string]> = [
    ['7', 'products:7'], [7n, 'products:7'], [-7n, 'products:-7'], [0, 'products:0'], [-0, 'products:0'],
    [7.5, 'products'], [NaN, 'products'], [Infinity, 'products'], [2 ** 60, 'products'],
    [2n ** 60n, 'products:1152921504606846976'], ['seven', 'products'],
    [String(2n ** 60n), 'products:1152921504606846976'], ['5274434033816330.50000001', 'products'], ['7.0', 'products'],
    [' 7', 'products']
  ]
  for (const [value, tag] of cases) {
    t.same(tagsRead(database, 'SELECT * FROM products WHERE id = ?', value), [tag], String(value))
  }
  for (const value of [null, '', Buffer.from('7')]) {
    t.match(
      tagsRead(database, 'SELECT * FROM products WHERE id = ?', value), [/^products(:\d)?$/], 'no row is ever found'
    )
  }
  t.throws(() => tagsRead(database, 'SELECT * FROM products WHERE id = ?', true), /bind/)
  t.same(tagsRead(database, 'SELECT * FROM products WHERE id = ?', 8), ['products:8'])
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
  t.equal(tagsRead(database, '; SELECT 1'), 'unwatched-read')
  const byId = 'SELECT * FROM products WHERE id = ?'
  t.equal(statements.resolve(byId, [], catalog).unwatched, true, 'a value is missing')
  t.same(
    statements.resolve(byId, [7], catalog).rows,
    [{ table: 'products', id: { parameter: 0 } }],
    'which is not remembered'
  )
})

t.test('the tag of a table covers those of its rows', async (t) => {
  const { other } = clockwork(t, SCHEMA)
  const read = (text: string) => new QueryDependencies(other).resolve(text, [], new Catalog(other))
  t.same(
    read('SELECT * FROM products a, products b WHERE a.id = 7'), { tables: ['products'], rows: [], unwatched: false }
  )
  t.same(
    read('SELECT * FROM products a, makers b WHERE a.id = 7'),
    { tables: ['makers'], rows: [{ table: 'products', id: 7 }], unwatched: false }
  )
})

t.test('a statement is explained once until the schema changes', async (t) => {
  const { other } = clockwork(t)
  let explained = 0
  const counting = Object.assign(Object.create(other), {
    prepare: (text: string) => {
      if (text.startsWith('EXPLAIN')) explained++
      return other.prepare(text)
    }
  }) as Sqlite.Database
  const statements = new QueryDependencies(counting)
  let catalog = new Catalog(other)
  const read = (text: string, value: number) => statements.resolve(text, [value], catalog)
  const first = read('SELECT * FROM products WHERE id = ?', 7)
  t.same(first, { tables: [], rows: [{ table: 'products', id: { parameter: 0 } }], unwatched: false })
  t.equal(read('SELECT * FROM products WHERE id = ?', 8), first)
  t.equal(explained, 1)
  other.exec('DROP TRIGGER larder_products_insert')
  catalog = new Catalog(other)
  t.same(read('SELECT * FROM products WHERE id = ?', 7), { tables: [], rows: [], unwatched: true })
  t.equal(explained, 2)
  for (let i = 0; i < 2_000; i++) read(`SELECT ${i}, ?`, i)
  t.equal(explained, 2_002)
  read('SELECT 1999, ?', 0)
  t.equal(explained, 2_002)
  read('SELECT 0, ?', 0)
  t.equal(explained, 2_003, 'they are not remembered without end')
})

t.test('a result that changes is never current (random queries and changes)', async (t) => {
  const { database, other, isCurrent } = clockwork(t, SCHEMA_OF_RANDOM)
  const seen = { changed: 0, kept: 0, keptByRow: 0 }
  const attempt = (work: () => unknown) => {
    try {
      return work()
    } catch {
      return undefined // many a statement is not valid
    }
  }
  const ask = ([text, values]: Question) => attempt(() => {
    const statement = bound(text, values)
    const read = () => JSON.stringify(database.sql.values(statement))
    return { read, ...reading(database, read) }
  }) as { read: () => string } & Reading<string> | undefined

  fc.assert(fc.property(fc.array(change, { maxLength: 5 }), questions, steps, (before, questions, steps) => {
    other.exec(DATA_OF_RANDOM)
    for (const statement of before) attempt(() => other.exec(statement))
    const answers = questions.map(ask)
    for (const { statement, recursive, undone } of steps) {
      other.pragma(`recursive_triggers = ${recursive ? 'ON' : 'OFF'}`)
      other.exec('BEGIN')
      attempt(() => other.exec(statement))
      other.exec(undone ? 'ROLLBACK' : 'COMMIT')
      for (const [i, answer] of answers.entries()) {
        if (answer === undefined) continue
        const { read, result, stamp, tags, refusal } = answer
        const current = isCurrent(stamp, ...tags)
        const changed = read() !== result
        if (refusal !== undefined) throw new Error(`refused: ${refusal}`)
        if (changed && current) throw new Error(`stale: ${result}, now ${read()}, known by ${tags.join()}`)
        if (undone && !current) throw new Error(`what was undone moved ${tags.join()}`)
        if (changed) seen.changed++
        else if (current) seen.kept++
        if (current && tags.some((tag) => /:/.test(tag) && !isCurrent(stamp, tag.replace(/:.*/, '')))) seen.keptByRow++
        if (!current) answers[i] = ask(questions[i]!)
      }
    }
  }), { numRuns: RUNS })
  t.comment(seen)
  for (const [what, times] of Object.entries(seen)) t.ok(times > RUNS / 8, `${what}: ${times} times`)
})
