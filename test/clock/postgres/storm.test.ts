import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { memoryStore } from '../../../src/cache/index.ts'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { soak } from '../../support/soak.ts'
import { type PrivatePostgres, startPostgres } from '../../support/postgres.ts'
import { Random } from '../../coherence/storm/random.ts'
import { Committed, SCHEMA } from './storm/cells.ts'
import { type Answers, read } from './storm/reader.ts'
import { write } from './storm/writer.ts'

/*
 * Promise G1, "never stale", while many transactions run at once: no answer is older than what had been committed
 * before it was requested. Writers and readers are in one process, so "before" is exact. Each reader has a clock of its
 * own, and all share one store, as processes do. STORM_SEED repeats the choices of a storm, but not its scheduling.
 */
const SEED = Number(process.env.STORM_SEED ?? Date.now() % 1_000_000)
const WRITERS = 6
const READERS = 6
/** Answers to check without crashes, and with them. */
const MIN_ANSWERS = soak(30_000, 2_000)
const MIN_ANSWERS_IN_CRASHES = soak(10_000, 1_000)
const CRASHES = soak(5, 2)

t.setTimeout(soak(600_000, 240_000))

interface Storm {
  readonly postgres: PrivatePostgres
  readonly answers: Answers
  readonly committed: Committed
}

/** @param disturb runs beside the storm, which ends after it */
async function storm (t: Test, allowAsyncCommit: boolean, disturb: (storm: Storm) => Promise<void>): Promise<Storm> {
  const postgres = await startPostgres(t, { deadlock_timeout: '20ms' })
  const pool = await postgres.createPool(t, { max: WRITERS + READERS, connectionTimeoutMillis: 1_000 })
  await pool.query(SCHEMA)
  const random = new Random(SEED)
  const committed = new Committed()
  const answers: Answers = { hits: 0, loads: 0, failed: 0, stale: [] }
  const store = memoryStore()
  const clocks = await Promise.all(Array.from({ length: READERS }, () => postgresClock(pool)))
  t.teardown(() => Promise.all(clocks.map((clock) => clock.close())))
  let isOver = false
  const over = () => isOver
  const workers = [
    ...clocks.map((clock) => read({ pool, clock, store, committed, random, isOver: over, answers })),
    ...Array.from({ length: WRITERS }, () => write({ pool, committed, random, isOver: over, allowAsyncCommit })),
    foldOften(pool, random, over)
  ]
  await disturb({ postgres, answers, committed })
  isOver = true
  await Promise.all(workers)
  const { hits, loads, failed, stale } = answers
  t.comment(`seed ${SEED}: ${committed.commits} commits, ${hits} hits, ${loads} loads, ${failed} failed`)
  t.same(stale, [], 'no answer is stale')
  return { postgres, answers, committed }
}

async function foldOften (pool: pg.Pool, random: Random, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await pool.query('SELECT larder.fold()').catch(() => {})
    await sleep(random.next() * 60)
  }
}

/** Waits for answers, a tenth of which are hits: on a busy machine, many looks take too long, and are misses. */
async function untilAnswered ({ answers }: Storm, count: number): Promise<void> {
  while (answers.hits + answers.loads < count || answers.hits < count / 10) await sleep(20)
}

/** Connects as another program, once the server has recovered from its last crash. */
async function connectAdmin ({ postgres }: Storm): Promise<pg.Client> {
  while (true) {
    const client = new pg.Client({ host: postgres.host, user: 'postgres', database: 'test_1' })
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch {
      await sleep(20)
    }
  }
}

t.test('no answer is stale while transactions of all kinds commit and roll back', async (t) => {
  await storm(t, true, (storm) => untilAnswered(storm, MIN_ANSWERS))
})

t.test('no answer is stale while PostgreSQL crashes, and uses the numbers of lost transactions again', async (t) => {
  const { answers } = await storm(t, false, async (storm) => {
    for (let crash = 1; crash <= CRASHES; crash++) {
      await untilAnswered(storm, MIN_ANSWERS_IN_CRASHES * crash / (CRASHES + 1))
      const admin = await connectAdmin(storm)
      const { rows } = await admin.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
      // The first process ends all others then, and recovers from the log.
      process.kill(rows[crash % rows.length]!.pid, 'SIGKILL')
      await admin.end().catch(() => {})
      const before = storm.answers.hits
      while (storm.answers.hits === before) await sleep(10)
    }
    await untilAnswered(storm, MIN_ANSWERS_IN_CRASHES)
  })
  t.ok(answers.failed > 0, 'it was down')
})
