import { sql } from 'drizzle-orm'
import t from 'tap'
import { MAX_WAITING } from '../../../src/db/transactions.ts'
import { until } from '../../support/until.ts'
import { type Notes, openNotes, shareNotes } from './support.ts'

const BUSY = { code: 'LARDER_DATABASE_BUSY', statusCode: 503 }
const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const LATE = { code: 'LARDER_TRANSACTION_TIMEOUT' }
const gone = new Error('the client has gone')
const share = shareNotes(t)

/** Waits until the server runs nothing of the service any more. */
async function untilIdle ({ pool }: Notes): Promise<void> {
  await until('the server runs nothing', async () => {
    const { rows } = await pool.query(
      "SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state <> 'idle'")
    return rows.length === 0
  })
}

t.test('a statement that takes too long is 503, and the server cancels it', async (t) => {
  const notes = await openNotes(t, { readMs: 300, poolSize: 1 })
  await t.rejects(notes.runLong(), BUSY)
  await untilIdle(notes)
  t.same(await notes.titles(), [])
  t.match(notes.database.load.reads, { waiting: 0, running: 0 })
})

t.test('the server cancels what a client has left that has gone', async (t) => {
  const notes = await share()
  for (const run of [notes.runLong, () => notes.database.transaction(notes.runLong)]) {
    const controller = new AbortController()
    const { reads, transactions } = notes.database.load
    const running = notes.database.withSignal(controller.signal, async () => await run())
    await until('it runs', () => reads.running + transactions.running > 0)
    controller.abort(gone)
    await t.rejects(running, gone)
    await untilIdle(notes)
  }
})

t.test('a statement whose client goes while it waits for a connection does not run', async (t) => {
  const { database, titles, add } = await openNotes(t, { poolSize: 1 })
  const goOn = Promise.withResolvers<void>()
  const first = database.transaction(() => goOn.promise)
  await until('it runs', () => database.load.transactions.running === 1)
  const controller = new AbortController()
  const waiting = database.withSignal(controller.signal, async () => await add('a'))
  await until('it waits', () => database.load.reads.waiting === 1)
  controller.abort(gone)
  await t.rejects(waiting, gone)
  goOn.resolve()
  await first
  t.same(await titles(), [])
})

t.test('the deadline of a transaction cancels its statement, and releases its locks', async (t) => {
  const notes = await openNotes(t, { transactionMs: 300 })
  const { database, add, titles } = notes
  await t.rejects(database.transaction(async () => {
    await add('a')
    await Promise.allSettled([notes.runLong(), t.rejects(add('b'), OVER)])
  }), LATE)
  await untilIdle(notes)
  t.same(await titles(), [])
})

t.test('what finds no free connection in time is 503', async (t) => {
  const { database, titles, add } = await openNotes(t, { poolSize: 1, readMs: 200, lockWaitMs: 200 })
  const goOn = Promise.withResolvers<void>()
  const first = database.transaction(() => goOn.promise)
  await until('it runs', () => database.load.transactions.running === 1)
  await t.rejects(titles(), BUSY)
  await t.rejects(database.transaction(() => add('a')), BUSY)
  goOn.resolve()
  await first
  t.same(await titles(), [])
})

t.test('more than 1,000 statements never wait', async (t) => {
  const { database, titles } = await openNotes(t, { poolSize: 1, readMs: 30_000 })
  const goOn = Promise.withResolvers<void>()
  const first = database.transaction(() => goOn.promise)
  await until('it runs', () => database.load.transactions.running === 1)
  const waiting = Array.from({ length: MAX_WAITING }, titles)
  await until('all wait', () => database.load.reads.waiting === MAX_WAITING)
  await t.rejects(titles(), BUSY)
  goOn.resolve()
  await Promise.all([first, ...waiting])
})

t.test('transactions leave a connection to reads', async (t) => {
  const { database, titles } = await openNotes(t, { poolSize: 2 })
  const goOn = Promise.withResolvers<void>()
  const running = [1, 2].map(() => database.transaction(() => goOn.promise))
  await until('one runs', () => database.load.transactions.running === 1)
  t.same(await titles(), [])
  goOn.resolve()
  await Promise.all(running)
})

t.test('a lock that another program holds for too long is 503', async (t) => {
  const { database, pool } = await openNotes(t, { lockWaitMs: 100 })
  const other = await pool.connect()
  await other.query('BEGIN; LOCK TABLE products')
  await t.rejects(database.transaction(async () => {
    await database.sql.execute(sql`DELETE FROM products`)
  }), BUSY)
  await other.query('ROLLBACK')
  other.release()
})

t.test('the server has limits of its own, since the process may be gone', async (t) => {
  const { database } = await openNotes(t, { transactionMs: 2_000, readMs: 1_000, lockWaitMs: 0 })
  const { rows } = await database.sql.execute(sql`SELECT current_setting('statement_timeout') AS statement,
    current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`)
  t.same(rows, [{ statement: '3s', lock: '1ms', idle: '3s' }])
})

t.test('a transaction that was begun outside of transaction() is rolled back', async (t) => {
  const { database, titles } = await openNotes(t, { poolSize: 1 })
  await t.rejects(async () => await database.sql.execute(sql`BEGIN`), { code: 'LARDER_OPEN_TRANSACTION' })
  const { rows } = await database.sql.execute(sql`SELECT now() = statement_timestamp() AS "isNew"`)
  t.same(rows, [{ isNew: true }])
  t.same(await titles(), [])
})

t.test('a failing statement ends the transaction, also if its error is caught', async (t) => {
  const { database, add, fail, titles } = await share()
  await t.rejects(database.transaction(async () => {
    await add('a')
    await fail().catch(() => {})
    await t.rejects(add('b'), OVER)
    await t.rejects(database.transaction(() => add('c')), OVER)
  }), { code: '23502' })
  t.same(await titles(), [])
})

t.test('statements of a transaction run one after another', async (t) => {
  const { database, add, titles } = await share()
  await database.transaction(() => Promise.all(['a', 'b', 'c'].map(add)))
  t.same(await titles(), ['a', 'b', 'c'])
})

t.test('two transactions that wait for each other: one of them is 503', async (t) => {
  const { database, add } = await share()
  await database.transaction(() => Promise.all([add('a'), add('b')]))
  const both = Promise.withResolvers<void>()
  let begun = 0
  const touch = async (title: string) => {
    await database.sql.execute(sql`UPDATE products SET price = '2' WHERE title = ${title}`)
  }
  const run = (first: string, second: string) => database.transaction(async () => {
    await touch(first)
    if (++begun === 2) both.resolve()
    await both.promise
    await touch(second)
  })
  const results = await Promise.allSettled([run('a', 'b'), run('b', 'a')])
  const failed = results.filter(({ status }) => status === 'rejected')
  t.match(failed, [{ reason: BUSY }])
})

t.test('errors of statements are those of the server, and show no statement', async (t) => {
  const { database } = await share()
  const failing = async () => await database.sql.execute(sql`SELECT * FROM nowhere WHERE secret = ${'s3cret'}`)
  await t.rejects(failing(), { code: '42P01', message: 'relation "nowhere" does not exist' })
  t.throws(() => database.sql.transaction(async () => {}), { message: /Use database\.transaction\(\)/ })
})
