import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SQL, sql } from 'drizzle-orm'
import t from 'tap'
import { soak } from '../../support/soak.ts'
import { until } from '../../support/until.ts'
import { notes } from '../support.ts'

const BUSY = { code: 'LARDER_DATABASE_BUSY', statusCode: 503 }
const gone = new Error('the client has gone')

/** To count so far takes about a second on a fast machine, or half of it. */
const ROWS = soak(2_000_000, 1_000_000)
/** Milliseconds that statements may take. */
const LIMIT_MS = soak(300, 200)

/** Builds a slow statement, which cannot be interrupted. */
const count = (insert = sql``, to = ROWS): SQL => sql`${insert} WITH RECURSIVE n (i) AS (
  SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT max(i), '1' FROM n`
const slowInsert = () => count(sql`INSERT INTO products (title, price)`)

t.test('a slow read delays neither other reads nor the event loop', async (t) => {
  const { database, titles } = notes(t, { readMs: 60_000 })
  await titles()
  const events: string[] = []
  const slow = database.sql.values(count()).then((rows) => {
    events.push('the slow one')
    return rows
  })
  for (let i = 0; i < 10; i++) {
    await titles()
    await sleep(1)
    events.push('another one')
  }
  t.same(await slow, [[ROWS, '1']])
  t.same(events, [...Array(10).fill('another one'), 'the slow one'])
})

t.test('withSignal abandons a read whose statement goes on, and others read meanwhile', async (t) => {
  const { database, titles } = notes(t, { readMs: 60_000 })
  await titles()
  const controllers = [1, 2, 3].map(() => new AbortController())
  const results = controllers.map(({ signal }) =>
    database.withSignal(signal, () => database.sql.values(count()).execute()))
  t.equal(database.load.reads.waiting, 1)
  for (const controller of controllers) controller.abort(gone)
  for (const result of results) await t.rejects(result, gone)
  t.same(await titles(), [])
})

t.test('a read that takes too long rejects with 503, and others read meanwhile', async (t) => {
  const { database, titles } = notes(t, { readMs: LIMIT_MS })
  await until('a thread has started', async () => {
    try {
      return await titles()
    } catch {
      return false
    }
  })
  const started = performance.now()
  await t.rejects(database.sql.values(count(sql``, soak(3, 2) * ROWS)), BUSY)
  t.ok(performance.now() - started < 1_000)
  await until('another thread has started', async () => {
    try {
      return await titles()
    } catch {
      return false
    }
  })
})

t.test('a transaction with a slow statement rejects at its deadline, and nothing of it remains', async (t) => {
  const { database, add, titles } = notes(t, { transactionMs: LIMIT_MS, lockWaitMs: 20 })
  let late: Promise<unknown> | undefined
  const started = performance.now()
  await t.rejects(database.transaction(async () => {
    await add('before')
    late = database.sql.run(slowInsert()).then(() => add('after'))
    await late
  }), { code: 'LARDER_TRANSACTION_TIMEOUT', statusCode: 503 })
  t.ok(performance.now() - started < 1_200, 'although the statement cannot be interrupted')
  t.same(await titles(), [], 'reads go on')
  await t.rejects(database.transaction(() => t.fail('the work ran')), BUSY, 'other transactions wait for the thread')
  await t.rejects(late!, { code: 'LARDER_TRANSACTION_OVER' })
  await until('a transaction works again', async () => {
    try {
      await database.transaction(() => add('later'))
      return true
    } catch {
      return false
    }
  })
  t.same(await titles(), ['later'])
})

t.test('withSignal rolls back a transaction with a slow statement', async (t) => {
  const { database, add, titles } = notes(t)
  const controller = new AbortController()
  const transaction = database.withSignal(controller.signal, () => database.transaction(async () => {
    await add('before')
    setImmediate(() => controller.abort(gone))
    await database.sql.run(slowInsert())
  }))
  await t.rejects(transaction, gone)
  await database.transaction(() => add('later'))
  t.same(await titles(), ['later'])
})
