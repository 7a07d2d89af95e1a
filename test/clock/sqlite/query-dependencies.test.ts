import Sqlite from 'better-sqlite3'
import t from 'tap'
import { Catalog } from '../../../src/clock/sqlite/catalog.ts'
import { QueryDependencies } from '../../../src/clock/sqlite/query-dependencies.ts'
import { SCHEMA } from '../../support/dependency-schema.ts'
import { clockwork, tagsRead } from './clock-support.ts'

/**
 * What statements read. A row is told only where its number is known beforehand and nothing else of the table is read.
 */
const STATEMENTS: Array<[statement: string, values: unknown[], tags: string]> = [
  ['SELECT * FROM products', [], 'products'],
  ['SELECT 1 WHERE EXISTS (SELECT * FROM products)', [], 'products'],
  ['SELECT count(*) FROM products', [], 'products'],
  ['SELECT max(id) FROM products', [], 'products'],
  ['SELECT id FROM products ORDER BY julianday(created) DESC, id DESC LIMIT 1', [], 'products'],
  ["SELECT name FROM makers WHERE name = 'x'", [], 'makers:name=#35425'],
  ['SELECT count(*) FROM makers', [], 'makers'],
  ["SELECT maker FROM words WHERE word = 'x'", [], 'words:word=#35425'],
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
  ["SELECT * FROM products a JOIN makers b WHERE a.id = 7 AND (b.id = ? OR b.name = 'x')", [3], 'makers products:7'],
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
  ["SELECT * FROM products WHERE id = '7'", [], 'products:7'],
  ['SELECT * FROM products WHERE id = 7.0', [], 'products'],
  ['SELECT * FROM products WHERE id = 4294967296', [], 'products'],
  ['SELECT * FROM products WHERE id = (SELECT boss FROM makers WHERE id = 3)', [], 'makers:3 products'],
  ['SELECT * FROM products WHERE id = (SELECT max(id) FROM products)', [], 'products'],
  ['SELECT title FROM products WHERE id = 7 UNION SELECT title FROM products WHERE title > ?', ['x'], 'products'],
  ['SELECT * FROM codes WHERE id = 7', [], 'codes:7'],

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
    t.same(await tagsRead(database, statement, ...values), tags.split(' ').filter(Boolean), statement)
  }
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
    t.same(await tagsRead(database, 'SELECT * FROM products WHERE id = ?', value), [tag], String(value))
  }
  for (const value of [null, '', Buffer.from('7')]) {
    t.match(
      await tagsRead(database, 'SELECT * FROM products WHERE id = ?', value), [/^products(:\d)?$/], 'no row is ever found'
    )
  }
  await t.rejects(tagsRead(database, 'SELECT * FROM products WHERE id = ?', true), /bind/)
  t.same(await tagsRead(database, 'SELECT * FROM products WHERE id = ?', 8), ['products:8'])
})

t.test('the tag of a table covers those of its rows', async (t) => {
  const { other } = clockwork(t, SCHEMA)
  const read = (text: string) => new QueryDependencies(other).resolve(text, [], new Catalog(other))
  t.same(
    read('SELECT * FROM products a, products b WHERE a.id = 7'), { tables: ['products'], rows: [], unwatched: false }
  )
  t.same(
    read('SELECT * FROM products a, makers b WHERE a.id = 7'),
    {
      tables: ['makers'],
      rows: [{ table: 'products', column: undefined, known: { source: { constant: 7 }, through: [] } }],
      unwatched: false
    }
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
  const known = { source: { parameter: 0 }, through: [] }
  t.same(first, { tables: [], rows: [{ table: 'products', column: undefined, known }], unwatched: false })
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
