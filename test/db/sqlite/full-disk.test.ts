import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { SqlWorker } from '../../../src/db/sqlite/sql-worker.ts'
import type { Statement } from '../../../src/db/sqlite/statement-runner.ts'
import { testApp } from '../../support/app.ts'
import { notes } from '../support.ts'

const product = { title: 'x'.repeat(200), price: '1' }
const products = Array.from({ length: 1_000 }, () => product)

/** The service, its log, and a way to limit the pages of its database. */
async function service (t: Test) {
  let pages = 1_000_000
  const { run } = SqlWorker.prototype
  mock.method(SqlWorker.prototype, 'run', async function (this: SqlWorker, statement: Statement) {
    const result = await run.call(this, statement)
    // It holds for the connection of transactions, in its thread.
    const sql = `PRAGMA max_page_count = ${pages}`
    if (statement.method === 'begin') await run.call(this, { method: 'get', sql })
    return result
  })
  t.teardown(() => mock.restoreAll())
  const lines: string[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line).msg) } }
  const app = await testApp(t, {}, { logger: { level: 'warn', stream } })
  const limitPages = (count: number) => { pages = count }
  const post = (body: object) => app.inject({ method: 'POST', url: '/api/products', body })
  return { app, lines, limitPages, post }
}

t.test('while the disk is full, changes are 503, nothing of them is stored, and reads go on', async (t) => {
  const { app, lines, limitPages, post } = await service(t)
  const total = async () => (await app.inject('/api/products')).json().total
  const before = await total()
  limitPages(1) // SQLite takes the present size instead, if it is larger.
  for (let attempts = 0; attempts < 3; attempts++) {
    const response = await post(products)
    t.equal(response.statusCode, 503)
    t.match(response.json(), {
      code: 'LARDER_DATABASE_FULL',
      message: 'The database is full and accepts no changes at the moment. Try again later.'
    })
  }
  t.match(lines.filter((line) => line !== 'request failed'),
    [/^There is no space for the database file .* \(DATABASE_URL\), so changes are refused\. Free some space/])
  t.equal(await total(), before)
  t.equal((await app.inject('/')).statusCode, 200)
  t.match((await app.inject('/')).headers['server-timing'], /desc="hit"/)
  t.equal((await app.inject('/readyz')).statusCode, 200)

  limitPages(1_000_000)
  t.equal((await post(products)).statusCode, 201)
  t.equal(await total(), before + products.length)
})

t.test('a full disk is 503 also in a savepoint, and the transaction is rolled back', async (t) => {
  const { database, add, titles } = notes(t)
  await t.rejects(database.transaction(async () => {
    await database.sql.run('PRAGMA max_page_count = 1')
    await add('a')
    await database.transaction(async () => { for (let i = 0; i < 1_000; i++) await add('x'.repeat(1_000)) })
  }), { code: 'LARDER_DATABASE_FULL' })
  t.same(await titles(), [])
})
