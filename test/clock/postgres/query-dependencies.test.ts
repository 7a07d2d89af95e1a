import t from 'tap'
import { collectReads, ReadSet } from '../../../src/cache/index.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { createClock, readTags } from './tags-read.ts'

const postgres = await sharePostgres(t)

const SCHEMA = `
  CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL, slug varchar(20) UNIQUE);
  CREATE TABLE posts (id int8 PRIMARY KEY, author_id int REFERENCES authors, title text, code uuid UNIQUE, "Odd" int);
  CREATE INDEX ON posts (author_id, title);
  CREATE INDEX ON posts ("Odd");
  CREATE INDEX ON posts (title) WHERE title > 'm';
  CREATE TABLE texts (part int, id int, text text, at timestamptz, PRIMARY KEY (part, id));
  CREATE TABLE flags (id int PRIMARY KEY, kind text COLLATE "C", data jsonb);
  CREATE INDEX ON flags (lower(kind));
  CREATE TABLE parted (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
  CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
  CREATE TABLE animals (id int PRIMARY KEY);
  CREATE TABLE dogs () INHERITS (animals);
  CREATE VIEW written AS SELECT p.id, p.title, a.name FROM posts p JOIN authors a ON a.id = p.author_id;
  CREATE MATERIALIZED VIEW titles AS SELECT title FROM posts;
  CREATE SEQUENCE numbers;
  CREATE FUNCTION inlined (int) RETURNS SETOF posts LANGUAGE sql STABLE AS 'SELECT * FROM posts WHERE id = $1';
  CREATE FUNCTION opaque (int) RETURNS text LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN (SELECT title FROM posts WHERE id = $1); END';
  CREATE FUNCTION "Odd ""f" (int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
  CREATE AGGREGATE first_of (text) (SFUNC = textcat, STYPE = text);
  CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
  CREATE FUNCTION sum_of (int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM posts); END';
  CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = sum_of);
  CREATE TABLE secrets (id int PRIMARY KEY, author_id int);
  ALTER TABLE secrets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY own ON secrets USING (author_id IN (SELECT id FROM authors));
  DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;`

const UUID = '00000000-0000-0000-0000-00000000ABCD'
const UNWATCHED = 'unwatched-read'

