import { sql } from 'drizzle-orm'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { testApp } from '../../support/app.ts'
import { type PrivatePostgres, startPostgres } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { type Notes, openNotes } from './support.ts'

const UNAVAILABLE = { code: 'LARDER_DATABASE_UNAVAILABLE', statusCode: 503 }
/** A statement may have been sent, or no connection may be had. */
const BROKEN = { message: /^The database (?:is busy|does not respond)/ }
const UNKNOWN = { code: 'LARDER_COMMIT_UNKNOWN', statusCode: 504 }
const LIMITS = { readMs: 1_000, transactionMs: 1_000, lockWaitMs: 1_000, poolSize: 3 }
/** Milliseconds: each attempt has a limit of a second or two, on an idle machine. */
const BOUND_MS = 15_000

let postgres: PrivatePostgres
t.before(async () => { postgres = await startPostgres(t, { max_connections: '25' }) })

/** The service on a database, and the ways to request what depends on it. */
async function startService (t: Test, { url }: Notes) {
  const app = await testApp(t, { DATABASE_URL: url, DATABASE_POOL: '2' })
  const get = async (path: string) => {
    const { statusCode, headers, json } = await app.inject(path)
    return { statusCode, timing: String(headers['server-timing']), retryAfter: headers['retry-after'], json }
  }
  const readiness = async () => {
    const { statusCode, json } = await get('/readyz')
    return [statusCode, json().status]
  }
  const post = async () => (await app.inject({
    method: 'POST', url: '/api/products', body: { title: 'Tea', price: '1' }
  }))
  const untilHit = () => until('the list is served from the cache', async () => /hit/.test((await get('/')).timing))
  return { get, post, readiness, untilHit }
}

/** Stops all processes of the server, as SIGSTOP does. Returns the way to continue them. */
async function freeze (pool: pg.Pool): Promise<() => void> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pid FROM pg_stat_activity')
  const pids = [postgres.pid, ...rows.map(({ pid }) => pid)]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  return () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGCONT')
      } catch {} // it has ended meanwhile
    }
  }
}

/** Runs a statement in a database that refuses changes. */
async function change (pool: pg.Pool, statement: string): Promise<void> {
  const client = await pool.connect()
  await client.query('SET default_transaction_read_only = off')
  await client.query(statement)
  await client.query('SELECT pg_reload_conf()')
  client.release(true)
}

t.test('a server that is stopped', async (t) => {
  const notes = await openNotes(t, LIMITS, postgres)
  const { database, titles, add, pool, warnings } = notes
  await Promise.all([titles(), titles(), database.transaction(() => add('a'))])
  const other = await openDatabase(notes.url)
  await other.checkState()
  const thaw = await freeze(pool)
  t.teardown(thaw)
  await other.close()
  const startedAt = performance.now()
  await t.rejects(titles(), BROKEN)
  await t.rejects(database.transaction(() => add('b')), BROKEN)
  await t.rejects(database.checkState(), BROKEN)
  await until('it is logged', () => warnings.length > 0)
  t.ok(performance.now() - startedAt < BOUND_MS)
  t.match(warnings, [/^The PostgreSQL at postgres:\/\/postgres@\/test_\d+\?host=.* does not respond \(.*\)\. What depends/])
  thaw()
  await until('reads work again', () => titles().then(() => true, () => false))
  await database.transaction(() => add('c'))
  t.ok((await titles()).includes('c'))
})

