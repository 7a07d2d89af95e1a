import { readdirSync, readFileSync, statSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { sqliteClock } from '../../../src/larder/sqlite.ts'

const OPTIONS = { skip: process.platform !== 'linux' && 'only Linux lists locks and descriptors in /proc' }

/** Returns the POSIX locks that this process has on a database file, and on the index of its log. */
function listLocks (path: string): string[][] {
  const lines = readFileSync('/proc/locks', 'utf8').split('\n')
  return [path, `${path}-shm`].map((file) => {
    const owner = new RegExp(` (READ|WRITE) +${process.pid} [0-9a-f]+:[0-9a-f]+:${statSync(file).ino} (.+)`)
    return lines.flatMap((line) => owner.exec(line)?.slice(1).join(' ') ?? [])
  })
}

const countDescriptors = () => readdirSync('/proc/self/fd').length

function connect (path: string): Sqlite.Database {
  const connection = new Sqlite(path)
  connection.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS posts (id)')
  return connection
}

const OPENERS = {
  openDatabase: (connection: Sqlite.Database) => openDatabase(`file:${connection.name}`),
  sqliteClock: (connection: Sqlite.Database) => sqliteClock(connection)
}

for (const [name, openClock] of Object.entries(OPENERS)) {
  /** Opens a file with a clock. Returns what closes the clock, and then the connection of the application. */
  const open = (path: string) => {
    const connection = connect(path)
    const clock = openClock(connection)
    return async () => {
      await clock.close()
      connection.close()
    }
  }

  t.test(`closing ${name} keeps the POSIX locks on a file that was opened again`, OPTIONS, async (t) => {
    const folder = t.testdir()
    const [path, otherPath] = [`${folder}/a.db`, `${folder}/b.db`]
    const closeOther = open(otherPath)
    await open(path)()
    const application = connect(path)
    t.teardown(() => application.close())
    const locks = listLocks(path)
    t.ok(locks.every(({ length }) => length > 0), 'SQLite has locked both files')
    await closeOther()
    t.same(listLocks(path), locks, 'when the clock of another file is closed')
    await openClock(application).close()
    t.same(listLocks(path), locks, 'when another clock of this file is closed')
  })

  t.test(`${name} leaves no more than one descriptor of each file open`, OPTIONS, async (t) => {
    const path = `${t.testdir()}/a.db`
    await open(path)()
    const before = countDescriptors()
    for (let i = 0; i < 3; i++) await open(path)()
    t.equal(countDescriptors(), before)
  })
}

t.test('a clock that is closed after the application closes the index of the log at once', OPTIONS, async (t) => {
  const path = `${t.testdir()}/a.db`
  await openDatabase(`file:${path}`).close() // It also closes indexes of the tests before.
  const before = countDescriptors()
  const connection = connect(path)
  const clock = sqliteClock(connection)
  connection.close()
  clock.close()
  t.equal(countDescriptors(), before)
})
