import { once } from 'node:events'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { MIGRATION } from './blog.ts'
import { readTags } from './tags-read.ts'

const postgres = await sharePostgres(t)

/** A database whose tables belong to a role without further rights. */
async function createOwned (t: Test) {
  const admin = await postgres.createPool(t)
  const { database } = admin.options
  const role = `owner_of_${database!}`
  await admin.query(`CREATE ROLE ${role} LOGIN; ALTER DATABASE ${database!} OWNER TO ${role};
    ALTER SCHEMA public OWNER TO ${role}`)
  const connect = (user: string) => {
    const pool = new pg.Pool({ host: postgres.host, user, database })
    t.teardown(() => pool.end())
    return pool
  }
  const pool = connect(role)
  await pool.query(`${MIGRATION}; ALTER TABLE posts ADD COLUMN slug text; CREATE INDEX ON posts (slug)`)
  return { admin, pool, connect, role }
}

t.test('the owner of the tables needs no further rights, and learns what the clock cannot see', async (t) => {
  const { pool } = await createOwned(t)
  const warnings: string[] = []
  const clock = await postgresClock(pool, { onWarning: (message) => warnings.push(message) })
  t.teardown(() => clock.close())
  t.equal(warnings.length, 1)
  t.match(warnings[0], /^This role may not create event triggers, so the clock does not see changes of the schema/)
  const { versions } = clock
  const stamp = await versions.stamp()
  await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.equal(await versions.firstChanged(stamp, ['posts:2', 'posts:1']), 'posts:1')
  t.equal(await readTags(clock, 'SELECT * FROM posts WHERE id = 1'), 'posts:1')
  await clock.refresh()
  t.equal(warnings.length, 1, 'once')
  await clock.remove()
  t.equal((await pool.query("SELECT FROM pg_trigger WHERE tgname LIKE 'larder%'")).rowCount, 0)
})

t.test('without the option onWarning, the process emits the warning', async (t) => {
  const { pool } = await createOwned(t)
  const warned = once(process, 'warning')
  const clock = await postgresClock(pool)
  t.teardown(() => clock.close())
  t.match(await warned, [{ name: 'LarderWarning', message: /^This role may not create event triggers/ }])
})

t.test('without event triggers, writes go on after a column was dropped or renamed, and count', async (t) => {
  const { pool } = await createOwned(t)
  const clock = await postgresClock(pool, { onWarning () {} })
  t.teardown(() => clock.close())
  const { versions } = clock
  await pool.query('ALTER TABLE posts RENAME COLUMN author_id TO writer_id; ALTER TABLE posts DROP COLUMN slug')
  for (const sql of [
    "INSERT INTO posts VALUES (3, 1, 'three')", "UPDATE posts SET title = 'drei' WHERE id = 3",
    'DELETE FROM posts WHERE id = 3'
  ]) {
    const stamp = await versions.stamp()
    await pool.query(sql)
    t.equal(await versions.firstChanged(stamp, ['posts:1']), 'posts:1', sql)
  }
  const stamp = await versions.stamp()
  await clock.refresh()
  t.equal(await versions.firstChanged(stamp, ['authors']), 'authors', 'the repair invalidates everything')
  t.equal(await readTags(clock, 'SELECT * FROM posts WHERE writer_id = 1'), 'posts:writer_id=1')
})

t.test('a table that is added without event triggers is watched after refresh()', async (t) => {
  const { pool } = await createOwned(t)
  const clock = await postgresClock(pool, { onWarning () {} })
  t.teardown(() => clock.close())
  await pool.query('CREATE TABLE notes (id int PRIMARY KEY)')
  t.equal(await readTags(clock, 'SELECT * FROM notes'), 'unwatched-read')
  await clock.refresh()
  t.equal(await readTags(clock, 'SELECT * FROM notes'), 'notes')
})

t.test('a role that owns nothing uses the clock that another role has created', async (t) => {
  const { admin, connect } = await createOwned(t)
  const first = await postgresClock(admin, { onWarning: (message) => t.fail(message) })
  t.teardown(() => first.close())
  await admin.query(`CREATE TABLE secrets (id int, author_id int); ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON secrets USING (author_id IN (SELECT id FROM authors));
    CREATE ROLE reader_${admin.options.database!} LOGIN;
    GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO reader_${admin.options.database!}`)
  const reader = connect(`reader_${admin.options.database!}`)
  const clock = await postgresClock(reader, { onWarning: (message) => t.fail(message) })
  t.teardown(() => clock.close())
  t.equal(await readTags(clock, 'SELECT * FROM secrets'), 'authors secrets', 'what a policy reads counts, too')
  const cache = createCache({ store: memoryStore(), versions: clock.versions })
  await cache.set('a', 1, { tags: ['posts:1', 'news'] })
  await reader.query('UPDATE posts SET title = title')
  t.equal(await cache.get('a'), undefined)
  await cache.set('a', 1, { tags: ['news'] })
  await cache.invalidateTags(['news'])
  t.equal(await cache.get('a'), undefined)
  await t.rejects(clock.remove(), { message: /must be owner/ })
})

t.test('a role that owns nothing uses the clock of an owner that may not create event triggers', async (t) => {
  const { admin, pool, connect } = await createOwned(t)
  const first = await postgresClock(pool, { onWarning () {} })
  t.teardown(() => first.close())
  const role = `writer_${admin.options.database!}`
  await admin.query(`CREATE ROLE ${role} LOGIN; GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO ${role}`)
  const writer = connect(role)
  const warnings: string[] = []
  const clock = await postgresClock(writer, { onWarning: (message) => warnings.push(message) })
  t.teardown(() => clock.close())
  t.match(warnings, [/^This role may not create event triggers/])
  const stamp = await clock.versions.stamp()
  await writer.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.equal(await clock.versions.firstChanged(stamp, ['posts:2', 'posts:1']), 'posts:1')
})

t.test('tables of other owners are not watched, and named in a warning', async (t) => {
  const { admin, pool } = await createOwned(t)
  await admin.query('CREATE TABLE foreign_notes (id int); GRANT SELECT ON foreign_notes TO PUBLIC')
  const warnings: string[] = []
  const clock = await postgresClock(pool, { onWarning: (message) => warnings.push(message) })
  t.teardown(() => clock.close())
  t.match(warnings[1], /^This role does not own foreign_notes, so what is read from there is not stored\./)
  t.equal(await readTags(clock, 'SELECT * FROM foreign_notes'), 'unwatched-read')
})
