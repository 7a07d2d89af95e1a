import t from 'tap'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { createClock, readTags } from './tags-read.ts'

const postgres = await sharePostgres(t)

const SCHEMA = `
  CREATE TABLE posts (id int PRIMARY KEY, title text, n int);
  CREATE TABLE parted (id int, region text) PARTITION BY LIST (region);
  CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
  CREATE TABLE alone (id int, region text);
  CREATE VIEW titles AS SELECT title FROM posts;
  CREATE MATERIALIZED VIEW kept AS SELECT title FROM posts;
  INSERT INTO posts VALUES (1, 'one', 0); INSERT INTO alone VALUES (1, 'c')`

/** Statements after which every entry is invalid. */
const CHANGES = [
  'ALTER TABLE posts ADD COLUMN slug text', 'CREATE INDEX posts_slug ON posts (slug)', 'DROP INDEX posts_slug',
  'CREATE INDEX CONCURRENTLY posts_n ON posts (n)', 'ALTER TABLE posts DROP COLUMN slug',
  'ALTER TABLE posts RENAME COLUMN title TO name', 'ALTER TABLE posts RENAME COLUMN name TO title',
  'ALTER TABLE posts ALTER COLUMN n TYPE int8', 'CREATE TABLE later (id int PRIMARY KEY)', 'DROP TABLE later',
  'CREATE OR REPLACE VIEW titles AS SELECT upper(title) AS title FROM posts',
  "CREATE FUNCTION one () RETURNS int LANGUAGE sql AS 'SELECT 1'", 'DROP FUNCTION one',
  'ALTER TABLE posts ENABLE ROW LEVEL SECURITY', 'CREATE POLICY p ON posts USING (true)', 'DROP POLICY p ON posts',
  "CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b')",
  "ALTER TABLE parted ATTACH PARTITION alone FOR VALUES IN ('c')", 'ALTER TABLE parted DETACH PARTITION parted_a',
  'CREATE SCHEMA other', 'ALTER TABLE posts SET SCHEMA other', 'ALTER TABLE other.posts SET SCHEMA public',
  'DROP SCHEMA other', 'ALTER TABLE posts DISABLE TRIGGER ALL', 'ALTER TABLE posts ENABLE TRIGGER ALL',
  'CREATE TABLE copied AS SELECT * FROM posts', 'SELECT * INTO copied2 FROM posts'
]

/** Statements that change no result. */
const HARMLESS = [
  "COMMENT ON TABLE posts IS 'all posts'", 'GRANT SELECT ON posts TO PUBLIC', 'CREATE TEMP TABLE temporary (id int)',
  'DROP TABLE temporary', 'VACUUM posts', 'ANALYZE posts', 'CHECKPOINT', 'BEGIN; CREATE TABLE undone (id int); ROLLBACK'
]

t.test('after a change of the schema every entry is invalid, and no other statement does that', async (t) => {
  const { pool, clock: { versions } } = await createClock(t, postgres, SCHEMA)
  const client = await pool.connect()
  t.teardown(() => client.release())
  for (const [statements, changed] of [[CHANGES, 'any'], [HARMLESS, undefined]] as const) {
    for (const sql of statements) {
      const stamp = await versions.stamp()
      await client.query(sql)
      t.equal(await versions.firstChanged(stamp, ['any']), changed, sql)
      t.equal(await versions.firstChanged(stamp.replace('/', '/0'), ['any']), changed, `${sql}, of another process`)
    }
  }
})

t.test('a change of the schema examines each table of the application once, and no other relation', async (t) => {
  const { pool } = await createClock(t, postgres, SCHEMA)
  const client = await pool.connect()
  t.teardown(() => client.release())
  await client.query("SET track_functions = 'all'; BEGIN")
  for (const all of [true, false]) await client.query('SELECT larder.watch_all($1)', [all])
  const { rows } = await client.query(`SELECT calls, (SELECT count(*) FROM larder.tables()) AS tables
    FROM pg_stat_xact_user_functions WHERE schemaname = 'larder' AND funcname = 'is_watched'`)
  await client.query('ROLLBACK')
  t.same(rows, [{ tables: '4', calls: '8' }])
})

t.test('REFRESH MATERIALIZED VIEW changes the tag of the view alone', async (t) => {
  const { pool, clock: { versions } } = await createClock(t, postgres, SCHEMA)
  const stamp = await versions.stamp()
  await pool.query('REFRESH MATERIALIZED VIEW kept')
  t.equal(await versions.firstChanged(stamp, ['posts', 'kept']), 'kept')
})

