import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { createBlog, posts } from './blog.ts'

const postgres = await sharePostgres(t)

const FIRST = 'SELECT title FROM posts WHERE id = $1'

t.test('what the first query of a connection reads is stored', async (t) => {
  const { pool: { options } } = await createBlog(t, postgres)
  const pool = new pg.Pool(options)
  t.teardown(() => pool.end())
  const clock = await postgresClock(pool)
  t.teardown(() => clock.close())
  const db = drizzle({ client: pool, logger: clock.logger })
  const cache = createCache({ store: memoryStore(), versions: clock.versions })
  await cache.getOrSet('titles', () => db.select().from(posts))
  t.equal((await cache.get<unknown[]>('titles'))?.length, 2)
})

t.test('watch() tracks statements that do not pass through Drizzle', async (t) => {
  const { pool, clock, cached } = await createBlog(t, postgres)
  t.equal(clock.watch(pool), pool)
  clock.watch(pool)
  const queries: Record<string, () => Promise<unknown>> = {
    'pool.query': async () => (await pool.query(FIRST, [1])).rows[0].title,
    'pool.query with an object': async () => (await pool.query({ text: FIRST, values: [1] })).rows[0].title,
    'pool.query with a name': async () => (await pool.query({ name: 'first', text: FIRST, values: [1] })).rows[0].title,
    'pool.query with a callback': () => new Promise((resolve, reject) => {
      pool.query(FIRST, [1], (error, result) => error ? reject(error) : resolve(result.rows[0].title))
    }),
    'a query object': async () => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const query = new pg.Query(FIRST, [1])
      query.on('row', (row) => resolve(row.title))
      query.on('error', reject)
      pool.query(query)
      return await promise
    },
    'a client': async () => {
      const client = await pool.connect()
      try {
        return (await client.query(FIRST, [1])).rows[0].title
      } finally {
        client.release()
      }
    }
  }
  let loads = 0
  for (const [name, query] of Object.entries(queries)) {
    const read = () => cached(name, query)
    await pool.query("UPDATE posts SET title = 'one' WHERE id = 1")
    t.same(await read(), [++loads, 'one'], name)
    await pool.query("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.same(await read(), [loads, 'one'])
    await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await read(), [++loads, 'eins'])
  }
})

t.test('what a transaction reads is not stored, however it was begun, and what follows is', async (t) => {
  const { pool, clock, cached } = await createBlog(t, postgres)
  clock.watch(pool)
  const client = await pool.connect()
  t.teardown(() => client.release())
  let loads = 0
  for (const begin of ['BEGIN', '/* a\n */ start transaction', 'SELECT 1; BEGIN', '-- a\nbegin']) {
    await client.query(begin)
    for (let times = 0; times < 2; times++) {
      t.same(await cached(begin, async () => (await client.query(FIRST, [1])).rows[0].title), [++loads, 'one'])
    }
    await client.query('ROLLBACK')
    const inOne = async () => {
      const results = await Promise.all([client.query(begin), client.query(FIRST, [1]), client.query('COMMIT')])
      return results[1].rows[0].title
    }
    t.same([await cached('one', inOne), await cached('one', inOne)], [[loads + 1, 'one'], [loads + 2, 'one']])
    loads += 2
    await client.query('SELECT 1')
    t.same(await cached(`after ${begin}`, async () => (await client.query(FIRST, [1])).rows[0].title), [++loads, 'one'])
    t.same(await cached(`after ${begin}`, async () => 'other'), [loads, 'one'])
  }
})

t.test('two clocks may watch one pool', async (t) => {
  const { pool, clock } = await createBlog(t, postgres)
  const other = await postgresClock(pool)
  t.teardown(() => other.close())
  clock.watch(pool)
  other.watch(pool)
  for (const { versions } of [clock, other]) {
    const cache = createCache({ store: memoryStore(), versions })
    const first = () => cache.getOrSet('first', async () => (await pool.query(FIRST, [1])).rows[0].title)
    await pool.query("UPDATE posts SET title = 'one' WHERE id = 1")
    t.equal(await first(), 'one')
    await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.equal(await first(), 'eins')
  }
})

