import { copyFileSync, renameSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { History } from '../../../src/clock/sqlite/history.ts'
import { openDatabase, type SqliteDatabase } from '../../../src/db/index.ts'
import { addProduct, changeProduct, clockwork, takeStamp } from './clock-support.ts'

const TAGS = ['products', 'products:7', 'products:8', 'a name']

/** A file, which one process after another opens. */
function restartable (t: Test) {
  const path = `${t.testdir()}/larder.db`
  let database: SqliteDatabase
  const start = () => { database = openDatabase(`file:${path}`) }
  start()
  t.teardown(() => database.close())
  const as = (work: (other: Sqlite.Database) => unknown) => {
    const other = new Sqlite(path)
    work(other)
    other.close()
  }
  as((other) => addProduct(other, 7, 8))
  return {
    path,
    stamp: () => takeStamp(database),
    /** Changes everything once. */
    async change () {
      as((other) => [7, 8].forEach((id) => changeProduct(other, id)))
      await database.versions.invalidate(['a name'])
    },
    /** Returns the tags that have not changed since the stamp. */
    current: (stamp: string) => TAGS.filter((tag) => database.versions.firstChanged(stamp, [tag]) === undefined),
    async restart (between = () => {}) {
      await database.close()
      between()
      start()
    },
    backUp: () => as((other) => {
      other.pragma('wal_checkpoint(TRUNCATE)')
      copyFileSync(path, `${path}.backup`)
    }),
    restore: () => copyFileSync(`${path}.backup`, path)
  }
}

t.test('after a backup is restored, stamps of the history that was undone never become valid again', async (t) => {
  const { stamp, change, current, restart, backUp, restore } = restartable(t)
  const old = stamp()
  await change()
  const kept = stamp()
  backUp()
  await change()
  const undone = [stamp()]
  await restart()
  undone.push(stamp())
  await change()
  undone.push(stamp())
  await restart(restore)
  t.same(current(kept), TAGS, 'nothing has changed since the backup')
  for (let changes = 0; changes < 6; changes++) {
    for (const stamp of undone) t.same(current(stamp), [], `after ${changes} changes`)
    const now = stamp()
    t.same(current(now), TAGS)
    await change()
    t.same([current(now), current(kept), current(old)], [[], [], []])
  }
})

t.test('stamps stay valid when processes start again', async (t) => {
  const { stamp, current, restart, change } = restartable(t)
  const stamps = [stamp()]
  for (let starts = 0; starts < 3; starts++) {
    await restart()
    stamps.push(stamp())
  }
  for (const stamp of stamps) t.same(current(stamp), TAGS)
  await change()
  for (const stamp of stamps) t.same(current(stamp), [])
})

t.test('stamps of commits that a power cut lost never become valid again', async (t) => {
  const { path, stamp, change, current, restart, backUp } = restartable(t)
  backUp()
  await change()
  const lost = stamp()
  await restart(() => {
    rmSync(`${path}-wal`, { force: true })
    renameSync(`${path}.backup`, path)
  })
  for (let changes = 0; changes < 3; changes++) {
    t.same(current(lost), [])
    await change()
  }
})

t.test('stamps never become valid again if a running process sees that counters are set back', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const counters = other.prepare('SELECT name, ticks FROM larder_clock').all() as Array<{ name: string, ticks: number }>
  const kept = takeStamp(database)
  changeProduct(other, 7)
  const undone = takeStamp(database)
  for (const { name, ticks } of counters) {
    other.prepare('UPDATE larder_clock SET ticks = ? WHERE name = ?').run(ticks, name)
  }
  t.equal(isCurrent(kept, 'products'), true)
  for (let changes = 0; changes < 3; changes++) {
    t.equal(isCurrent(undone, 'products'), false)
    const now = takeStamp(database)
    t.equal(isCurrent(now, 'products', 'products:7'), true)
    changeProduct(other, 7)
    t.equal(isCurrent(now, 'products'), false)
  }
})

t.test('stamps never become valid again if a program restores a backup while processes run', async (t) => {
  const { database, other, isCurrent, path, connect } = clockwork(t)
  addProduct(other, 7)
  await other.backup(`${path}.backup`)
  changeProduct(other, 7)
  const undone = takeStamp(database)
  other.close()
  const backup = new Sqlite(`${path}.backup`)
  await backup.backup(path)
  backup.close()
  const writer = connect()
  for (let changes = 0; changes < 3; changes++) {
    changeProduct(writer, 7)
    t.equal(isCurrent(undone, 'products'), false)
    t.equal(isCurrent(undone, 'products:7'), false)
  }
})

t.test('a row is not current if only the counter of its table was set back', async (t) => {
  const { database, other, open, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const stamp = takeStamp(database)
  open()
  other.exec("UPDATE larder_clock SET ticks = 0 WHERE name = 'products'")
  t.equal(isCurrent(stamp, 'products:7'), false)
})

t.test('while its era cannot be stored, a process trusts its own stamps only', async (t) => {
  const { database, other, open } = clockwork(t)
  addProduct(other, 7)
  const theirs = takeStamp(database)
  other.exec('BEGIN IMMEDIATE')
  const { versions } = open()
  const own = versions.stamp() as string
  t.equal(versions.firstChanged(own, ['products']), undefined)
  t.equal(versions.firstChanged(theirs, ['products']), 'products')
  other.exec('COMMIT')
  t.equal(versions.firstChanged(own, ['products']), undefined)
  t.equal(versions.firstChanged(theirs, ['products']), undefined, 'the file is not locked any more')
  t.equal(database.versions.firstChanged(own, ['products']), undefined, 'others know the era')
  changeProduct(other, 7)
  t.equal(versions.firstChanged(own, ['products']), 'products')
})

t.test('an era that begins inside a transaction is stored after it', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const before = takeStamp(database)
  other.exec("UPDATE larder_clock SET ticks = 0 WHERE name = 'products'")
  await database.transaction(() => {
    database.versions.versionOf!('products') // reads the committed clock
    t.equal(isCurrent(before, 'products'), false)
  })
  const stamp = takeStamp(database)
  t.equal(isCurrent(stamp, 'products'), true)
  t.equal(isCurrent(before, 'products'), false)
})

t.test('a limited number of eras is kept', async (t) => {
  const { path, stamp, current, restart } = restartable(t)
  const first = stamp()
  await restart()
  const second = stamp()
  await restart()
  const other = new Sqlite(path)
  const [{ nonce, counters }] = other.prepare('SELECT nonce, counters FROM larder_eras ORDER BY id').all() as
    [{ nonce: number, counters: string }]
  t.ok(nonce > 0)
  const insert = other.prepare('INSERT INTO larder_eras (nonce, counters) VALUES (?, ?)')
  // As if triggers had counted something.
  other.exec("BEGIN; UPDATE larder_clock SET ticks = ticks + 1 WHERE name = ':tags'")
  for (let i = -1; i > -999; i--) insert.run(i, counters)
  other.exec('COMMIT')
  t.same([current(first), current(second)], [TAGS, TAGS])
  t.ok(new History(other))
  t.same([current(first), current(second)], [[], TAGS])
  other.close()
})

t.test('an era is stored when a commit disturbs nobody', async (t) => {
  const { other } = clockwork(t)
  let mayWrite = false
  const history = new History(other, () => mayWrite)
  t.equal(history.isWaiting, true)
  mayWrite = true
  history.storeEra()
  t.equal(history.isWaiting, false)
})
