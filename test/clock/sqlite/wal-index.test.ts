import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { WalIndex } from '../../../src/clock/sqlite/wal-index.ts'
import { addProduct, clockwork } from './clock-support.ts'

t.test('the index of the log counts frames and commits, but not what is rolled back', async (t) => {
  const { other, path } = clockwork(t)
  const index = new WalIndex(path)
  t.teardown(() => index.close())
  const before = index.read()!
  addProduct(other, 7)
  const after = index.read()!
  t.same([after.salt, after.commits], [before.salt, before.commits + 1])
  t.ok(after.frames > before.frames)
  other.exec('BEGIN; UPDATE products SET price = 3; ROLLBACK; BEGIN IMMEDIATE; COMMIT')
  t.same(index.read(), after)
  other.pragma('wal_checkpoint(TRUNCATE)')
  const anew = index.read()!
  t.same([anew.frames, anew.commits], [0, after.commits])
  t.not(anew.salt, after.salt)
})

t.test('an index is not read while it is written, or in another format', async (t) => {
  const { other, path } = clockwork(t)
  addProduct(other, 7)
  other.prepare('SELECT 1 FROM products').get()
  const bytes = readFileSync(`${path}-shm`)
  const copy = `${t.testdir()}/copy`
  writeFileSync(copy, '')
  for (const [offset, isRead] of [[0, false], [8, false], [96, true]] as const) {
    const changed = Buffer.from(bytes)
    changed[offset]! ^= 1
    writeFileSync(`${copy}-shm`, changed)
    const index = new WalIndex(copy)
    t.equal(index.read() !== undefined, isRead, `a change at ${offset}`)
    index.close()
  }
  const duringCheckpoint = Buffer.from(bytes)
  duringCheckpoint[128]! ^= 1
  for (const [content, isRunning] of [[bytes, false], [duringCheckpoint, true]] as const) {
    writeFileSync(`${copy}-shm`, content)
    const index = new WalIndex(copy)
    t.equal(index.readCheckpoint() === undefined, isRunning)
    index.close()
  }
  const changed = Buffer.from(bytes)
  changed[0]! ^= 1
  changed[48]! ^= 1
  writeFileSync(`${copy}-shm`, changed)
  t.equal(new WalIndex(copy).read(), undefined, 'another format')
})

t.test('a database that is closed leaves the locks of other connections of the process in place', async (t) => {
  const { open, other, path } = clockwork(t)
  addProduct(other, 7)
  const index = new WalIndex(path)
  t.teardown(() => index.close())
  const { commits } = index.read()!
  open().close()
  const before = index.read()!.commits
  t.ok(before > commits)
  const script = "new (require('better-sqlite3'))(process.argv[1]).exec('UPDATE products SET price = 5').close()"
  t.equal(spawnSync(process.execPath, ['-e', script, path]).status, 0)
  t.equal(index.read()!.commits, before + 1, 'another process uses the same index, and does not create it anew')
})

t.test('an index is closed when SQLite has deleted it', async (t) => {
  const path = `${t.testdir()}/larder.db`
  const first = new Sqlite(path)
  first.exec('PRAGMA journal_mode = WAL; CREATE TABLE a (x)')
  const indexes = [new WalIndex(path), new WalIndex(path)]
  for (const index of indexes) index.close()
  indexes[0]!.close()
  const again = new WalIndex(path)
  t.equal(again.read()!.commits, 1, 'it is used again until then')
  await first.close()
  again.close()
})