t.test('another pool than that of the clock is refused', async (t) => {
  const { clock, pool } = await createBlog(t, postgres)
  const other = new pg.Pool(pool.options)
  t.teardown(() => other.end())
  t.throws(() => clock.watch(other), { message: 'watch() takes the pool of the clock.' })
})

t.test('nothing is stored after a statement has changed what names mean in a session', async (t) => {
  const warnings: string[] = []
  const { pool, clock, cached } = await createBlog(t, postgres, { onWarning: (message) => warnings.push(message) })
  clock.watch(pool)
  const first = () => cached('first', async () => (await pool.query(FIRST, [1])).rows[0].title)
  await pool.query('SET statement_timeout = 1000')
  t.same([await first(), await first()], [[1, 'one'], [1, 'one']])
  await pool.query('SET search_path = public')
  await pool.query("SELECT set_config('search_path', 'public', false)")
  await pool.query("UPDATE posts SET title = 'eins'")
  t.same([await first(), await first()], [[2, 'eins'], [3, 'eins']])
  t.equal(warnings.length, 1)
  t.match(warnings[0], /^Since a statement has changed what names mean .*: SET search_path = public\. Set search_path/)
})

t.test('settings that the application makes on each connection hold for the clock as well', async (t) => {
  const { pool: { options } } = await createBlog(t, postgres)
  const pool = new pg.Pool(options)
  t.teardown(() => pool.end())
  pool.on('connect', (client) => { client.query('SET search_path = shop') })
  const admin = new pg.Pool(options)
  t.teardown(() => admin.end())
  await admin.query('CREATE SCHEMA shop; CREATE TABLE shop.posts (id int, title text)')
  await admin.query("INSERT INTO shop.posts VALUES (1, 'x')")
  const clock = await postgresClock(pool)
  t.teardown(() => clock.close())
  clock.watch(pool)
  const cache = createCache({ store: memoryStore(), versions: clock.versions })
  const first = () => cache.getOrSet('first', async () => (await pool.query(FIRST, [1])).rows[0].title)
  t.equal(await first(), 'x')
  await admin.query("UPDATE shop.posts SET title = 'y'")
  t.equal(await first(), 'y')
})

t.test('timeouts of the pool limit the queries of the application, and not those of the clock', async (t) => {
  const { pool: { options }, clock: first } = await createBlog(t, postgres)
  await first.remove()
  const pool = new pg.Pool({ ...options, query_timeout: 1, statement_timeout: 1 })
  t.teardown(() => pool.end())
  await t.rejects(pool.query('SELECT pg_sleep(1)'))
  const clock = await postgresClock(pool)
  t.teardown(() => clock.close())
  const stamp = await clock.versions.stamp()
  await clock.versions.invalidate(['posts:1'])
  t.equal(await clock.versions.firstChanged(stamp, ['posts:1']), 'posts:1')
})

t.test('a higher isolation level of all sessions is not that of looks, which could fail transactions', async (t) => {
  const { pool, clock: first } = await createBlog(t, postgres)
  await pool.query(`ALTER DATABASE ${pool.options.database!} SET default_transaction_isolation = 'serializable'`)
  await first.close()
  const other = new pg.Pool(pool.options)
  t.teardown(() => other.end())
  const clock = await postgresClock(other)
  t.teardown(() => clock.close())
  const client = await other.connect()
  await client.query("BEGIN; UPDATE authors SET name = 'Eve'") // while it is open, locks are kept
  const before = await clock.versions.stamp()
  await client.query("UPDATE posts SET title = 'uno'")
  t.equal(await clock.versions.firstChanged(before, ['posts:1']), undefined)
  const { rows } = await client.query(`SELECT count(*) AS locks FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.mode = 'SIReadLock' AND c.relnamespace = 'larder'::regnamespace`)
  t.equal(rows[0].locks, '0')
  await client.query('COMMIT')
  client.release()
  const stamp = await clock.versions.stamp()
  await other.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.equal(await clock.versions.firstChanged(stamp, ['posts:1']), 'posts:1')
})
