import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import type { DatabaseLimits } from '../../../src/db/limits.ts'
import { type ConnectionOptions, openConnection } from '../../../src/db/sqlite/connection.ts'
import { migrate } from '../../../src/db/sqlite/migrate.ts'
import { SqlWorker } from '../../../src/db/sqlite/sql-worker.ts'
import { createSqliteDatabase } from '../../../src/db/sqlite/sqlite-database.ts'
import { until } from '../../support/until.ts'

const ENDED = { code: 'LARDER_DATABASE_WORKER', statusCode: 503 }
const CLOSED = { code: 'LARDER_DATABASE_CLOSED', statusCode: 503 }
const oops = new Error('no more threads')

/** A database whose threads can be refused. */
function setUp (t: Test, limits: DatabaseLimits = {}) {
  const path = `${t.testdir()}/larder.db`
  const upkeep = openConnection({ path, role: 'upkeep', timeout: 5_000 })
  upkeep.pragma('journal_mode = WAL')
  migrate(upkeep)
  const threads: { error?: Error | undefined, started: Array<ConnectionOptions['role']> } = { started: [] }
  const database = createSqliteDatabase({
    path,
    upkeep,
    limits,
    onClose () {},
    startWorker (options) {
      if (threads.error !== undefined) throw threads.error
      threads.started.push(options.role)
      return new SqlWorker(options)
    }
  })
  const other = new Sqlite(path)
  t.teardown(async () => {
    other.close()
    await database.close()
  })
  const add = () => database.transaction(() =>
    database.sql.run(sql`INSERT INTO products (title, price) VALUES ('a', '1')`))
  const read = async () => (await database.sql.values<[number]>(sql`SELECT count(*) FROM products`)).flat()
  return { database, other, threads, add, read }
}

t.test('if the operating system allows no more threads, statements are 503 until it does', async (t) => {
  const { threads, add, read } = setUp(t)
  threads.error = oops
  await t.rejects(read(), { ...ENDED, cause: oops })
  await t.rejects(add(), { ...ENDED, cause: oops })
  threads.error = undefined
  await add()
  t.same(await read(), [1])
  t.same(threads.started, ['writer', 'reader'])
})

t.test('after close, statements and transactions are 503, and no thread starts', async (t) => {
  const { database, other, threads, add, read } = setUp(t)
  other.close()
  await database.close()
  await t.rejects(read(), CLOSED)
  await t.rejects(add(), CLOSED)
  t.same(threads.started, [])
})

t.test('changes of the schema by another program', async (t) => {
  const { database, other, add, read } = setUp(t)
  const rows = other.prepare(`SELECT rows FROM larder_rows
    WHERE schema = (SELECT schema_version FROM pragma_schema_version)`).pluck()
  const triggers = other.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?").pluck()

  t.test('after it has created an index, the number of rows is known again', async (t) => {
    t.equal(rows.get(), 0)
    other.exec('CREATE INDEX titles ON products (title)')
    t.equal(rows.get(), undefined)
    database.versions.stamp() // From its commit alone, the clock cannot exclude a change that fired no trigger.
    await until('the rows are counted', () => rows.get() === 0)
    await add() // Then the log has been read: the commit of the repair is counted.
    t.equal(rows.get(), 1)
  })

  t.test('a new table is watched', async (t) => {
    other.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)')
    await until('its triggers exist', () => triggers.all('notes').length > 0)
    const stamp = database.versions.stamp() as string
    other.exec("INSERT INTO notes (text) VALUES ('a')")
    t.equal(database.versions.firstChanged(stamp, ['notes']), 'notes')
    t.same(await read(), [1])
  })
})

t.test('tags of any kind are invalidated, alone or with a transaction', async (t) => {
  const { database } = setUp(t)
  const { versions } = database
  const tags = ['products', 'products:7', 'news']
  const listChanged = (stamp: string) => tags.filter((tag) => versions.firstChanged(stamp, [tag]) !== undefined)
  let stamp = versions.stamp() as string
  await versions.invalidate(['news'])
  t.same(listChanged(stamp), ['news'])
  stamp = versions.stamp() as string
  await versions.invalidate(['products:7'])
  t.same(listChanged(stamp), ['products', 'products:7'])
  stamp = versions.stamp() as string
  await t.rejects(database.transaction(async () => {
    await versions.invalidate(tags)
    throw oops
  }), oops)
  t.same(listChanged(stamp), [])
})

t.test('a repair that fails is repeated', async (t) => {
  const { other, threads } = setUp(t)
  const rows = other.prepare('SELECT rows FROM larder_rows').pluck()
  threads.error = oops
  let attempts = 0
  Object.defineProperty(threads, 'error', { get: () => ++attempts === 1 ? oops : undefined })
  other.exec('UPDATE larder_rows SET rows = NULL')
  await until('the rows are counted', () => rows.get() === 0)
  t.ok(attempts > 1)
})
