import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Random } from '../../coherence/storm/random.ts'
import { startPostgres } from '../../support/postgres.ts'
import { startRestartableRedis } from '../../support/restartable-redis.ts'
import { soak } from '../../support/soak.ts'
import { CELLS_OF_PRODUCTS, SERVICE_PAGES } from './site/pages.ts'
import { PsqlPool } from './site/psql.ts'
import { Answers, readSite } from './site/reader.ts'
import { startService } from './site/site.ts'
import { Committed } from './storm/cells.ts'
import { write } from './storm/writer.ts'

/*
 * Promise G1, "never stale", with three processes of the service, and with `psql` that writes: in transactions of
 * all isolation levels, in bulk, with savepoints, and with two-phase commits. PostgreSQL and Redis are killed and
 * restarted meanwhile. STORM_SEED repeats the choices of a storm, but not its scheduling.
 */
const SEED = Number(process.env.STORM_SEED ?? Date.now() % 1_000_000)
const SITES = 3
const READERS = 2
/** How many answers are checked, how many psql write, and how often each fault happens. */
const FULL = { answers: 12_000, writers: 4, rounds: 3, faults: 4 }
const FORM = soak(FULL, { answers: 300, writers: 1, rounds: 1, faults: 2 })
/** Milliseconds between two transactions, so that some entries stay valid for a while. */
const MAX_PAUSE = 60
/** Hits of each process after a fault: its cache is in use again. */
const HITS_AFTER = soak(20, 10)

t.setTimeout(soak(600_000, 240_000))

t.test('no answer of three processes of the service is stale while PostgreSQL and Redis are killed', async (t) => {
  t.comment(`STORM_SEED=${SEED}`)
  const random = new Random(SEED)
  const postgres = await startPostgres(t, { deadlock_timeout: '20ms' })
  const redis = await startRestartableRedis(t)
  const pool = await postgres.createPool(t)
  const database = pool.options.database!
  const url = `postgres://postgres@/${database}?host=${encodeURIComponent(postgres.host)}`
  const sites = await Promise.all(Array.from({ length: SITES }, () => startService(t, url, redis.url)))
  await pool.query(CELLS_OF_PRODUCTS)
  const answers = sites.map(() => new Answers())
  const committed = new Committed()
  const psql = new PsqlPool(postgres.host, database)
  t.teardown(() => psql.end())
  let isOver = false
  const over = () => isOver

  const checked = () => answers.reduce((sum, { checked }) => sum + checked, 0)
  const untilChecked = async (count: number) => {
    while (checked() < count) await sleep(20)
  }
  const untilInUse = async () => {
    const before = answers.map(({ hits }) => hits)
    while (answers.some(({ hits }, i) => hits < before[i]! + HITS_AFTER)) await sleep(20)
  }
  const faults = {
    'PostgreSQL is killed': () => postgres.restart('SIGQUIT'),
    'Redis is killed, and loses all': async () => {
      await redis.kill()
      await sleep(200)
      await redis.restart({ empty: true })
    },
    'a process of PostgreSQL is killed': async () => {
      const { rows } = await pool.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
      process.kill(random.pick(rows).pid, 'SIGKILL')
    },
    'Redis restarts with old data': async () => {
      await redis.save()
      await untilInUse()
      await redis.kill()
      await redis.restart()
    }
  }

  const workers = [
    ...sites.flatMap(({ url }, i) => Array.from({ length: READERS }, () => readSite({
      getUrl: () => url, pages: SERVICE_PAGES, committed, random, isOver: over, getAnswers: () => answers[i]!
    }))),
    ...Array.from({ length: FORM.writers }, () => write({
      pool: psql, committed, random, isOver: over, allowAsyncCommit: false, maxPause: MAX_PAUSE
    }))
  ]
  const names = (Object.keys(faults) as Array<keyof typeof faults>).slice(0, FORM.faults)
  const steps = Array.from({ length: FORM.rounds }, () => random.shuffle(names)).flat()
  for (const [i, name] of steps.entries()) {
    await untilChecked(FORM.answers * (i + 1) / (steps.length + 1))
    t.comment(name)
    await faults[name]()
    await untilInUse()
  }
  await untilChecked(FORM.answers)
  isOver = true
  await Promise.all(workers)

  t.comment(`${committed.commits} commits; ${answers.map(({ hits, loads, failed, slowest }) =>
    `${hits} hits, ${loads} loads, ${failed} failed, the slowest ${Math.round(slowest)} ms`).join('; ')}`)
  t.same(answers.flatMap(({ stale }) => stale), [], `no answer is stale, STORM_SEED=${SEED}`)
  t.ok(checked() >= FORM.answers, 'there were enough answers')
  t.ok(answers.every(({ hits }) => hits >= HITS_AFTER * steps.length), 'each process uses its cache')
})
