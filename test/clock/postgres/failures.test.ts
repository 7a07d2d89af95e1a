import { asc } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import Fastify from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import larder from '../../../src/larder/index.ts'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { sharePostgres, startPostgres } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { createBlog, MIGRATION, posts } from './blog.ts'

/** Milliseconds: a look may take 250 on an idle machine. */
const MAX_WAIT_MS = 5_000
const MAX_RECOVERY_MS = 20_000
const IMPATIENT = { connectionTimeoutMillis: 1_000, query_timeout: 1_000 }

/** Tests that stop no server share this one. */
const shared = await sharePostgres(t)

/** An application with one cached page, whose handler waits at most a second for the database. */
async function createApp (t: Test, postgres = shared) {
  const { pool, clock } = await createBlog(t, postgres)
  const impatient = await postgres.createPool(t, { database: pool.options.database, ...IMPATIENT })
  const db = drizzle({ client: impatient, logger: clock.logger })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(larder, { clock, ttl: '5m' })
  app.get('/posts', { config: { cachePage: '5m' } }, async () => {
    try {
      return (await db.select().from(posts).orderBy(asc(posts.id))).map(({ title }) => title)
    } catch {
      return ['unknown']
    }
  })
  const get = async () => {
    const startedAt = performance.now()
    const { statusCode, headers, body } = await app.inject('/posts')
    return { statusCode, status: String(headers['cache-status']), body, ms: performance.now() - startedAt }
  }
  /** Checks that requests are answered at once, from the handler. */
  const expectMisses = async (t: Test) => {
    for (let requests = 0; requests < 3; requests++) {
      const { statusCode, status, ms } = await get()
      t.equal(statusCode, 200)
      t.notMatch(status, /hit|stored/)
      t.ok(ms < MAX_WAIT_MS, `${ms} ms`)
    }
  }
  const untilHit = async () => {
    const startedAt = performance.now()
    await until('the cache is in use again', async () => /hit/.test((await get()).status))
    return performance.now() - startedAt
  }
  await untilHit()
  return { pool, get, expectMisses, untilHit }
}

t.test('while PostgreSQL is stopped, requests are answered without the cache, and after it with it', async (t) => {
  const postgres = await startPostgres(t)
  const { pool, get, expectMisses, untilHit } = await createApp(t, postgres)
  const pids = (await pool.query<{ pid: number }>('SELECT pid FROM pg_stat_activity')).rows.map(({ pid }) => pid)
  for (const pid of [postgres.pid, ...pids]) process.kill(pid, 'SIGSTOP')
  await expectMisses(t)
  for (const pid of [postgres.pid, ...pids]) process.kill(pid, 'SIGCONT')
  t.ok(await untilHit() < MAX_RECOVERY_MS)
  await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.equal((await get()).body, '["eins","two"]')
})

for (const how of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
  t.test(`while PostgreSQL is down after ${how}, requests are answered without the cache`, async (t) => {
    const postgres = await startPostgres(t)
    const { pool, get, expectMisses, untilHit } = await createApp(t, postgres)
    await postgres.stop(how)
    await expectMisses(t)
    await postgres.start()
    t.ok(await untilHit() < MAX_RECOVERY_MS)
    await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.equal((await get()).body, '["eins","two"]')
  })
}

t.test('the clock has a connection of its own when all others are used', async (t) => {
  const { pool, get } = await createApp(t)
  const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()))
  t.match((await get()).status, /hit/)
  for (const client of clients) client.release()
})

t.test('while PostgreSQL accepts no connection of the clock, requests are answered without the cache', async (t) => {
  const { pool, expectMisses, untilHit } = await createApp(t)
  const { host, database } = pool.options
  const admin = new pg.Client({ host, user: 'postgres', database: 'postgres' })
  await admin.connect()
  await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`)
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FROM larder.clock%' " +
    'AND pid <> pg_backend_pid()')
  await expectMisses(t)
  t.equal((await pool.query('SELECT 1')).rowCount, 1, 'the application has connections')
  await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`)
  await admin.end()
  t.ok(await untilHit() < MAX_RECOVERY_MS)
})

t.test('a database that cannot be reached fails the start with the error of the driver', async (t) => {
  const postgres = await startPostgres(t)
  const missing = new pg.Pool({ host: postgres.host, user: 'nobody', database: 'postgres' })
  t.teardown(() => missing.end())
  await t.rejects(postgresClock(missing), { message: 'role "nobody" does not exist' })
  await postgres.stop('SIGINT')
  const gone = new pg.Pool({ host: postgres.host, user: 'postgres', database: 'postgres' })
  t.teardown(() => gone.end())
  await t.rejects(postgresClock(gone), { code: 'ENOENT' })
})

t.test('what is not a pool is refused with one sentence, and so are unknown options', async (t) => {
  const pool = await shared.createPool(t)
  for (const wrong of [undefined, {}, 'postgres://', new pg.Client()]) {
    await t.rejects(postgresClock(wrong as never), {
      code: 'FST_ERR_LARDER_CONNECTION', message: 'postgresClock() takes a Pool of pg.'
    })
  }
  await t.rejects(postgresClock(pool, { lockWiat: 1 } as never), {
    message: 'postgresClock() has no option lockWiat. Did you mean lockWait?'
  })
})

t.test('a table that stays locked fails the start and remove() with one sentence, after lockWait', async (t) => {
  const pool = await shared.createPool(t)
  await pool.query(MIGRATION)
  const other = await pool.connect()
  await other.query('BEGIN; LOCK TABLE posts')
  const expected = { code: 'FST_ERR_LARDER_LOCKED', statusCode: 503, message: /stayed locked for 0.05 s/ }
  await t.rejects(postgresClock(pool, { lockWait: 0.05 }), expected)
  await other.query('COMMIT')
  const clock = await postgresClock(pool, { lockWait: 0.05 })
  await other.query('BEGIN; LOCK TABLE posts')
  await clock.refresh()
  await t.rejects(clock.remove(), expected)
  await other.query('COMMIT')
  other.release()
  await clock.remove()
})
