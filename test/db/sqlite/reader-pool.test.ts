import t from 'tap'
import { MAX_WAITING, ReaderPool } from '../../../src/db/sqlite/reader-pool.ts'
import type { SqlWorker } from '../../../src/db/sqlite/sql-worker.ts'
import type { Statement, StatementResult } from '../../../src/db/sqlite/statement-runner.ts'

const BUSY = { code: 'LARDER_DATABASE_BUSY', statusCode: 503 }
const oops = new Error('oops')
const gone = new Error('the client has gone')

/** A thread whose statements end when the test says so. */
class FakeWorker {
  readonly #running: Array<PromiseWithResolvers<StatementResult> & { sql: string }> = []
  hasEnded = false
  isClosed = false

  get running (): string[] {
    return this.#running.map(({ sql }) => sql)
  }

  run ({ sql }: Statement): Promise<StatementResult> {
    const running = { sql, ...Promise.withResolvers<StatementResult>() }
    this.#running.push(running)
    return running.promise
  }

  /** Ends the statement that runs. */
  async finish (error?: Error): Promise<void> {
    const { resolve, reject, sql } = this.#running.shift()!
    if (error === undefined) resolve({ rows: sql, wrote: false })
    else reject(error)
    await turn()
  }

  async close (): Promise<void> {
    this.isClosed = true
  }
}

const turn = () => new Promise(setImmediate)

function setUp (readMs = 10_000) {
  const workers: FakeWorker[] = []
  const start: { error?: Error | undefined } = {}
  const pool = new ReaderPool({
    readMs,
    start () {
      if (start.error !== undefined) throw start.error
      const worker = new FakeWorker()
      workers.push(worker)
      return worker as Partial<SqlWorker> as SqlWorker
    }
  })
  const read = async (sql: string, signal?: AbortSignal) => (await pool.run({ method: 'all', sql }, signal)).rows
  const running = () => workers.map((worker) => worker.running.join())
  return { pool, workers, read, running, start }
}

t.test('two statements run at once, and others wait in the order of their calls', async (t) => {
  const { pool, workers, read, running } = setUp()
  const results = ['a', 'b', 'c', 'd', 'e'].map((sql) => read(sql))
  t.same(running(), ['a', 'b'])
  t.equal(pool.meter.waiting, 3)
  await workers[1]!.finish()
  t.same(running(), ['a', 'c'])
  await workers[1]!.finish()
  await workers[0]!.finish()
  t.same(running(), ['e', 'd'])
  t.equal(pool.meter.waiting, 0)
  for (const worker of workers) await worker.finish()
  t.same(await Promise.all(results), ['a', 'b', 'c', 'd', 'e'])
  const next = read('f')
  t.equal(workers.length, 2, 'threads are used again')
  await workers.find((worker) => worker.running.length > 0)!.finish()
  t.equal(await next, 'f')
})

t.test('a statement that fails rejects alone', async (t) => {
  const { workers, read } = setUp()
  const first = t.rejects(read('a'), oops)
  await workers[0]!.finish(oops)
  await first
  const second = read('b')
  await workers[0]!.finish()
  t.equal(await second, 'b')
  t.equal(workers.length, 1)
})

t.test('more than 1,000 statements never wait', async (t) => {
  const { pool, workers, read } = setUp()
  const waiting = Array.from({ length: 2 + MAX_WAITING }, () => read('a').catch((error: unknown) => error))
  await t.rejects(read('b'), BUSY)
  t.equal(pool.meter.waiting, MAX_WAITING)
  await pool.close()
  t.match(await waiting.at(-1), BUSY)
  for (const worker of workers) await worker.finish()
})

t.test('a statement rejects after its time, whether it waits or runs', async (t) => {
  const { pool, workers, read } = setUp(20)
  const results = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map((sql) => t.rejects(read(sql), BUSY))
  await Promise.all(results)
  t.equal(pool.meter.waiting, 0)
  for (const worker of workers) t.ok(worker.running.length <= 1)
})

t.test('a statement whose signal is aborted before does not run', async (t) => {
  const { workers, read } = setUp()
  await t.rejects(read('a', AbortSignal.abort(gone)), gone)
  t.equal(workers.length, 0)
})

