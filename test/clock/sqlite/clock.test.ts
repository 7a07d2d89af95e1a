import type Sqlite from 'better-sqlite3'
import t from 'tap'
import { Clock } from '../../../src/clock/sqlite/clock.ts'
import { addProduct, changeProduct, clockwork, takeStamp, tagsRead } from './clock-support.ts'

const oops = new Error('oops')

t.test('the stamp changes with each commit only, and is equal in all processes on the file', async (t) => {
  const { database, other, open } = clockwork(t)
  const theirs = open()
  const before = takeStamp(database)
  t.equal(takeStamp(database), before)
  t.equal(takeStamp(theirs), before)
  other.exec("BEGIN; INSERT INTO products (title, price) VALUES ('a', '1')")
  t.equal(takeStamp(database), before)
  other.exec('COMMIT')
  t.not(takeStamp(database), before)
  t.equal(takeStamp(database), takeStamp(theirs))
})

t.test('within a batch, firstChanged reuses the state that was read first, if it finds no change', async (t) => {
  const { other, database, isCurrent } = clockwork(t)
  addProduct(other, 7, 8)
  const { versions } = database
  const before = takeStamp(database)
  const result = versions.batch!(() => {
    t.equal(isCurrent(before, 'products'), true)
    changeProduct(other, 7)
    t.equal(isCurrent(before, 'products'), true, 'as it was at the first check')
    return 'result'
  })
  t.equal(result, 'result')
  t.equal(isCurrent(before, 'products'), false, 'after the batch')
  versions.batch!(() => {
    t.equal(isCurrent(before, 'products'), false, 'the first check of a batch reads the clock')
    t.equal(isCurrent(before, 'products:8'), true)
    changeProduct(other, 8)
    const after = new Clock(other, false).stamp // as another process stores something meanwhile
    t.equal(isCurrent(after, 'products'), true, 'a stamp ahead of the first check')
    t.equal(isCurrent(before, 'products:8'), false, 'that stamp made it read the clock again')
  })
})

t.test('a batch ends when its work throws, and with a batch within it', async (t) => {
  const { other, database, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const { versions } = database
  const before = takeStamp(database)
  t.throws(() => versions.batch!(() => {
    t.equal(isCurrent(before, 'products'), true)
    throw oops
  }), oops)
  versions.batch!(() => {
    t.equal(isCurrent(before, 'products'), true)
    versions.batch!(() => {})
    changeProduct(other, 7)
    t.equal(isCurrent(before, 'products'), false)
  })
})

t.test('firstChanged names the table, row or name that changed', async (t) => {
  const { other, database } = clockwork(t, 'CREATE TABLE notes (id INTEGER PRIMARY KEY)')
  addProduct(other, 7, 8)
  const { versions } = database
  const before = takeStamp(database)
  changeProduct(other, 7)
  await versions.invalidate(['a name'])
  t.equal(versions.firstChanged(before, ['notes', 'products:8', 'products']), 'products')
  t.equal(versions.firstChanged(before, ['notes', 'products:8', 'products:7']), 'products:7')
  t.equal(versions.firstChanged(before, ['notes', 'another', 'a name']), 'a name')
  t.equal(
    versions.firstChanged('of another database', ['notes', 'products:7']), 'notes', 'a stamp that cannot be compared'
  )
})

t.test('a change of a row changes its tag and that of its table, and no other', async (t) => {
  const { other, database, isCurrent } = clockwork(t, 'CREATE TABLE notes (id INTEGER PRIMARY KEY)')
  addProduct(other, 7, 8)
  const stamp = takeStamp(database)
  changeProduct(other, 7)
  t.equal(isCurrent(stamp, 'products'), false, 'the list')
  t.equal(isCurrent(stamp, 'products:7'), false)
  t.equal(isCurrent(stamp, 'products:8'), true)
  t.equal(isCurrent(stamp, 'products:9'), true, 'one that is not there')
  t.equal(isCurrent(stamp, 'notes', 'notes:7', 'any name', 'products:8'), true)
  t.equal(isCurrent(stamp, 'notes', 'products:8', 'products:7'), false, 'any of them')
  t.equal(isCurrent(stamp), true, 'nothing was read')
})

t.test('a changed row is current again for a newer stamp', async (t) => {
  const { other, database, isCurrent } = clockwork(t)
  addProduct(other, 7, 8)
  changeProduct(other, 7)
  const first = takeStamp(database)
  changeProduct(other, 8)
  const second = takeStamp(database)
  t.equal(isCurrent(first, 'products:7'), true)
  t.equal(isCurrent(first, 'products:8'), false)
  t.equal(isCurrent(second, 'products:7', 'products:8', 'products'), true)
  changeProduct(other, 7)
  t.equal(isCurrent(first, 'products:7'), false, 'what is remembered of a row is forgotten with the next commit')
  t.equal(isCurrent(second, 'products:7'), false)
  t.equal(isCurrent(second, 'products:8'), true)
})

t.test('changes of many rows are counted separately', async (t) => {
  const { other, database, isCurrent } = clockwork(t)
  addProduct(other, 12_345)
  const stamp = takeStamp(database)
  changeProduct(other, 12_345)
  const others = Array.from({ length: 12_000 }, (_, i) => `products:${i}`)
  for (let round = 0; round < 2; round++) {
    t.equal(isCurrent(stamp, ...others), true)
    t.equal(isCurrent(stamp, 'products:12345'), false)
  }
})

t.test('a text that is not a stamp of this clock is never current', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const old = takeStamp(database)
  changeProduct(other, 7)
  const now = takeStamp(database)
  const garbage = ['', 'x', '.', '....', '1.2', '0.0.0.0', 'uncommitted-x', `${now}.0`, `${now}.`,
    now.slice(0, now.lastIndexOf('.')), now.replaceAll(/\d+/g, 'x'),
    now.replace(/\d+$/, 'x'), now.replace(/\d+$/, 'Infinity'), now.replace(/\d+$/, '-1'), `0${old}1`,
    now.split('.').reverse().join('.'), 'NaN.NaN.NaN.NaN']
  for (const stamp of garbage) t.equal(isCurrent(stamp, 'products'), false, stamp)
  t.equal(isCurrent(now, 'products'), true)
})