const CASES: ReadonlyArray<readonly [sql: string, values: unknown[], tags: string]> = [
  // Rows
  ['SELECT * FROM posts WHERE id = $1', [7], 'posts:7'],
  ['SELECT * FROM posts WHERE id = 7', [], 'posts:7'],
  ['SELECT * FROM posts WHERE 7 = id', [], 'posts:7'],
  ['SELECT * FROM posts WHERE id = $1', [7n], 'posts:7'],
  ['SELECT * FROM posts WHERE id = $1', ['7'], 'posts:7'],
  ['SELECT * FROM posts WHERE id = $1', ['9007199254740993'], 'posts:9007199254740993'],
  ['SELECT * FROM posts WHERE id = $1', [-7], 'posts:-7'],
  ['SELECT * FROM posts WHERE id = $1', [' 7'], 'posts'],
  ['SELECT * FROM posts WHERE id = $1', ['07'], 'posts'],
  ['SELECT * FROM posts WHERE id = $1', [7.5], 'posts'],
  ['SELECT * FROM posts WHERE id = $1', [new Date(0)], 'posts'],
  ['SELECT * FROM posts WHERE id = $1', [], 'posts'],
  ['SELECT * FROM posts WHERE id = $1::int', [7], 'posts:7'],
  ['SELECT * FROM posts WHERE id = $1::text::int', ['7'], 'posts:7'],
  ['SELECT * FROM authors WHERE id = $1::int8', ['7'], 'authors:7'],
  ['SELECT title FROM posts WHERE id = $1 AND title = $2', [7, 'a'], 'posts:7'],
  ['SELECT count(*) FROM posts WHERE id = $1', [7], 'posts:7'],
  ['SELECT * FROM posts WHERE id = $1 ORDER BY title LIMIT 1', [7], 'posts:7'],
  ['SELECT * FROM posts WHERE id = $1 FOR UPDATE', [7], UNWATCHED],
  // Values of indexed columns
  ['SELECT * FROM posts WHERE author_id = $1', [7], 'posts:author_id=7'],
  ['SELECT * FROM posts WHERE author_id = $1 AND title > $2', [7, 'a'], 'posts:author_id=7'],
  ["SELECT * FROM posts WHERE author_id = 7 AND title = 'a) AND (posts.id = 5'", [], 'posts:author_id=7'],
  ["SELECT * FROM posts WHERE author_id > 7 AND title = 'a) AND (posts.id = 5) AND (posts.id = '", [], 'posts'],
  ['SELECT * FROM posts WHERE author_id IS NULL', [], 'posts:author_id=null'],
  ["SELECT * FROM posts WHERE author_id IS NULL AND title = 'a'", [], 'posts:author_id=null'],
  ['SELECT * FROM posts WHERE author_id = $1', [null], 'posts:author_id=null'],
  ['SELECT * FROM posts WHERE "Odd" = $1', [7], 'posts:Odd=7'],
  ['SELECT * FROM posts WHERE code = $1', [UUID], `posts:code=${UUID.toLowerCase()}`],
  [`SELECT * FROM posts WHERE code = '${UUID}'`, [], `posts:code=${UUID.toLowerCase()}`],
  ['SELECT * FROM posts WHERE code = $1', [`{${UUID}}`], 'posts'],
  ['SELECT * FROM authors WHERE slug = $1', ['one'], 'authors:slug=#30354'],
  ["SELECT * FROM authors WHERE slug = 'one'", [], 'authors:slug=#30354'],
  ['SELECT * FROM authors WHERE slug = $1', [7], 'authors'],
  ['SELECT * FROM authors WHERE slug = $1::int::text', ['07'], 'authors'],
  ['SELECT * FROM texts WHERE part = $1 AND id = $2', [1, 2], 'texts:part=1'],
  ['SELECT * FROM flags WHERE lower(kind) = $1', ['a'], 'flags'],
  // Tables
  ['SELECT * FROM posts', [], 'posts'],
  ['SELECT * FROM posts WHERE id IN (1, 2)', [], 'posts'],
  ['SELECT * FROM posts WHERE id = ANY ($1)', [[1, 2]], 'posts'],
  ['SELECT * FROM posts WHERE id = $1 OR author_id = $2', [1, 2], 'posts'],
  ['SELECT * FROM posts WHERE id > $1', [7], 'posts'],
  ['SELECT * FROM posts WHERE title = $1', ['z'], 'posts'],
  ['SELECT max(id) FROM posts', [], 'posts'],
  ['TABLE posts', [], 'posts'],
  ['SELECT * FROM texts TABLESAMPLE SYSTEM (50) REPEATABLE (1)', [], 'texts'],
  ["SELECT * FROM posts WHERE ctid = '(0,1)'", [], 'posts'],
  ['SELECT 1', [], ''],
  ["SELECT now(), pg_sleep(0), lower('A'), 1 + 2", [], ''],
  ['VALUES (1), (2)', [], ''],
  ['SELECT * FROM posts WHERE false', [], ''],
  // Through joins, views and subqueries
  ['SELECT * FROM posts p JOIN authors a ON a.id = p.author_id WHERE p.id = $1', [7], 'authors posts:7'],
  ['SELECT * FROM posts p JOIN authors a ON a.id = p.author_id WHERE a.id = $1', [7], 'authors:7 posts:author_id=7'],
  ['SELECT * FROM written WHERE id = $1', [7], 'authors posts:7'],
  ['SELECT name, (SELECT count(*) FROM posts WHERE author_id = a.id) FROM authors a WHERE id = 7', [],
    'authors:7 posts:author_id=7'],
  ['SELECT * FROM authors WHERE id = (SELECT author_id FROM posts WHERE id = 7)', [], 'authors posts:7'],
  ['SELECT * FROM authors WHERE id = (SELECT author_id FROM posts WHERE id = $1)', [7], 'authors posts'],
  ['SELECT * FROM authors WHERE EXISTS (SELECT FROM texts)', [], 'authors texts'],
  ['WITH p AS MATERIALIZED (SELECT * FROM posts) SELECT * FROM p, flags', [], 'flags posts'],
  ['WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r, texts WHERE n < 3) SELECT * FROM r', [], 'texts'],
  ['SELECT title FROM posts UNION SELECT name FROM authors', [], 'authors posts'],
  ['SELECT title, row_number() OVER (ORDER BY id) FROM posts', [], 'posts'],
  ['SELECT CASE WHEN $1 THEN (SELECT count(*) FROM posts) ELSE (SELECT count(*) FROM texts) END', [true],
    'posts texts'],
  ['SELECT * FROM generate_series(1, 3) s JOIN texts ON texts.id = s', [], 'texts'],
  ["SELECT * FROM flags, jsonb_array_elements(data) e WHERE e ->> 'a' = $1", ['b'], 'flags'],
  ["SELECT * FROM json_to_record('{}') AS r(a int)", [], ''],
  // Partitions and children are their roots
  ['SELECT * FROM parted WHERE region = $1', ['a'], 'parted'],
  ['SELECT * FROM parted WHERE id = $1 AND region = $2', [1, 'a'], 'parted'],
  ['SELECT * FROM parted_b', [], 'parted'],
  ['SELECT * FROM animals WHERE id = 1', [], 'animals'],
  ['SELECT * FROM dogs', [], 'animals'],
  ['SELECT * FROM titles', [], 'titles'],
  // Functions, operators and types of the application
  ['SELECT * FROM inlined(7)', [], 'posts:7'],
  ['SELECT opaque(7)', [], UNWATCHED],
  ['SELECT * FROM authors WHERE name = opaque(id)', [], UNWATCHED],
  ['SELECT * FROM opaque(7)', [], UNWATCHED],
  ['SELECT "Odd ""f"(1) FROM posts', [], UNWATCHED],
  ['SELECT first_of(title) FROM posts', [], UNWATCHED],
  ['SELECT id::int ### 1 FROM posts', [], 'posts'],
  ['SELECT id::int @@@ 1 FROM posts', [], UNWATCHED],
  // What no change reports
  ['SELECT * FROM pg_class', [], UNWATCHED],
  ['SELECT * FROM information_schema.tables', [], UNWATCHED],
  ["SELECT nextval('numbers')", [], UNWATCHED],
  ['SELECT * FROM numbers', [], UNWATCHED],
  ["SELECT pg_table_size('posts')", [], UNWATCHED],
  ["SELECT query_to_xml('SELECT 1', false, false, '')", [], UNWATCHED],
  ["SELECT to_regclass('posts')", [], UNWATCHED],
  ['SELECT * FROM larder.changes', [], UNWATCHED],
  ['SELECT * FROM nowhere', [], UNWATCHED],
  ['SHOW search_path', [], UNWATCHED],
  ['EXPLAIN SELECT * FROM posts', [], UNWATCHED],
  ['CALL nothing()', [], UNWATCHED],
  ['SELECT FROM WHERE', [], UNWATCHED],
  ['SELECT 1 / 0', [], 'clock-unavailable'],
  ['SELECT 1; SELECT 2', [], UNWATCHED],
  ['', [], UNWATCHED],
  ['BEGIN', [], 'uncommitted-read'],
  ['/* a */ start transaction', [], 'uncommitted-read'],
  ['COMMIT', [], 'uncommitted-read'],
  // Statements that write
  ['UPDATE posts SET title = $1 WHERE id = $2', ['a', 7], 'posts posts:7'],
  ['INSERT INTO texts VALUES (1, 1)', [], 'texts'],
  ['DELETE FROM texts USING posts WHERE texts.id = posts.id', [], 'posts texts']
]