t.test('a commit without an answer', async (t) => {
  const { database, pool, add } = await openNotes(t, LIMITS, postgres)
  await pool.query(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(CASE NEW.title WHEN 'slow' THEN 60 ELSE 0 END);
       IF NEW.title = 'bad' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON products DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait()`)
  const save = (title: string) => database.transaction(async () => {
    await add(title)
    database.afterCommit(() => t.fail('a callback ran'))
  })

  t.test('in time may or may not have happened', async (t) => {
    await t.rejects(save('slow'), UNKNOWN)
  })

  t.test('because the connection was lost may or may not have happened', async (t) => {
    const saving = save('slow')
    saving.catch(() => {})
    await until('it commits', async () => {
      const { rows } = await pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'")
      return rows.length > 0
    })
    await t.rejects(saving, UNKNOWN)
  })

  t.test('of success has not happened', async (t) => {
    await t.rejects(save('bad'), { message: 'refused' })
  })
})

t.test('a server that ends a connection rolls back its transaction, and the next one works', async (t) => {
  const { database, pool, add, titles } = await openNotes(t, LIMITS, postgres)
  await t.rejects(database.transaction(async () => {
    await add('a')
    const { rows: [row] } = await database.sql.execute<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`)
    await pool.query('SELECT pg_terminate_backend($1)', [row!.pid])
    await t.rejects(add('b'))
    await add('c')
  }))
  t.same(await titles(), [])
})

t.test('a server that accepts no more connections', async (t) => {
  const { database, pool, titles, add, warnings } = await openNotes(t, LIMITS, postgres)
  const others: pg.Client[] = []
  /** Another program takes all connections that are free. */
  const takeAll = async () => {
    while (true) {
      const client = new pg.Client({ host: postgres.host, user: 'postgres', database: pool.options.database! })
      client.on('error', () => {})
      try {
        await client.connect()
        others.push(client)
      } catch {
        return
      }
    }
  }
  await takeAll()
  await others[0]!.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'larder'")
  await takeAll()
  await until('reads are refused', () => titles().then(() => false, () => true))
  await t.rejects(titles(), UNAVAILABLE)
  await t.rejects(database.transaction(() => add('a')), UNAVAILABLE)
  t.ok(warnings.some((line) => / accepts no more connections \(.*\)\. Raise max_connections, or lower/.test(line)))
  await Promise.all(others.map((client) => client.end()))
  await until('reads work again', () => titles().then(() => true, () => false))
  await database.transaction(() => add('b'))
  t.same(await titles(), ['b'])
})

t.test('a database that is read-only', async (t) => {
  const notes = await openNotes(t, LIMITS, postgres)
  const { database, pool, add, titles, warnings } = notes
  await database.transaction(() => add('a'))
  const service = await startService(t, notes)
  await change(pool, 'ALTER SYSTEM SET default_transaction_read_only = on')
  await until('it is read-only', async () => await database.checkState() === 'read-only')
  t.teardown(() => change(pool, 'ALTER SYSTEM RESET default_transaction_read_only'))
  await t.rejects(database.transaction(() => add('b')), { code: 'LARDER_DATABASE_READ_ONLY', statusCode: 503 })
  t.same(await titles(), ['a'])
  t.match(warnings, [/is read-only, so only reads are served\. It is a standby, or default_transaction_read_only is on\./])
  t.same(await service.readiness(), [200, 'read-only'])
  const { statusCode, headers } = await service.post()
  t.match({ statusCode, headers }, { statusCode: 503, headers: { 'retry-after': /^\d+$/ } })
  await service.untilHit()
  await change(pool, 'ALTER SYSTEM RESET default_transaction_read_only')
  await until('it can be written again', async () => await database.checkState() === 'ok')
  t.equal((await service.post()).statusCode, 201)
  t.same(await service.readiness(), [200, 'ok'])
})

// The last one: it ends the server of those above.
t.test('the service while the server is killed, and after it has started again', async (t) => {
  const notes = await openNotes(t, LIMITS, postgres)
  const service = await startService(t, notes)
  await service.untilHit()
  await postgres.stop('SIGKILL')
  t.same(await service.readiness(), [503, 'database unavailable'])
  for (const path of ['/', '/api/products', '/api/products/1']) {
    const { statusCode, retryAfter } = await service.get(path)
    t.equal(statusCode, 503, `${path}: what cannot be verified is not served`)
    t.equal(String(retryAfter), '5')
  }
  t.equal((await service.post()).statusCode, 503)
  t.equal((await service.get('/healthz')).statusCode, 200)
  t.equal((await service.get('/apicalls')).statusCode, 200, 'this page does not depend on the database')
  await postgres.start()
  await until('it is ready', async () => (await service.readiness())[0] === 200)
  t.equal((await service.post()).statusCode, 201)
  await service.untilHit()
})
