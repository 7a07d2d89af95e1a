import { existsSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { SqlWorker } from '../../../src/db/sqlite/sql-worker.ts'
import type { Statement } from '../../../src/db/sqlite/statement-runner.ts'

const ENDED = { code: 'LARDER_DATABASE_WORKER', statusCode: 503 }

/** A file with a table, and a thread with a connection to it. */
function setUp (t: Test, role: 'reader' | 'writer' = 'reader') {
  const path = `${t.testdir()}/notes.db`
  const other = new Sqlite(path)
  other.pragma('journal_mode = WAL')
  other.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, data); INSERT INTO notes (data) VALUES ('a')")
  t.teardown(() => other.close())
  const worker = new SqlWorker({ path, role, timeout: 0 })
  t.teardown(() => worker.close())
  const run = (method: Statement['method'], sql: string, ...parameters: unknown[]) =>
    worker.run({ method, sql, parameters })
  return { path, other, worker, run }
}

t.test('a thread runs statements in order, and returns their results', async (t) => {
  const { worker, run } = setUp(t, 'writer')
  const results = Promise.all([
    run('begin', ''),
    run('run', 'INSERT INTO notes (data) VALUES (?)', 'b'),
    run('all', 'SELECT data FROM notes ORDER BY id'),
    worker.run({ method: 'all', sql: 'SELECT * FROM notes ORDER BY id', asArrays: true }),
    run('get', 'SELECT data FROM notes WHERE id = ?', 9)
  ])
  t.equal(worker.pending, 5)
  t.equal(worker.inTransaction, false, 'before the first reply')
  t.same(await results, [
    { wrote: false },
    { changes: 1, lastInsertRowid: 2, wrote: true },
    { rows: [{ data: 'a' }, { data: 'b' }], wrote: false },
    { rows: [[1, 'a'], [2, 'b']], wrote: false },
    { rows: undefined, wrote: false }
  ])
  t.equal(worker.pending, 0)
  t.equal(worker.inTransaction, true)
  await run('exec', 'ROLLBACK')
  t.equal(worker.inTransaction, false)
})

t.test('values of all types are sent', async (t) => {
  const { run } = setUp(t)
  for (const value of [null, 1.5, -0, 2n ** 62n, 'Ω\0', '', Buffer.from([0, 255]), new Uint8Array()]) {
    const { rows } = await run('get', 'SELECT ? AS value, typeof(?) AS type', value, value)
    const { value: returned, type } = rows as { value: unknown, type: string }
    if (value instanceof Uint8Array) {
      t.equal(type, 'blob')
      t.same(Buffer.from(returned as Uint8Array), Buffer.from(value))
    } else {
      t.equal(returned, typeof value === 'bigint' ? Number(value) : value)
    }
  }
})

t.test('errors keep their class, code and message', async (t) => {
  const { worker, run } = setUp(t)
  await t.rejects(run('all', 'SELECT * FROM nowhere'), { code: 'SQLITE_ERROR', message: 'no such table: nowhere' })
  const error = await run('run', 'DELETE FROM notes').catch((error: unknown) => error)
  t.ok(error instanceof Sqlite.SqliteError)
  t.match(error, { code: 'SQLITE_READONLY' })
  await t.rejects(run('get', 'SELECT ?', true), { name: 'TypeError', message: /bind/ })
  await t.rejects(run('get', 'SELECT ?'), { name: 'RangeError' })
  await t.rejects(run('get', 'SELECT ?', () => {}), { name: 'DataCloneError' }, 'a value that cannot be sent')
  await t.rejects(run('run', 'BEGIN'), { code: 'LARDER_OPEN_TRANSACTION', statusCode: 500 })
  t.equal(worker.pending, 0)
  t.match(await run('get', 'SELECT 1 AS one'), { rows: { one: 1 } }, 'the thread goes on')
})

t.test('a writer refuses statements outside of transactions', async (t) => {
  const { run } = setUp(t, 'writer')
  await t.rejects(run('run', 'DELETE FROM notes'), { code: 'LARDER_TRANSACTION_OVER', statusCode: 500 })
})

t.test('a thread that cannot open its file ends, and rejects its statements', async (t) => {
  const worker = new SqlWorker({ path: `${t.testdir()}/missing/notes.db`, role: 'reader', timeout: 0 })
  const first = worker.run({ method: 'get', sql: 'SELECT 1' })
  const second = worker.run({ method: 'get', sql: 'SELECT 2' })
  await t.rejects(first, { ...ENDED, cause: { message: /directory does not exist/ } })
  await t.rejects(second, ENDED)
  t.equal(worker.hasEnded, true)
  await t.rejects(worker.run({ method: 'get', sql: 'SELECT 3' }), ENDED)
  await worker.close()
})

t.test('close ends the thread after its statements, and rolls back an open transaction', async (t) => {
  const { path, other, worker, run } = setUp(t, 'writer')
  await run('begin', '')
  const last = run('run', 'DELETE FROM notes')
  t.equal(worker.inTransaction, true)
  await worker.close()
  t.match(await last, { changes: 1 })
  t.equal(worker.hasEnded, true)
  t.equal(worker.inTransaction, false)
  t.same(other.prepare('SELECT data FROM notes').all(), [{ data: 'a' }])
  await worker.close()
  other.close()
  t.notOk(existsSync(`${path}-wal`), 'its connection is closed')
})

t.test('a statement that is sent after close rejects', async (t) => {
  const { worker, run } = setUp(t)
  const closed = worker.close()
  await t.rejects(run('get', 'SELECT 1'), ENDED)
  await closed
})
