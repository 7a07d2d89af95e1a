import pg from 'pg'
import t from 'tap'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { sharePostgres, startPostgres } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { MIGRATION } from './blog.ts'
import { createClock } from './tags-read.ts'

/** Tests that end no server share this one. */
const postgres = await sharePostgres(t)

const COUNTERS = `CREATE TABLE counters (id int PRIMARY KEY, n int);
  INSERT INTO counters SELECT i, 0 FROM generate_series(0, 70000) i`

const hide = (stamp: string) => stamp.replace('/', '/0')

t.test('entries outlive a clean restart, and changes from before it count', async (t) => {
  const postgres = await startPostgres(t)
  const { pool, clock: { versions } } = await createClock(t, postgres, MIGRATION)
  const stamp = await versions.stamp()
  await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  await postgres.restart('SIGINT')
  await until('the clock works again', async () => !(await versions.stamp()).startsWith('unavailable'))
  for (const taken of [stamp, hide(stamp)]) {
    t.equal(await versions.firstChanged(taken, ['posts:2']), undefined)
    t.equal(await versions.firstChanged(taken, ['posts:1']), 'posts:1')
  }
})

t.test('no entry outlives a crash: transactions may be lost, and their numbers be used again', async (t) => {
  const postgres = await startPostgres(t)
  const { clock: { versions } } = await createClock(t, postgres, MIGRATION)
  const stamp = await versions.stamp()
  t.equal(await versions.firstChanged(stamp, ['posts']), undefined)
  await postgres.restart('SIGKILL')
  await until('the clock works again', async () => !(await versions.stamp()).startsWith('unavailable'))
  for (const taken of [stamp, hide(stamp)]) t.equal(await versions.firstChanged(taken, ['posts']), 'posts')
})

t.test('a copy of a database has a history of its own', async (t) => {
  const { pool, clock } = await createClock(t, postgres, MIGRATION)
  const stamp = await clock.versions.stamp()
  await clock.close()
  await pool.end()
  const { database } = pool.options
  const admin = new pg.Client({ host: postgres.host, user: 'postgres', database: 'postgres' })
  await admin.connect()
  await until('nobody uses it', () => admin.query(`CREATE DATABASE copy TEMPLATE ${database}`).catch(() => false))
  await admin.end()
  const copied = new pg.Pool({ host: postgres.host, user: 'postgres', database: 'copy' })
  t.teardown(() => copied.end())
  const { versions, close } = await postgresClock(copied)
  t.teardown(() => close())
  t.equal(await versions.firstChanged(stamp, ['posts']), 'posts')
  const own = await versions.stamp()
  await copied.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.same([await versions.firstChanged(own, ['posts:2']), await versions.firstChanged(own, ['posts:1'])],
    [undefined, 'posts:1'])
})

t.test('a standby is refused, and begins a new history when it is promoted', async (t) => {
  const primary = await startPostgres(t)
  const { pool, clock } = await createClock(t, primary, MIGRATION)
  const stamp = await clock.versions.stamp()
  const standby = await startPostgres(t, {}, primary)
  const copied = new pg.Pool({ ...pool.options, host: standby.host })
  copied.on('error', () => {})
  t.teardown(() => copied.end())
  await until('it has followed', async () => (await copied.query("SELECT to_regclass('posts') AS name")).rows[0].name)
  await t.rejects(postgresClock(copied), { message: /during recovery|recovery is in progress/ })
  await primary.stop('SIGQUIT')
  await copied.query('SELECT pg_promote()')
  const promoted = await postgresClock(copied)
  t.teardown(() => promoted.close())
  t.equal(await promoted.versions.firstChanged(stamp, ['posts']), 'posts')
  t.equal(await clock.versions.firstChanged(stamp, ['posts']), 'posts', 'the old primary is down')
})

t.test('changes are folded, so that the table of changes stays small', async (t) => {
  const { pool, clock: { versions } } = await createClock(t, postgres, COUNTERS)
  const count = async (table: string) =>
    Number((await pool.query(`SELECT count(*) FROM larder.${table}`)).rows[0].count)
  const stamp = await versions.stamp()
  await pool.query(`DO $$ BEGIN FOR i IN 0..70000 BY 10 LOOP
    UPDATE counters SET n = n + 1 WHERE id = i; IF i % 1000 = 0 THEN COMMIT; END IF; END LOOP; END $$`)
  t.ok(await count('changes') > 7_000)
  await until('they are folded', async () => await count('changes') < 10)
  const folded = await count('folded')
  t.ok(folded > 6_000 && folded <= 65_536 + 3, `${folded} are kept`)
  for (const taken of [stamp, hide(stamp)]) {
    t.equal(await versions.firstChanged(taken, ['counters:5']), undefined)
    t.equal(await versions.firstChanged(taken, ['counters:10']), 'counters:10')
  }
  const writer = await pool.connect()
  await writer.query('BEGIN; UPDATE counters SET n = 1 WHERE id = 5')
  const open = await versions.stamp()
  for (let calls = 0; calls < 3; calls++) await pool.query('SELECT larder.fold()')
  await writer.query('COMMIT')
  writer.release()
  t.equal(await versions.firstChanged(hide(open), ['counters:5']), 'counters:5', 'no open transaction is overlooked')
})

t.test('changes are folded although the application publishes all tables', async (t) => {
  const { pool } = await createClock(t, postgres, MIGRATION)
  await pool.query('CREATE PUBLICATION everything FOR ALL TABLES')
  await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  const count = async () => Number((await pool.query('SELECT count(*) FROM larder.changes')).rows[0].count)
  t.ok(await count() > 0)
  await until('they are folded', async () => await count() === 0)
})

t.test('after very many changes, a look takes the tables as changed', async (t) => {
  const { pool, clock: { versions } } = await createClock(t, postgres, COUNTERS)
  const stamp = await versions.stamp()
  await pool.query(`BEGIN; DO $$ BEGIN FOR i IN 0..10999 LOOP
    UPDATE counters SET n = n + 1 WHERE id = i; END LOOP; END $$; COMMIT`)
  t.equal(await versions.firstChanged(stamp, ['counters:15000']), 'counters:15000')
  t.equal(await versions.firstChanged(stamp, ['other']), undefined)
  t.match(await versions.versionOf!('counters:1'), /^[\da-f]{32}\/\d+$/)
  t.not(await versions.versionOf!('counters:1'), await versions.versionOf!('counters:10999999'))
})

t.test('a clock whose history was deleted begins a new one', async (t) => {
  const { pool, clock: { versions } } = await createClock(t, postgres, MIGRATION, { password: 'not needed' })
  const stamp = await versions.stamp()
  await pool.query('DELETE FROM larder.clock')
  t.equal(await versions.firstChanged(stamp, ['posts']), 'posts')
  await until('the clock works again', async () => !(await versions.stamp()).startsWith('unavailable'))
  t.equal(await versions.firstChanged(stamp, ['posts']), 'posts')
  const later = await versions.stamp()
  t.equal(await versions.firstChanged(later, ['posts']), undefined)
  await versions.invalidate(['posts'])
  t.equal(await versions.firstChanged(later, ['posts:7']), 'posts:7')
  t.match(await versions.versionOf!('posts'), /^[\da-f]{32}\/[1-9]\d*$/)
  t.match(await versions.versionOf!('authors'), /^[\da-f]{32}\/0$/)
})
