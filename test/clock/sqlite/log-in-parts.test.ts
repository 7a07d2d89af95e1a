import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { MAX_FRAMES, WriteAheadLog } from '../../../src/clock/sqlite/write-ahead-log.ts'
import { WalIndex } from '../../../src/clock/sqlite/wal-index.ts'
import { addProduct, changeProduct, clockwork, SKIP_COUNT, takeStamp } from './clock-support.ts'

t.test('a commit of many pages is read in parts', async (t) => {
  const { path, other } = clockwork(t)
  other.exec('CREATE TABLE large (x)')
  const log = new WriteAheadLog(new Sqlite(path))
  const fill = other.prepare('WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?) ' +
    'INSERT INTO large SELECT zeroblob(3500) FROM n')
  other.pragma('wal_autocheckpoint = 0')
  fill.run(3 * MAX_FRAMES)
  const results = []
  do results.push(log.hasUncounted()); while (log.isBehind)
  t.same([results.length, results.indexOf(true)], [4, 3], 'each part once')
  t.equal(log.hasUncounted(), false)
  log.close()
  log.close()
})

t.test('many commits are read in parts', async (t) => {
  const { path, other } = clockwork(t)
  addProduct(other, 7)
  const log = new WriteAheadLog(new Sqlite(path))
  other.pragma('wal_autocheckpoint = 0')
  other.pragma('synchronous = OFF')
  for (let frames = 0; frames <= MAX_FRAMES; frames++) changeProduct(other, 7)
  const results = []
  do results.push(log.hasUncounted()); while (log.isBehind)
  t.ok(results.length > 1)
  t.notOk(results.includes(true))
  log.close()
})

t.test('an uncounted commit is noticed with its part, before the log is read to its end', async (t) => {
  const { path, other } = clockwork(t)
  addProduct(other, 7)
  other.exec(SKIP_COUNT)
  const log = new WriteAheadLog(new Sqlite(path))
  other.pragma('wal_autocheckpoint = 0')
  other.pragma('synchronous = OFF')
  changeProduct(other, 7)
  other.exec('DROP TRIGGER theirs')
  for (let frames = 0; frames <= MAX_FRAMES; frames++) changeProduct(other, 7)
  t.equal(log.hasUncounted(), true)
  t.equal(log.isBehind, true)
  log.close()
})

t.test('stamps are invalid until the log is read to its end', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  addProduct(other, 7, 8)
  other.pragma('wal_autocheckpoint = 0')
  other.pragma('synchronous = OFF')
  const stamp = takeStamp(database)
  for (let frames = 0; frames <= MAX_FRAMES; frames++) changeProduct(other, 8)
  other.exec(SKIP_COUNT)
  changeProduct(other, 7)
  for (let checks = 0; checks < 5; checks++) t.equal(isCurrent(stamp, 'products:7'), false)
})

t.test('no stamp is valid while the last frames are not those that the index of the log names', async (t) => {
  const { database, other, path, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const stamp = takeStamp(database)
  changeProduct(other, 7)
  const index = new WalIndex(path)
  t.teardown(() => index.close())
  const lastSalt = 32 + (index.read()!.frames - 1) * (24 + 4096) + 8
  const log = openSync(`${path}-wal`, 'r+')
  t.teardown(() => closeSync(log))
  const salt = Buffer.alloc(8)
  readSync(log, salt, 0, 8, lastSalt)
  writeSync(log, Buffer.alloc(8), 0, 8, lastSalt)
  t.equal(isCurrent(stamp, 'a name'), false)
  t.equal(isCurrent(takeStamp(database), 'a name'), false)
  writeSync(log, salt, 0, 8, lastSalt)
  t.equal(isCurrent(stamp, 'a name'), true)
  t.equal(isCurrent(stamp, 'products'), false)
})

t.test('the log is read later if its index cannot be read while a commit is being written', async (t) => {
  const { path, other } = clockwork(t)
  const log = new WriteAheadLog(new Sqlite(path))
  t.teardown(() => log.close())
  const read = log.index.read.bind(log.index)
  log.index.read = () => undefined
  addProduct(other, 7)
  t.equal(log.hasUncounted(), false)
  t.equal(log.isBehind, true)
  log.index.read = read
  t.equal(log.hasUncounted(), false)
  t.equal(log.isBehind, false)
})