t.test('a signal abandons a statement that waits', async (t) => {
  const { pool, workers, read, running } = setUp()
  const controller = new AbortController()
  const [first, second, third, fourth] = [read('a'), read('b'), read('c', controller.signal), read('d')]
  controller.abort(gone)
  await t.rejects(third, gone)
  t.equal(pool.meter.waiting, 1)
  await workers[0]!.finish()
  t.same(running(), ['d', 'b'])
  for (const worker of workers) await worker.finish()
  t.same(await Promise.all([first, second, fourth]), ['a', 'b', 'd'])
})

t.test('while an abandoned statement runs, another thread takes its place, up to eight threads', async (t) => {
  const { pool, workers, read, running } = setUp()
  const controllers = Array.from({ length: 10 }, () => new AbortController())
  const results = controllers.map(({ signal }, i) => read(String(i), signal).catch((error: unknown) => error))
  for (const controller of controllers.slice(0, 6)) controller.abort(gone)
  t.same(running(), ['0', '1', '2', '3', '4', '5', '6', '7'])
  for (const controller of controllers.slice(6, 8)) controller.abort(gone)
  t.equal(workers.length, 8, 'then statements wait')
  t.equal(pool.meter.waiting, 2)

  await workers[0]!.finish()
  t.same(running(), ['8', '1', '2', '3', '4', '5', '6', '7'], 'a thread that has ended its statement is used again')
  await workers[1]!.finish()
  t.same(running(), ['8', '9', '2', '3', '4', '5', '6', '7'])
  for (const worker of workers.slice(2)) await worker.finish()
  t.same(workers.map(({ isClosed }) => isClosed), [false, false, true, true, true, true, true, true])
  await workers[0]!.finish()
  await workers[1]!.finish()
  t.same(await Promise.all(results), [...Array(8).fill(gone), '8', '9'])
})

t.test('a signal that aborts after the statement has no effect', async (t) => {
  const { workers, read } = setUp()
  const controller = new AbortController()
  const result = read('a', controller.signal)
  await workers[0]!.finish()
  t.equal(await result, 'a')
  controller.abort(gone)
  const next = read('b')
  await workers[0]!.finish()
  t.equal(await next, 'b')
})

t.test('a thread that has ended is replaced', async (t) => {
  const { workers, read } = setUp()
  const first = t.rejects(read('a'), oops)
  workers[0]!.hasEnded = true
  await workers[0]!.finish(oops)
  await first

  const second = read('b')
  t.equal(workers.length, 2)
  await workers[1]!.finish()
  t.equal(await second, 'b')
  workers[1]!.hasEnded = true // while it is idle
  const third = read('c')
  t.equal(workers.length, 3)
  await workers[2]!.finish()
  t.equal(await third, 'c')
})

t.test('a thread that cannot be started rejects the statement that needs it, and others go on', async (t) => {
  const { pool, workers, read, start } = setUp()
  start.error = oops
  await t.rejects(read('a'), oops)
  start.error = undefined
  const [first, second] = [t.rejects(read('b'), oops), t.rejects(read('c'), oops)]
  const waiting = [t.rejects(read('d'), oops), t.rejects(read('e'), oops)]
  start.error = oops
  for (const worker of workers) {
    worker.hasEnded = true
    await worker.finish(oops)
  }
  await Promise.all([first, second, ...waiting])
  t.equal(pool.meter.waiting, 0)
  start.error = undefined
  const last = read('f')
  await workers.at(-1)!.finish()
  t.equal(await last, 'f')
})

t.test('a statement that is sent after close rejects, and starts no thread', async (t) => {
  const { pool, workers, read } = setUp()
  const first = read('a')
  const closed = pool.close()
  const CLOSED = { code: 'LARDER_DATABASE_CLOSED', statusCode: 503 }
  await t.rejects(read('b'), CLOSED)
  await workers[0]!.finish()
  await first
  await closed
  await t.rejects(read('c'), CLOSED)
  t.equal(workers.length, 1)
})

t.test('close rejects what waits, and closes threads that are idle or busy', async (t) => {
  const { pool, workers, read } = setUp()
  const [first, second, third] = [read('a'), read('b'), t.rejects(read('c'), BUSY)]
  await pool.close()
  await third
  t.same(workers.map(({ isClosed }) => isClosed), [true, true])
  for (const worker of workers) await worker.finish()
  t.same(await Promise.all([first, second]), ['a', 'b'], 'what runs ends first')

  const other = setUp()
  const only = other.read('a')
  await other.workers[0]!.finish()
  await only
  await other.pool.close()
  t.equal(other.workers[0]!.isClosed, true)
})
