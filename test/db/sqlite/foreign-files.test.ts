import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { mock } from 'node:test'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import Sqlite from 'better-sqlite3'
import { openDatabase } from '../../../src/db/index.ts'
import { CHECK_MS } from '../../../src/db/sqlite/file-state.ts'
import { addProduct, changeProduct } from '../../clock/sqlite/clock-support.ts'

/* What programs other than SQLite do to the files of a database, in place or beside it. */

const TITLES = sql`SELECT title FROM products`
const LOST = { code: 'LARDER_DATABASE_LOST' }
const insert = (title: string) => sql`INSERT INTO products (title, price) VALUES (${title}, '1')`

/** A database whose files are checked when the test says so, and what it reports. */
function setUp (t: Test) {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const path = `${t.testdir()}/larder.db`
  const reports: string[] = []
  const database = openDatabase(`file:${path}`, { onStateChange: (state, message) => reports.push(state, message) })
  t.teardown(() => database.close())
  const check = () => {
    mock.timers.tick(CHECK_MS)
    return database.versions.firstChanged(database.versions.stamp() as string, ['products']) === undefined
  }
  return { path, database, reports, check }
}

for (const end of ['-wal', '-shm']) {
  for (const [name, lose] of Object.entries({
    deleted: (path: string) => rmSync(path),
    moved: (path: string) => renameSync(path, `${path}.moved`),
    'replaced by a copy': (path: string) => {
      copyFileSync(path, `${path}.copy`)
      renameSync(`${path}.copy`, path)
    }
  })) {
    t.test(`when the file that ends in ${end} is ${name}, the database is lost until a restart`, async (t) => {
      const { path, database, reports, check } = setUp(t)
      await database.transaction(() => database.sql.run(insert('a')))
      t.equal(check(), true)
      lose(path + end)
      t.equal(check(), false)
      t.equal(check(), false)
      t.equal(await database.checkState(), 'lost')
      await t.rejects(database.transaction(() => {}), LOST)
      await t.rejects(database.sql.values(TITLES), LOST)
      t.same(reports, ['lost', `The database file ${path}${end} (DATABASE_URL) was deleted or replaced, so nothing ` +
        'is served from it. Restart the service.'])
      await database.close()
      const again = openDatabase(`file:${path}`)
      t.teardown(() => again.close())
      t.same(await again.sql.values(TITLES), [['a']], 'what was committed is there after the restart')
    })
  }
}

t.test('a transaction is rejected if the write-ahead log is deleted meanwhile', async (t) => {
  const { path, database, reports } = setUp(t)
  await t.rejects(database.transaction(async () => {
    await database.sql.run(insert('a'))
    rmSync(`${path}-wal`)
  }), LOST)
  t.equal(reports.length, 2)
})

/** Runs a program, since closing a file in this process would release the locks of its connections. */
const run = (command: string, ...parameters: string[]) => spawnSync(command, parameters).status === 0

function changeAndClose (path: string): void {
  const connection = new Sqlite(path)
  changeProduct(connection, 7)
  connection.close()
}

/** A database with a copy, made before the last change. */
async function withCopy (t: Test) {
  const works = setUp(t)
  const other = new Sqlite(works.path)
  t.teardown(() => other.close())
  addProduct(other, 7)
  other.pragma('wal_checkpoint(TRUNCATE)')
  t.ok(run('cp', works.path, `${works.path}.copy`))
  changeProduct(other, 7)
  return { ...works, other, copy: `${works.path}.copy` }
}

for (const [name, overwrite] of Object.entries({
  'an older copy': (path: string, copy: string) => run('cp', copy, path),
  'another copy, and nothing was checkpointed': (path: string, copy: string) => run('cp', copy, path),
  nothing: (path: string) => run('sh', '-c', ': > "$0"', path),
  'its first half': (path: string) => run('truncate', '-s', '8192', path)
})) {
  t.test(`when the database file is overwritten in place with ${name}, it is lost`, async (t) => {
    const { path, reports, check, database, other, copy } = await withCopy(t)
    if (!name.includes('nothing was')) other.pragma('wal_checkpoint(TRUNCATE)')
    else changeAndClose(copy)
    t.equal(check(), true)
    t.ok(overwrite(path, copy))
    t.equal(check(), false)
    t.equal(check(), false)
    await t.rejects(database.sql.values(TITLES), LOST)
    t.equal(await database.checkState(), 'lost')
    t.equal(reports.length, 2)
    t.match(reports[1], `The database file ${path} (DATABASE_URL) was overwritten`)
  })
}

t.test('a file that SQLite alone writes to is not lost', async (t) => {
  const { path, reports, check, other, copy, database } = await withCopy(t)
  for (const change of [
    () => other.pragma('wal_checkpoint(PASSIVE)'),
    () => other.pragma('wal_checkpoint(RESTART)'),
    () => changeProduct(other, 7),
    () => other.pragma('wal_checkpoint(TRUNCATE)'),
    () => other.exec('VACUUM; CREATE TABLE later (x)'),
    () => other.pragma('wal_checkpoint(TRUNCATE)'),
    () => utimesSync(path, 0, 0),
    () => new Sqlite(copy).backup(path)
  ]) {
    await change()
    mock.timers.tick(CHECK_MS)
    t.equal(await database.checkState(), 'ok')
  }
  t.equal(check(), true)
  t.same(reports, [])
})