t.test('a stamp with a part that is not a number is never current', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const stamp = takeStamp(database)
  changeProduct(other, 7)
  for (const text of ['x', 'NaN', 'Infinity', '-1', '']) {
    t.equal(isCurrent(stamp.replace(/\d+$/, text), 'products:8', 'products:7'), false, text)
  }
})

t.test('every schema change makes all stamps invalid, and reads of unwatched tables are not stored', async (t) => {
  const { database, other, isCurrent } = clockwork(t, 'CREATE TABLE notes (id INTEGER PRIMARY KEY, v)')
  addProduct(other, 7)
  const REFUSED = 'unwatched-read'
  const changes: Array<[statement: string, table: string, read: string | string[]]> = [
    ['CREATE TABLE fresh (id INTEGER PRIMARY KEY)', 'fresh', REFUSED],
    ['DROP TABLE fresh', 'products', ['products']],
    ['ALTER TABLE notes ADD COLUMN w', 'notes', ['notes']],
    ['CREATE VIEW seen AS SELECT id FROM products', 'seen', ['products']],
    ['CREATE INDEX prices ON products (price)', 'products', ['products']],
    ['VACUUM', 'notes', ['notes']],
    ['DROP TABLE notes; VACUUM', 'products', ['products']],
    ['ALTER TABLE products RENAME TO goods', 'goods', REFUSED],
    ['ALTER TABLE goods RENAME TO products', 'products', ['products']],
    ['DROP TRIGGER larder_products_update', 'products', REFUSED]
  ]
  for (const [statement, table, read] of changes) {
    const stamp = takeStamp(database)
    other.exec(statement)
    t.equal(isCurrent(stamp, 'products:99'), false, statement)
    t.equal(isCurrent(stamp, 'a name'), false)
    t.same(await tagsRead(database, `SELECT id FROM ${table}`), read, statement)
  }
})

t.test('between two commits, the rows of an entry are checked once', async (t) => {
  const { other, connect } = clockwork(t)
  const mine = connect()
  let asked = 0
  const counting = Object.assign(Object.create(mine), {
    prepare (text: string) {
      const statement = mine.prepare(text)
      if (!text.includes('larder_slots')) return statement
      return { pluck: () => ({ get: (...values: unknown[]) => ++asked && statement.pluck().get(...values) }) }
    }
  }) as Sqlite.Database
  const clock = new Clock(counting, true)
  const { stamp } = clock
  addProduct(other, 7)
  const [seventh, eighth] = [['products:7'], ['products:8', 'products:9']]
  const rounds = [
    [seventh, 'products:7', 1], [seventh, 'products:7', 1], [eighth, undefined, 2], [eighth, undefined, 2]
  ] as const
  for (const [tags, changed, questions] of rounds) {
    t.equal(clock.firstChanged(stamp, tags), changed)
    t.equal(asked, questions)
  }
  t.equal(clock.firstChanged(clock.stamp, seventh), undefined, 'by another stamp')
  addProduct(other, 8)
  t.equal(clock.firstChanged(stamp, eighth), 'products:8')
  t.equal(asked, 3)
})

t.test('a read-only clock checks data_version only, and the clock of a writer reads each time', async (t) => {
  const { connect, other } = clockwork(t)
  const mine = connect()
  const [alone, writing] = [new Clock(mine, true), new Clock(mine, false)]
  const before = [alone.stamp, writing.stamp]
  t.equal(before[0], before[1])
  const { catalog } = alone
  addProduct(mine, 7)
  t.equal(alone.stamp, before[0], 'SQLite tells a connection nothing of what itself wrote')
  t.not(writing.stamp, before[1])
  addProduct(other, 8)
  t.equal(alone.stamp, writing.stamp)
  t.equal(alone.catalog, catalog, 'the schema is read again only when it changed')
  other.exec('CREATE TABLE fresh (x)')
  t.not(alone.catalog, catalog)
})
