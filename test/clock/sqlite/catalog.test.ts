import type Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { Catalog } from '../../../src/clock/sqlite/catalog.ts'
import { clockwork } from './clock-support.ts'

const findRoot = (connection: Sqlite.Database, name: string) =>
  connection.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name) as number

/** A catalog of these tables, which are watched, besides products. */
function createCatalog (t: Test, schema: string) {
  const { other } = clockwork(t, schema)
  return { other, catalog: new Catalog(other) }
}

t.test('findTree returns the table of each b-tree, and undefined for unwatched tables', async (t) => {
  const { other, catalog } = createCatalog(t, `
    CREATE TABLE Things (id INTEGER PRIMARY KEY, a UNIQUE, b); CREATE INDEX byB ON things (b);
    CREATE TABLE keyed (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; CREATE INDEX byA ON keyed (b);
    CREATE TABLE "a b" (x)`)
  t.same([...catalog.tables].sort(), ['Things', 'a%20b', 'keyed', 'products'])
  const trees: Record<string, string> = {
    Things: 'Things',
    byB: 'Things',
    sqlite_autoindex_Things_1: 'Things',
    keyed: 'keyed',
    byA: 'keyed',
    'a b': 'a%20b',
    products: 'products',
    products_newest_first: 'products'
  }
  for (const [tree, table] of Object.entries(trees)) {
    t.same(catalog.findTree(findRoot(other, tree))!.tables, [table], tree)
  }
  for (const tree of ['larder_clock', 'larder_slots', '__drizzle_migrations', 'sqlite_sequence']) {
    t.equal(catalog.findTree(findRoot(other, tree)), undefined, tree)
  }
  t.equal(catalog.findTree(1), undefined, 'the schema itself')
  t.equal(catalog.findTree(999), undefined)

  other.exec('DROP TRIGGER larder_keyed_delete')
  const later = new Catalog(other)
  t.same([...later.tables].sort(), ['Things', 'a%20b', 'products'])
  t.equal(later.findTree(findRoot(other, 'keyed')), undefined)
  t.equal(later.findTree(findRoot(other, 'byA')), undefined)
  t.same(catalog.findTree(findRoot(other, 'keyed'))!.tables, ['keyed'], 'a catalog is of one moment')
})

t.test('findTree returns the column with which an index begins, if changes of its values are counted', async (t) => {
  const { other, catalog } = createCatalog(t, `
    CREATE TABLE t (
      id INTEGER PRIMARY KEY, n, i BIGINT, v VARCHAR(9), b BLOB, f FLOAT, d DECIMAL, u UNIQUE, g AS (n + 1));
    CREATE INDEX t_n ON t (n, i); CREATE INDEX t_i ON t (i DESC); CREATE INDEX t_v ON t (v) WHERE n > 1;
    CREATE INDEX t_b ON t (b); CREATE INDEX t_f ON t (f); CREATE INDEX t_d ON t (d);
    CREATE INDEX t_id ON t (id); CREATE INDEX t_g ON t (g); CREATE INDEX t_abs ON t (abs(n), i);
    CREATE INDEX t_nocase ON t (v COLLATE NOCASE);
    CREATE TABLE strict (x ANY) STRICT; CREATE INDEX strict_x ON strict (x);
    CREATE TABLE sloppy (x ANY); CREATE INDEX sloppy_x ON sloppy (x);
    CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE INDEX w_v ON w (v);
    CREATE TABLE wn (k TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE p (k TEXT PRIMARY KEY)`)
  const find = (name: string) => {
    const { column, isTable } = catalog.findTree(findRoot(other, name))!
    return column === undefined ? isTable : `${column.name} ${column.affinity}`
  }
  const expected = {
    t: true,
    t_n: 'n none',
    t_i: 'i numeric',
    t_v: 'v text',
    t_b: 'b none',
    t_f: 'f numeric',
    t_d: 'd numeric',
    sqlite_autoindex_t_1: 'u none',
    t_id: false,
    t_g: false,
    t_abs: false,
    t_nocase: false,
    strict_x: 'x none',
    sloppy_x: 'x numeric',
    w: 'k text',
    w_v: 'v none',
    wn: true,
    sqlite_autoindex_p_1: 'k text'
  }
  t.same(Object.fromEntries(Object.keys(expected).map((name) => [name, find(name)])), expected)
})

t.test('rowTag and findTableOf agree', async (t) => {
  const { catalog } = createCatalog(
    t, 'CREATE TABLE codes (id INTEGER PRIMARY KEY, code UNIQUE); CREATE TABLE "x:1" (id INTEGER PRIMARY KEY);' +
      'CREATE TABLE plain (id INTEGER)'
  )
  const cases: Array<[table: string, id: unknown, tag: string]> = [
    ['products', 7, 'products:7'], ['products', -7, 'products:-7'], ['products', 0, 'products:0'],
    ['products', -0, 'products:0'],
    ['products', 2 ** 53 - 1, 'products:9007199254740991'], ['products', 2 ** 53, 'products'],
    ['products', NaN, 'products'], ['products', 7.5, 'products'],
    ['products', Infinity, 'products'], ['products', 7n, 'products:7'], ['products', '7', 'products:7'],
    ['products', '7.0', 'products'], ['products', null, 'products'],
    ['codes', 7, 'codes:7'], ['plain', 7, 'plain'], ['x%3A1', 2, 'x%3A1:2']
  ]
  for (const [table, id, tag] of cases) {
    t.equal(catalog.rowTag(table, id), tag)
    t.equal(catalog.findTableOf(tag), tag === table ? undefined : table)
  }
})

t.test('findCounter returns the counter and slot of a tag', async (t) => {
  const { catalog } = createCatalog(
    t,
    'CREATE TABLE codes (code UNIQUE); CREATE TABLE x (id INTEGER PRIMARY KEY); CREATE TABLE "x:1" (id INTEGER ' +
      'PRIMARY KEY)'
  )
  t.same(catalog.findCounter('products'), { name: 'products' })
  t.same(catalog.findCounter('codes'), { name: 'codes' })
  t.same(catalog.findCounter('products:7'), { name: 'products', slot: 7 })
  t.same(catalog.findCounter('products:65543'), { name: 'products', slot: 7 })
  t.same(catalog.findCounter('products:-1'), { name: 'products', slot: 65_535 })
  t.same(catalog.findCounter('products:-65536'), { name: 'products', slot: 0 })
  t.same(catalog.findCounter('x:1'), { name: 'x', slot: 1 })
  t.same(catalog.findCounter('x%3A1'), { name: 'x:1' })
  t.same(catalog.findCounter('x%3A1:2'), { name: 'x:1', slot: 2 })
  for (const tag of ['', ':', ':7', '7', 'product', 'Products', 'Products:7', 'products:', 'products:x', 'products:07',
    'products:7.0', 'products:+7', 'products: 7',
    'products:7:8', 'products:1e3', 'x:1:2', ':epoch', ':tags', 'larder_clock', 'larder_slots:7', 'sqlite_sequence']) {
    t.equal(catalog.findCounter(tag), undefined, tag)
    t.equal(catalog.findTableOf(tag), undefined, tag)
  }
})
