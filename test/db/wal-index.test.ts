import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { platform } from 'node:os'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { watchWalIndex } from '../../src/db/wal-index.ts'

/** Two connections to a file, as of two programs. */
function connections (t: Test): [Sqlite.Database, Sqlite.Database] {
  const path = `${t.testdir()}/file.db`
  const both: [Sqlite.Database, Sqlite.Database] = [new Sqlite(path), new Sqlite(path)]
  both[0].pragma('journal_mode = WAL')
  both[0].exec('CREATE TABLE notes (n)')
  t.teardown(() => { for (const connection of both) connection.close() })
  return both
}

t.test('tells of commits of others, and of nothing else', { skip: platform() !== 'linux' && 'it is for Linux' }, async (t) => {
  const [mine, other] = connections(t)
  const isUnchanged = watchWalIndex(mine)!
  t.equal(isUnchanged(), false, 'the first time it cannot know')
  t.equal(isUnchanged(), true)
  for (const change of ['INSERT INTO notes VALUES (1)', 'UPDATE notes SET n = 2', 'BEGIN; DELETE FROM notes; COMMIT', 'VACUUM']) {
    other.exec(change)
    t.equal(isUnchanged(), false, change)
    t.equal(isUnchanged(), true)
  }
  for (const nothing of ['BEGIN IMMEDIATE; INSERT INTO notes VALUES (1)', 'ROLLBACK', 'SELECT * FROM notes']) {
    other.exec(nothing)
    t.equal(isUnchanged(), true, nothing)
  }
  other.pragma('wal_checkpoint(TRUNCATE)')
  isUnchanged()
  other.exec('INSERT INTO notes VALUES (3)')
  t.equal(isUnchanged(), false, 'a new log')
})

t.test('is not to be had where descriptors are not listed, or the file is not among them', async (t) => {
  const [mine] = connections(t)
  const folder = `${t.testdirName}/descriptors`
  t.equal(watchWalIndex(mine, folder), undefined)
  mkdirSync(folder)
  symlinkSync('/dev/null', `${folder}/3`)
  writeFileSync(`${folder}/4`, 'no link')
  t.equal(watchWalIndex(mine, folder), undefined)
})