t.test('the plan of a statement tells which rows and tables it reads', async (t) => {
  const { clock } = await createClock(t, postgres, SCHEMA)
  for (const [sql, values, tags] of CASES) t.equal(await readTags(clock, sql, values), tags, `${sql} ${String(values)}`)
  // Once more, from what is remembered.
  for (const [sql, values, tags] of CASES) t.equal(await readTags(clock, sql, values), tags, `again: ${sql}`)
})

t.test('a statement is explained and never run', async (t) => {
  const { pool, clock } = await createClock(t, postgres, SCHEMA)
  await pool.query("INSERT INTO authors VALUES (1, 'Ada')")
  for (const sql of [
    'DELETE FROM authors', 'SELECT 1; DELETE FROM authors', 'COMMIT; DELETE FROM authors',
    'SELECT 1); DELETE FROM authors; SELECT (1'
  ]) await readTags(clock, sql)
  t.equal((await pool.query('SELECT * FROM authors')).rowCount, 1)
})

/** Changes of each table, which statements may or may not see. */
const CHANGES = [
  "UPDATE posts SET title = title || 'x' WHERE id = 7", "UPDATE posts SET title = title || 'x' WHERE id = 8",
  'UPDATE posts SET author_id = 8 WHERE id = 7', 'UPDATE posts SET author_id = 7 WHERE id = 7',
  'UPDATE posts SET "Odd" = coalesce("Odd", 6) + 1', "UPDATE posts SET code = NULL WHERE code = '{uuid}'",
  'INSERT INTO posts VALUES (9, NULL)', 'DELETE FROM posts WHERE id = 9',
  "UPDATE authors SET name = name || 'x' WHERE id = 7", "UPDATE authors SET name = name || 'x' WHERE id = 8",
  "UPDATE authors SET slug = 'two' WHERE slug = 'one'", "UPDATE authors SET slug = 'one' WHERE slug = 'two'",
  'INSERT INTO texts VALUES (1, 3)', 'DELETE FROM texts WHERE id = 3', "UPDATE texts SET text = 'x'",
  'INSERT INTO flags VALUES (1, \'a\', \'[{"a": "b"}]\')', 'DELETE FROM flags',
  "INSERT INTO parted VALUES (1, 'a'), (1, 'b')", 'DELETE FROM parted', 'INSERT INTO animals VALUES (1)',
  'INSERT INTO dogs VALUES (1)', 'DELETE FROM animals', 'REFRESH MATERIALIZED VIEW titles'
].map((sql) => sql.replace('{uuid}', UUID))

