import Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { installClock } from '../../../src/db/sqlite/install-clock.ts'
import { StatementRunner } from '../../../src/db/sqlite/statement-runner.ts'

async function setUp (t: Test) {
  const path = `${t.testdir()}/larder.db`
  await openDatabase(`file:${path}`).close()
  const connect = () => {
    const connection = new Sqlite(path, { timeout: 0 })
    t.teardown(() => connection.close())
    return connection
  }
  const other = connect()
  const rows = () => other.prepare('SELECT rows FROM larder_rows').pluck().get()
  return { connection: connect(), other, rows }
}

t.test('installClock counts rows later if another program has locked the file', async (t) => {
  const { connection, other, rows } = await setUp(t)
  other.exec('UPDATE larder_rows SET rows = NULL; BEGIN IMMEDIATE')
  installClock(connection)
  t.equal(rows(), null)
  other.exec('COMMIT')
  installClock(connection)
  t.equal(rows(), 0)
})

t.test('installClock fails if the rows cannot be counted for another reason', async (t) => {
  const { connection } = await setUp(t)
  const prepare = connection.prepare.bind(connection)
  connection.prepare = ((sql: string) => {
    if (sql.includes('count(*) FROM "products"')) throw new Error('oops')
    return prepare(sql)
  }) as typeof prepare
  t.throws(() => installClock(connection), { message: 'oops' })
})

t.test('a repair creates triggers that are missing, and counts rows whose number is not known', async (t) => {
  const { connection, other, rows } = await setUp(t)
  other.exec("DROP TRIGGER larder_products_insert; INSERT INTO products (title, price) VALUES ('a', '1')")
  const runner = new StatementRunner(connection, true)
  t.same(runner.run({ method: 'repair', sql: '' }), { wrote: false })
  t.equal(rows(), 1)
  other.exec("INSERT INTO products (title, price) VALUES ('a', '1')")
  t.equal(rows(), 2)
})
