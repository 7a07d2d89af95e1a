import { spawnSync } from 'node:child_process'
import { mock } from 'node:test'
import t from 'tap'
import { addProduct, changeProduct, clockwork, SKIP_COUNT, takeStamp } from './clock-support.ts'

const TAGS = ['products', 'products:7', 'products:8', 'a name']
/** Opens a value for incremental I/O and overwrites its first byte, which fires no trigger. */
const BLOB_WRITE = `
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
with connection.blobopen('files', 'data', 7) as blob: blob.write(b'b')
connection.commit()
`

const hasBlobs = spawnSync('python3', ['-c', 'import sqlite3; sqlite3.Connection.blobopen']).status === 0
const hasShell = spawnSync('sqlite3', ['-version']).status === 0

t.test('a temporary trigger of another program that skips ours makes all stamps invalid', async (t) => {
  const { database, other, isCurrent, movedBy } = clockwork(t)
  addProduct(other, 7, 8)
  other.exec(SKIP_COUNT)
  t.same(await movedBy(TAGS, () => changeProduct(other, 7)), TAGS)
  other.exec('DROP TRIGGER theirs')
  t.same(await movedBy(TAGS, () => changeProduct(other, 7)), ['products', 'products:7'], 'as before')

  const stamp = takeStamp(database)
  other.exec(SKIP_COUNT)
  changeProduct(other, 7)
  other.exec('DROP TRIGGER theirs')
  changeProduct(other, 8)
  t.equal(isCurrent(stamp, 'products:7'), false, 'also if the next commit is counted')
})

t.test('a temporary trigger on the tables of the clock makes all stamps invalid', async (t) => {
  const { other, movedBy } = clockwork(t)
  addProduct(other, 7)
  other.exec('CREATE TEMP TRIGGER theirs BEFORE UPDATE ON main.larder_clock BEGIN SELECT RAISE(IGNORE); END')
  t.same(await movedBy(TAGS, () => changeProduct(other, 7)), TAGS)
})

t.test('incremental blob I/O makes all stamps invalid', { skip: !hasBlobs && 'python3 is too old' }, async (t) => {
  const { other, path, movedBy } = clockwork(t, 'CREATE TABLE files (id INTEGER PRIMARY KEY, data TEXT)')
  other.exec("INSERT INTO files VALUES (7, 'a')")
  const tags = ['files', 'files:7', 'products']
  t.same(await movedBy(tags, () => {
    t.equal(spawnSync('python3', ['-c', BLOB_WRITE, path]).status, 0)
  }), tags)
  t.equal(other.prepare('SELECT data FROM files').pluck().get(), 'b')
})

t.test('a program that has disabled triggers makes all stamps invalid', {
  skip: !hasShell && 'sqlite3 is not installed'
}, async (t) => {
  const { other, path, movedBy } = clockwork(t)
  addProduct(other, 7)
  t.same(await movedBy(TAGS, () => spawnSync('sqlite3', [path], {
    input: ".dbconfig enable_trigger off\nUPDATE products SET price = '9';"
  })), TAGS)
  t.equal(other.prepare('SELECT price FROM products').pluck().get(), '9')
})

t.test('an uncounted change makes all stamps invalid, also if the log began anew before the next check', async (t) => {
  const { other, movedBy } = clockwork(t)
  addProduct(other, 7, 8)
  other.exec(SKIP_COUNT)
  for (const meanwhile of [
    'PRAGMA wal_checkpoint(TRUNCATE)',
    "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO products (title, price) VALUES ('a', '1')",
    "PRAGMA wal_checkpoint(RESTART); INSERT INTO products (title, price) VALUES ('a', '1')"
  ]) {
    t.same(await movedBy(TAGS, () => {
      changeProduct(other, 7)
      other.exec(meanwhile)
    }), TAGS, meanwhile)
  }
})