t.test('new tables and partitions are watched in the transaction that creates them', async (t) => {
  const { pool, clock } = await createClock(t, postgres, SCHEMA)
  const { versions } = clock
  const changes = async (sql: string, tag: string) => {
    const stamp = await versions.stamp()
    await pool.query(sql)
    return await versions.firstChanged(stamp, [tag]) === tag
  }
  await pool.query(`CREATE TABLE later (id int PRIMARY KEY);
    CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
    ALTER TABLE parted ATTACH PARTITION alone FOR VALUES IN ('c');
    ALTER TABLE parted DETACH PARTITION parted_a`)
  t.ok(await changes('INSERT INTO later VALUES (1)', 'later:1'))
  t.ok(await changes("INSERT INTO parted_b VALUES (1, 'b')", 'parted'))
  t.ok(await changes("UPDATE alone SET id = 2 WHERE region = 'c'", 'parted'), 'what was attached')
  t.ok(await changes("INSERT INTO parted_a VALUES (1, 'a')", 'parted_a'), 'what was detached')
  t.notOk(await changes("INSERT INTO parted_a VALUES (2, 'a')", 'parted'))
  t.equal(await readTags(clock, 'SELECT * FROM alone'), 'parted')
})

t.test('a table whose triggers were disabled is not stored, until they are enabled', async (t) => {
  const { pool, clock } = await createClock(t, postgres, SCHEMA)
  await pool.query('ALTER TABLE posts DISABLE TRIGGER ALL')
  t.equal(await readTags(clock, 'SELECT * FROM posts'), 'unwatched-read')
  await pool.query('CREATE TABLE other (id int)')
  const disabled = "SELECT FROM pg_trigger WHERE tgrelid = 'posts'::regclass AND tgenabled = 'D'"
  t.equal((await pool.query(disabled)).rowCount, 5, 'also after other changes of the schema')
  await clock.refresh()
  t.equal(await readTags(clock, 'SELECT * FROM posts'), 'posts')
})

t.test('logical replication changes tags, although it fires no triggers of statements', async (t) => {
  const { pool: publisher } = await createClock(t, postgres, SCHEMA)
  const { pool: subscriber, clock: { versions } } = await createClock(t, postgres, SCHEMA)
  await subscriber.query('TRUNCATE posts')
  const { database } = publisher.options
  await publisher.query('CREATE PUBLICATION all_posts FOR TABLE posts')
  await publisher.query(`SELECT pg_create_logical_replication_slot('slot_${database!}', 'pgoutput')`)
  await subscriber.query(`CREATE SUBSCRIPTION s CONNECTION 'host=${postgres.host} user=postgres dbname=${database!}'
    PUBLICATION all_posts WITH (create_slot = false, slot_name = 'slot_${database!}')`)
  const titles = async () => (await subscriber.query<{ title: string }>('SELECT title FROM posts')).rows[0]?.title
  const until = async (title: string) => { while (await titles() !== title) await new Promise(setImmediate) }
  await until('one')
  const stamp = await versions.stamp()
  await publisher.query("UPDATE posts SET title = 'eins'")
  await until('eins')
  t.equal(await versions.firstChanged(stamp, ['posts']), 'posts')
  await subscriber.query('DROP SUBSCRIPTION s')
})

t.test('two processes install the clock at the same time', async (t) => {
  const pool = await postgres.createPool(t)
  await pool.query(SCHEMA)
  const clocks = await Promise.all([1, 2, 3].map(() => postgresClock(pool)))
  t.teardown(() => Promise.all(clocks.map((clock) => clock.close())))
  const stamp = await clocks[0]!.versions.stamp()
  await pool.query("UPDATE posts SET title = 'eins'")
  for (const { versions } of clocks) t.equal(await versions.firstChanged(stamp, ['posts:1']), 'posts:1')
})

t.test('remove() leaves the database as it was', async (t) => {
  const pool = await postgres.createPool(t)
  await pool.query(SCHEMA)
  const list = async () => (await pool.query(`
    SELECT 'function ' || proname AS name FROM pg_proc WHERE oid >= 16384 UNION ALL
    SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal UNION ALL
    SELECT 'event ' || evtname FROM pg_event_trigger UNION ALL
    SELECT 'relation ' || relname FROM pg_class WHERE oid >= 16384 AND relname !~ 'pg_toast' UNION ALL
    SELECT 'schema ' || nspname FROM pg_namespace WHERE oid >= 16384 ORDER BY 1`)).rows
  const before = await list()
  const clock = await postgresClock(pool)
  t.ok((await list()).length > before.length + 20)
  await clock.remove()
  t.same(await list(), before)
})
