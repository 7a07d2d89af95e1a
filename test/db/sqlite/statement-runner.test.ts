import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { type Statement, StatementRunner } from '../../../src/db/sqlite/statement-runner.ts'

function setUp (t: Test, inTransactions = false) {
  const connection = new Sqlite(':memory:')
  t.teardown(() => connection.close())
  connection.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO notes VALUES (1, 'a'), (2, 'b')")
  const runner = new StatementRunner(connection, inTransactions)
  const run = (method: Statement['method'], sql: string, ...parameters: unknown[]) =>
    runner.run({ method, sql, parameters })
  return { connection, runner, run }
}

t.test('a statement returns rows as objects or arrays, its first row, or what it has changed', async (t) => {
  const { runner, run } = setUp(t)
  const sql = 'SELECT * FROM notes ORDER BY id'
  const rows = [{ id: 1, text: 'a' }, { id: 2, text: 'b' }]
  t.same(run('all', sql), { rows, wrote: false })
  t.same(runner.run({ method: 'all', sql, asArrays: true }), { rows: [[1, 'a'], [2, 'b']], wrote: false })
  t.same(run('get', sql), { rows: rows[0], wrote: false })
  t.same(run('get', 'SELECT * FROM notes WHERE id = ?', 9), { rows: undefined, wrote: false })
  t.same(run('run', 'UPDATE notes SET text = ?', 'c'), { changes: 2, lastInsertRowid: 2, wrote: true })
  t.same(run('all', 'DELETE FROM notes WHERE id = 1 RETURNING text'), { rows: [{ text: 'c' }], wrote: true })
})

t.test('a runner of transactions runs statements inside of them only', async (t) => {
  const { runner, run } = setUp(t, true)
  const OVER = { code: 'LARDER_TRANSACTION_OVER' }
  t.throws(() => run('run', "UPDATE notes SET text = 'c'"), OVER)
  t.throws(() => run('exec', 'SAVEPOINT a'), OVER, 'a savepoint would begin a transaction')
  t.equal(runner.inTransaction, false)
  t.same(run('begin', ''), { wrote: false })
  t.equal(runner.inTransaction, true)
  t.same(run('exec', 'SAVEPOINT a'), { wrote: false })
  run('run', "UPDATE notes SET text = 'c'")
  run('exec', 'ROLLBACK')
  t.equal(runner.inTransaction, false)
  t.throws(() => run('exec', 'ROLLBACK'), OVER)
})

t.test('a transaction that was left open is rolled back before the next one begins', async (t) => {
  const { runner, run } = setUp(t, true)
  run('begin', '')
  run('run', "UPDATE notes SET text = 'c'")
  run('begin', '')
  t.equal(runner.inTransaction, true)
  t.match(run('get', 'SELECT text FROM notes'), { rows: { text: 'a' } })
})

t.test('another runner rolls back a transaction that is left open, since it would hold a snapshot', async (t) => {
  const { runner, run } = setUp(t)
  for (const sql of ['BEGIN', 'BEGIN IMMEDIATE', 'SAVEPOINT a']) {
    t.throws(() => run('run', sql), { code: 'LARDER_OPEN_TRANSACTION', statusCode: 500 })
    t.equal(runner.inTransaction, false)
  }
  t.throws(() => run('run', 'COMMIT'), { code: 'SQLITE_ERROR' })
})

t.test('a compiled statement sees a change of the schema', async (t) => {
  const { connection, run } = setUp(t)
  t.match(run('get', 'SELECT * FROM notes'), { rows: { id: 1, text: 'a' } })
  connection.exec("ALTER TABLE notes ADD COLUMN more DEFAULT 'x'")
  t.match(run('get', 'SELECT * FROM notes'), { rows: { id: 1, text: 'a', more: 'x' } })
})

t.test('up to 200 statements stay compiled: those that were used last', async (t) => {
  const { connection, run } = setUp(t)
  const compiled: string[] = []
  const { prepare } = connection
  connection.prepare = ((sql: string) => {
    compiled.push(sql)
    return prepare.call(connection, sql)
  }) as typeof prepare
  const select = (n: number) => run('get', `SELECT ${n}`)
  for (let n = 0; n < 200; n++) select(n)
  select(0)
  t.equal(compiled.length, 200)
  select(200)
  select(0)
  t.equal(compiled.length, 201)
  select(1)
  t.same(compiled.slice(200), ['SELECT 200', 'SELECT 1'])
})

t.test('a statement that fails can be run again', async (t) => {
  const { run } = setUp(t)
  const insert = (id: number) => run('run', 'INSERT INTO notes VALUES (?, ?)', id, 'c')
  t.throws(() => insert(1), { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
  t.match(insert(3), { changes: 1, lastInsertRowid: 3 })
  t.throws(() => run('run', 'INSERT INTO notes VALUES (?, ?)', 4, true), { name: 'TypeError' })
  t.throws(() => run('run', 'INSERT INTO notes VALUES (?, ?)', 4), { name: 'RangeError' })
})