t.test('what was counted before the log began anew is read as long as it is not overwritten', async (t) => {
  const { other, movedBy } = clockwork(t)
  addProduct(other, 7, 8, 9)
  const beginAnew = (changes: number) => movedBy(TAGS, () => {
    for (let i = 0; i < 3; i++) changeProduct(other, 7)
    other.pragma('wal_checkpoint(RESTART)')
    for (let i = 0; i < changes; i++) changeProduct(other, 7)
  })
  t.same(await beginAnew(1), ['products', 'products:7'])
  t.same(await beginAnew(100), TAGS, 'otherwise an uncounted change may be among what was overwritten')
  t.same(await beginAnew(1), ['products', 'products:7'])
})

t.test('the log is read without checks, so that it does not begin anew unread', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { other, movedBy } = clockwork(t)
  addProduct(other, 7, 8)
  t.same(await movedBy(TAGS, () => {
    for (let i = 0; i < 20; i++) {
      changeProduct(other, 7)
      mock.timers.tick(100)
      other.pragma('wal_checkpoint(TRUNCATE)')
    }
  }), ['products', 'products:7'])
})

t.test('an error while the log is read without a check is one of the next check', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { database, other } = clockwork(t)
  other.exec('DROP TABLE larder_clock')
  mock.timers.tick(100)
  t.throws(() => takeStamp(database), /no such table/)
})

t.test('what is counted, rolled back or no change of a table leaves stamps valid', async (t) => {
  const { other, movedBy } = clockwork(t)
  addProduct(other, 7, 8)
  for (const statement of [
    'BEGIN; UPDATE products SET price = 3; ROLLBACK', 'SAVEPOINT a; DELETE FROM products; ROLLBACK TO a; RELEASE a',
    'PRAGMA user_version = 7', 'PRAGMA wal_checkpoint(TRUNCATE)', 'PRAGMA wal_checkpoint(RESTART)', 'BEGIN; COMMIT'
  ]) {
    t.same(await movedBy(TAGS, () => other.exec(statement)), [], statement)
  }
  for (let checkpoints = 0; checkpoints < 3; checkpoints++) {
    t.same(await movedBy(TAGS, () => changeProduct(other, 7)), ['products', 'products:7'])
    other.pragma('wal_checkpoint(TRUNCATE)')
  }
})

t.test('the counters may move to other pages', async (t) => {
  const { other, open, movedBy } = clockwork(t)
  const tables = Array.from({ length: 40 }, (_, i) => `table_${i}_`.padEnd(200, 'x'))
  for (const table of tables) other.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v)`)
  open()
  t.ok(other.prepare("SELECT count(*) FROM dbstat WHERE name = 'larder_clock'").pluck().get() as number > 1)
  const [first, last] = [tables[0]!, tables.at(-1)!]
  for (const table of [first, last]) {
    t.same(await movedBy([first, last, 'products'], () => other.exec(`INSERT INTO ${table} VALUES (1, 1)`)), [table])
  }
  other.exec('VACUUM')
  t.same(await movedBy([first, last], () => other.exec(`INSERT INTO ${last} VALUES (2, 1)`)), [last])
})

t.test('an uncounted change while another program locks the file ends all stamps, and blocks nothing', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const stamp = takeStamp(database)
  other.exec(SKIP_COUNT)
  changeProduct(other, 7)
  other.exec('BEGIN IMMEDIATE')
  t.equal(isCurrent(stamp, 'products:7'), false)
  const during = takeStamp(database)
  t.equal(isCurrent(during, 'products:7'), true)
  other.exec('ROLLBACK')
  t.equal(isCurrent(during, 'products:7'), true)
})

t.test('the counters are found again after VACUUM has moved them', async (t) => {
  const { database, other, isCurrent } = clockwork(t, 'CREATE TABLE first (x); CREATE TABLE second (x)')
  addProduct(other, 7)
  for (let i = 0; i < 200; i++) other.exec("INSERT INTO first VALUES (zeroblob(3000)); INSERT INTO second VALUES ('x')")
  other.exec('DELETE FROM first; VACUUM')
  other.exec(SKIP_COUNT)
  const stamp = takeStamp(database)
  changeProduct(other, 7)
  t.equal(isCurrent(stamp, 'products:7'), false)
})
