import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { addThrough } from '../support.ts'

/** A database, another program, and the warnings. */
function setUp (t: Test) {
  const path = `${t.testdir()}/larder.db`
  const warnings: string[] = []
  const { versions, ...database } = openDatabase(`file:${path}`, { onWarning: (message) => warnings.push(message) })
  t.teardown(() => database.close())
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  /** Whether an entry that depends on the products stays valid. */
  const staysValid = (change: () => unknown) => {
    const stamp = versions.stamp() as string
    change()
    return versions.firstChanged(stamp, ['products']) === undefined
  }
  return { path, warnings, other, staysValid }
}

for (const [name, statement] of Object.entries({
  'to a table for full-text search': "INSERT INTO texts VALUES ('a')",
  'to a table that was created after the start': 'INSERT INTO later VALUES (1)',
  'that runs ANALYZE': 'ANALYZE'
})) {
  t.test(`a commit ${name} makes all entries invalid, and one line in the log says why`, async (t) => {
    const { path, warnings, other, staysValid } = setUp(t)
    other.exec('CREATE VIRTUAL TABLE texts USING fts5 (text); CREATE TABLE later (x); ANALYZE')
    for (let commits = 0; commits < 3; commits++) t.equal(staysValid(() => other.exec(statement)), false)
    t.equal(warnings.length, 1)
    t.match(warnings[0], `A commit to the database file ${path} (DATABASE_URL) counted no change`)
  })
}

t.test('commits that are no longer in the log when it is read make all entries invalid, and are logged', async (t) => {
  const { warnings, other, staysValid } = setUp(t)
  t.equal(staysValid(() => addThrough(other, 'Tea')), false)
  t.equal(staysValid(() => {
    other.exec('CREATE TEMP TABLE x (y); INSERT INTO x VALUES (1)')
    other.pragma('wal_checkpoint(TRUNCATE)')
  }), true)
  t.same(warnings, [])
  t.equal(staysValid(() => {
    addThrough(other, 'Jam')
    other.pragma('wal_checkpoint(TRUNCATE)')
  }), false)
  t.equal(warnings.length, 1)
  t.match(warnings[0], 'began anew before it was read')
})
