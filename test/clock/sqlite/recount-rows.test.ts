import t from 'tap'
import { recountRows } from '../../../src/clock/sqlite/recount-rows.ts'
import { createTriggers } from '../../../src/clock/sqlite/triggers.ts'
import { writeKnownRows } from '../../../src/clock/sqlite/row-counts.ts'
import { migrate } from '../../../src/db/sqlite/migrate.ts'
import { until } from '../../support/until.ts'
import { addProduct, changeProduct, type Clockwork, clockwork, SKIP_COUNT, takeStamp } from './clock-support.ts'

const knownRows = ({ other }: Pick<Clockwork, 'other'>) => other.prepare(writeKnownRows('products')).pluck().get()

/** Skips all triggers, so that an insertion is not counted. */
const SKIP = SKIP_COUNT.replace('UPDATE', 'INSERT')

t.test('recountRows counts what is not known, and locks nothing if all is known', async (t) => {
  const works = clockwork(t)
  const { other, connect } = works
  addProduct(other, 1, 2)
  const blocker = connect()
  blocker.exec('BEGIN IMMEDIATE')
  recountRows(other)
  recountRows(other, { check: true })
  other.pragma('busy_timeout = 0')
  blocker.exec('UPDATE larder_rows SET rows = NULL; COMMIT; BEGIN IMMEDIATE')
  t.throws(() => recountRows(other), { code: 'SQLITE_BUSY' })
  blocker.exec('COMMIT')
  t.equal(knownRows(works), null)
  recountRows(other)
  t.equal(knownRows(works), 2)
  other.exec('CREATE TABLE more (id INTEGER PRIMARY KEY)')
  t.equal(knownRows(works), undefined)
  createTriggers(other, { countRows: ['more'] })
  recountRows(other)
  t.equal(knownRows(works), 2)
  other.exec("UPDATE larder_rows SET rows = NULL WHERE name = 'products'")
  recountRows(other)
  t.equal(knownRows(works), 2, 'one of two tables')
})

t.test('recountRows leaves the number unknown while a trigger is missing or others may prevent counting', async (t) => {
  const works = clockwork(t)
  const { other } = works
  for (const [harm, repair] of [
    ['DROP TRIGGER "larder+products_update"', ''],
    ['CREATE TRIGGER theirs AFTER UPDATE ON larder_rows BEGIN SELECT 1; END', 'DROP TRIGGER theirs'],
    ['CREATE TRIGGER theirs AFTER UPDATE ON products BEGIN SELECT 1; END', 'DROP TRIGGER theirs']
  ] as const) {
    other.exec(harm)
    recountRows(other)
    t.equal(knownRows(works), undefined, harm)
    other.exec(repair)
    createTriggers(other)
    recountRows(other)
    t.equal(knownRows(works), 0)
  }
})

t.test('a number that is found to be wrong makes all entries invalid', async (t) => {
  const works = clockwork(t)
  const { other, database, isCurrent } = works
  addProduct(other, 1)
  other.exec(SKIP)
  other.exec("BEGIN; UPDATE products SET price = '2'")
  addProduct(other, 2)
  other.exec('COMMIT')
  const stamp = takeStamp(database)
  t.equal(knownRows(works), 1, 'it was not noticed, since something else was counted')
  recountRows(other)
  t.equal(knownRows(works), 1)
  t.ok(isCurrent(stamp, 'other'))
  recountRows(other, { check: true })
  t.equal(knownRows(works), 2)
  t.notOk(isCurrent(stamp, 'other'))
})

t.test('the number is unknown after a change that was not counted', async (t) => {
  const works = clockwork(t)
  const { other, database } = works
  takeStamp(database)
  other.exec(SKIP)
  addProduct(other, 2)
  await until('the number is unknown', () => knownRows(works) === null)
  recountRows(other)
  t.equal(knownRows(works), 1)
  takeStamp(database)
  t.equal(knownRows(works), 1, 'counting it anew is no such change')
})

t.test('rows are counted at the start', async (t) => {
  t.test('after changes without triggers while no process had a clock on the file', async (t) => {
    const works = clockwork(t)
    works.database.close()
    works.other.exec(SKIP)
    addProduct(works.other, 2)
    t.equal(knownRows(works), 0)
    works.open()
    t.equal(knownRows(works), 1)
  })

  t.test('after a table was rebuilt', async (t) => {
    const works = clockwork(t)
    const { other } = works
    addProduct(other, 1, 2)
    other.exec(`CREATE TABLE rebuilt (id INTEGER PRIMARY KEY, title, price, created, updated);
      INSERT INTO rebuilt SELECT * FROM products; DROP TABLE products; ALTER TABLE rebuilt RENAME TO products`)
    changeProduct(other, 1)
    addProduct(other, 3)
    t.equal(knownRows(works), undefined)
    works.open()
    t.equal(knownRows(works), 3)
  })

  t.test('but not while another program has locked the file', async (t) => {
    const works = clockwork(t)
    const { other, connect } = works
    other.exec('BEGIN IMMEDIATE; UPDATE larder_rows SET rows = NULL; COMMIT; BEGIN IMMEDIATE')
    const writer = connect()
    writer.pragma('busy_timeout = 0')
    migrate(writer)
    other.exec('COMMIT')
    t.equal(knownRows(works), null)
    writer.exec("CREATE TEMP TRIGGER theirs BEFORE UPDATE ON main.larder_rows BEGIN SELECT RAISE(ABORT, 'no'); END")
    t.throws(() => migrate(writer), { message: 'no' }, 'another error')
    writer.exec('DROP TRIGGER theirs')
    migrate(writer)
    t.equal(knownRows(works), 0)
  })
})