t.test('if a change of a table changes a result, it changes a tag of it', async (t) => {
  const { pool, clock } = await createClock(t, postgres, SCHEMA)
  await pool.query(`INSERT INTO authors VALUES (7, 'a', 'one'), (8, 'b', NULL);
    INSERT INTO posts VALUES (7, 7, 'z', '${UUID}', 6), (8, 8, 'b', NULL, 7); INSERT INTO texts VALUES (1, 2)`)
  let changed = 0
  for (const [sql, values, expected] of CASES) {
    if (expected.endsWith('-read') || /^(?:UPDATE|INSERT|DELETE)/.test(sql) || sql.includes('now()')) continue
    const read = async () => JSON.stringify((await pool.query(sql, values)).rows)
    if (await read().catch(() => undefined) === undefined) continue // these values are refused
    const tags = (await readTags(clock, sql, values)).split(' ')
    for (const change of CHANGES) {
      const stamp = await clock.versions.stamp()
      const before = await read()
      await pool.query(change)
      if (await read() === before) continue
      changed++
      t.ok(await clock.versions.firstChanged(stamp, tags) !== undefined, `${change}: ${sql}`)
    }
  }
  t.ok(changed > 100, `${changed} results have changed`)
})

t.test('while the clock has no stamp from before a read, what is read is not stored', async (t) => {
  const { clock } = await createClock(t, postgres, SCHEMA)
  const reads = new ReadSet()
  const stamp = Promise.withResolvers<undefined>()
  reads.begin(clock.versions, () => stamp.promise)
  collectReads(reads, () => clock.logger.logQuery('SELECT 1', []))
  t.equal(reads.notStoredBecause, 'clock-unavailable')
  await clock.close()
  t.equal(await readTags(clock, 'SELECT 1'), 'clock-unavailable')
})

t.test('nothing can be told while casts of the application may read tables unseen', async (t) => {
  const { pool, clock } = await createClock(t, postgres, SCHEMA)
  await pool.query(`CREATE TYPE mood AS ENUM ('sad'); CREATE FUNCTION to_mood (int) RETURNS mood LANGUAGE plpgsql AS
    'BEGIN RETURN (SELECT ''sad''::mood FROM posts LIMIT 1); END';
    CREATE CAST (int AS mood) WITH FUNCTION to_mood(int)`)
  t.equal(await readTags(clock, 'SELECT * FROM posts'), UNWATCHED)
})
