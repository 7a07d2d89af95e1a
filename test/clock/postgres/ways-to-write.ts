/** The tables that the statements below change. */
export const SCHEMA = `
  CREATE TABLE items (id int PRIMARY KEY, n int);
  CREATE TABLE parents (id int PRIMARY KEY, n int);
  CREATE TABLE children (
    id int PRIMARY KEY, n int, parent_id int REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE pets (id int PRIMARY KEY, n int, parent_id int REFERENCES parents ON DELETE SET NULL ON UPDATE SET NULL);
  CREATE INDEX ON children (parent_id);
  CREATE INDEX ON pets (parent_id, n);
  CREATE TABLE bigs (id int8 PRIMARY KEY, n int);
  CREATE TABLE uuids (id uuid PRIMARY KEY, n int);
  CREATE TABLE slugs (slug text PRIMARY KEY, n int);
  CREATE TABLE keyless (a int, b int);
  CREATE UNLOGGED TABLE quick (id int PRIMARY KEY, n int);
  CREATE TABLE parted (id int, region text, n int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
  CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
  CREATE TABLE animals (id int PRIMARY KEY, n int);
  CREATE TABLE dogs () INHERITS (animals);
  CREATE TABLE moving (id int PRIMARY KEY, n int);
  CREATE TABLE late (id int PRIMARY KEY, n int);
  CREATE TABLE guarded (id int PRIMARY KEY, n int, owner text DEFAULT current_user);
  CREATE TABLE target (id int PRIMARY KEY, n int);
  CREATE VIEW some_items AS SELECT id, n FROM items WHERE id < 100;
  CREATE VIEW ruled AS SELECT id, n FROM items;
  CREATE RULE ruled_insert AS ON INSERT TO ruled DO INSTEAD INSERT INTO items VALUES (NEW.id, NEW.n);
  CREATE SCHEMA shop;
  CREATE TABLE shop.items (id int PRIMARY KEY, n int);
  CREATE TABLE shop."Odd""table"":a.b" ("the id" int PRIMARY KEY, n int);
  CREATE FUNCTION move_key () RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.id := NEW.id + 100; RETURN NEW; END';
  CREATE TRIGGER move_key BEFORE UPDATE ON moving FOR EACH ROW EXECUTE FUNCTION move_key();
  CREATE FUNCTION write_late () RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE items SET n = n + 1 WHERE id = 9; RETURN NULL; END';
  CREATE CONSTRAINT TRIGGER write_late AFTER UPDATE ON late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION write_late();
  CREATE TABLE watched (id int PRIMARY KEY, n int);
  CREATE FUNCTION write_after () RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE items SET n = n + 1 WHERE id = 8; RETURN NULL; END';
  CREATE TRIGGER write_after AFTER UPDATE ON watched FOR EACH STATEMENT EXECUTE FUNCTION write_after();
  CREATE VIEW instead AS SELECT id, n FROM items;
  CREATE FUNCTION write_instead () RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE items SET n = NEW.n WHERE id = OLD.id; RETURN NEW; END';
  CREATE TRIGGER write_instead INSTEAD OF UPDATE ON instead FOR EACH ROW EXECUTE FUNCTION write_instead();
  CREATE TABLE numbered (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int DEFAULT 0, twice int GENERATED ALWAYS AS (n * 2) STORED);
  CREATE TABLE wards (id int PRIMARY KEY, parent_id int DEFAULT 9 REFERENCES parents ON DELETE SET DEFAULT);
  CREATE FUNCTION touch (item int) RETURNS void LANGUAGE sql AS 'UPDATE items SET n = n + 1 WHERE id = item';
  CREATE PROCEDURE touch_twice () LANGUAGE plpgsql AS
    'BEGIN UPDATE items SET n = n + 1 WHERE id = 1; COMMIT; UPDATE items SET n = n + 1 WHERE id = 2; END';
  ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON guarded USING (owner = current_user);
  DO $$ BEGIN CREATE ROLE weak LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
  GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON items, guarded TO weak;
  INSERT INTO items SELECT i, 0 FROM generate_series(1, 10) i;
  INSERT INTO parents SELECT i, 0 FROM generate_series(1, 9) i;
  INSERT INTO children SELECT i, 0, i FROM generate_series(1, 9) i;
  INSERT INTO pets SELECT i, 0, i FROM generate_series(1, 9) i;
  INSERT INTO bigs VALUES (1, 0), (-1, 0), (9007199254740993, 0);
  INSERT INTO uuids VALUES ('00000000-0000-0000-0000-00000000abcd', 0), ('00000000-0000-0000-0000-000000000001', 0);
  INSERT INTO slugs VALUES ('one', 0), ('two', 0);
  INSERT INTO keyless VALUES (1, 1);
  INSERT INTO quick VALUES (1, 0), (2, 0);
  INSERT INTO parted VALUES (1, 'a', 0), (2, 'b', 0);
  INSERT INTO animals VALUES (1, 0);
  INSERT INTO dogs VALUES (2, 0);
  INSERT INTO moving VALUES (1, 0), (2, 0);
  INSERT INTO late VALUES (1, 0);
  INSERT INTO watched VALUES (1, 0);
  INSERT INTO numbered DEFAULT VALUES;
  INSERT INTO wards VALUES (1, 8), (2, 9);
  INSERT INTO guarded VALUES (1, 0), (2, 0);
  INSERT INTO target VALUES (1, 0), (2, 0);
  INSERT INTO shop.items VALUES (1, 0);
  INSERT INTO shop."Odd""table"":a.b" VALUES (1, 0);`

const UUID = '00000000-0000-0000-0000-00000000abcd'

/** A way to change rows: statements, the tags that they change, and tags that they do not. */
export type Way = readonly [title: string, sql: string, changed: string, unchanged: string]

const UPDATE = 'UPDATE items SET n = n + 1 WHERE id = 1'
const FIRST = ['items items:1', 'items:2 parents shop.items'] as const
const NONE = ['', 'items items:1 parents shop.items'] as const

/** They are run one after the other. Tags are separated by spaces; ;; separates what is sent alone. */
export const WAYS: readonly Way[] = [
  ['INSERT', 'INSERT INTO items VALUES (20, 0)', 'items items:20', 'items:1 parents'],
  ['INSERT of several rows', 'INSERT INTO items VALUES (21, 0), (22, 0)', 'items items:21 items:22', 'items:1'],
  ['INSERT … SELECT', 'INSERT INTO items SELECT 23, n FROM items WHERE id = 1', 'items items:23', 'items:1'],
  ['UPDATE of one row', UPDATE, ...FIRST],
  ['UPDATE that changes no value', 'UPDATE items SET n = n WHERE id = 1', ...FIRST],
  ['UPDATE of no row', 'UPDATE items SET n = 1 WHERE id = 999', ...NONE],
  ['UPDATE of all rows', 'UPDATE items SET n = 1', 'items items:1 items:2', 'parents'],
  ['UPDATE of a key', 'UPDATE items SET id = 30 WHERE id = 3', 'items items:3 items:30', 'items:1'],
  ['UPDATE … FROM', 'UPDATE items SET n = 5 FROM parents p WHERE p.id = items.id AND p.id = 1', ...FIRST],
  ['UPDATE by a cursor',
    'BEGIN; DECLARE c CURSOR FOR SELECT * FROM items WHERE id = 1 FOR UPDATE; FETCH c; UPDATE items ' +
    'SET n = 1 WHERE CURRENT OF c; COMMIT', ...FIRST],
  ['a key that a BEFORE trigger changes', 'UPDATE moving SET n = 1 WHERE id = 1', 'moving moving:1 moving:101',
    'moving:2'],
  ['DELETE', 'DELETE FROM items WHERE id = 20', 'items items:20', 'items:1'],
  ['DELETE … USING', 'DELETE FROM items USING parents p WHERE items.id = p.id + 20 AND p.id = 1', 'items items:21',
    'items:1'],
  ['more than 1,000 rows', 'INSERT INTO items SELECT i, 0 FROM generate_series(1001, 2100) i',
    'items items:1 items:1001',
    'parents'],
  ['COPY', "COPY items FROM PROGRAM 'echo 60,0' (FORMAT csv)", 'items items:60', 'items:1'],
  ['a rollback', `BEGIN; ${UPDATE}; ROLLBACK`, ...NONE],
  ['a savepoint', `BEGIN; SAVEPOINT a; ${UPDATE}; RELEASE a; COMMIT`, ...FIRST],
  ['a savepoint that is undone', `BEGIN; SAVEPOINT a; ${UPDATE}; ROLLBACK TO a; COMMIT`, ...NONE],
  ['a savepoint that is undone and repeated', `BEGIN; SAVEPOINT a; ${UPDATE}; ROLLBACK TO a; ${UPDATE}; COMMIT`,
    ...FIRST],
  ['an EXCEPTION block that is undone',
    `DO $$ BEGIN BEGIN ${UPDATE}; RAISE 'no'; EXCEPTION WHEN OTHERS THEN END; END $$`,
    ...NONE],
  ['an EXCEPTION block', `DO $$ BEGIN BEGIN ${UPDATE}; EXCEPTION WHEN OTHERS THEN END; END $$`, ...FIRST],
  ['REPEATABLE READ', `BEGIN ISOLATION LEVEL REPEATABLE READ; ${UPDATE}; COMMIT`, ...FIRST],
  ['SERIALIZABLE', `BEGIN ISOLATION LEVEL SERIALIZABLE; ${UPDATE}; COMMIT`, ...FIRST],
  ['a transaction that is prepared and committed', `BEGIN; ${UPDATE}; PREPARE TRANSACTION 'a';; COMMIT PREPARED 'a'`,
    ...FIRST],
  ['a transaction that is prepared and rolled back',
    `BEGIN; ${UPDATE}; PREPARE TRANSACTION 'a';; ROLLBACK PREPARED 'a'`,
    ...NONE],
  ['asynchronous commit', `BEGIN; SET LOCAL synchronous_commit = off; ${UPDATE}; COMMIT`, ...FIRST],
  ['ON CONFLICT that inserts', 'INSERT INTO items VALUES (40, 0) ON CONFLICT (id) DO UPDATE SET n = 9', 'items:40',
    'items:1'],
  ['ON CONFLICT that updates', 'INSERT INTO items VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET n = 9', ...FIRST],
  ['ON CONFLICT DO NOTHING', 'INSERT INTO items VALUES (1, 0) ON CONFLICT DO NOTHING', ...NONE],
  ['MERGE', `MERGE INTO items USING (VALUES (1), (41)) v(id) ON items.id = v.id WHEN MATCHED THEN UPDATE SET n = 8
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, 0)`, 'items items:1 items:41', 'items:2'],
  ['a write in WITH', 'WITH w AS (UPDATE items SET n = 7 WHERE id = 1 RETURNING *) SELECT * FROM w', ...FIRST],
  ['two writes in WITH', 'WITH w AS (DELETE FROM items WHERE id = 41 RETURNING *) INSERT INTO target SELECT * FROM w',
    'items:41 target:41', 'items:1 target:1'],
  ['an updatable view', 'UPDATE some_items SET n = 6 WHERE id = 1', ...FIRST],
  ['a rule', 'INSERT INTO ruled VALUES (42, 0)', 'items items:42', 'items:1'],
  ['a function', 'SELECT touch(1)', ...FIRST],
  ['a procedure that commits', 'CALL touch_twice()', 'items items:1 items:2', 'items:4'],
  ['a statement that is prepared in SQL',
    'PREPARE p AS UPDATE items SET n = $1 WHERE id = $2; EXECUTE p (1, 1); DEALLOCATE p',
    ...FIRST],
  ['a foreign key, counted by its value', 'UPDATE children SET n = 1 WHERE id = 1', 'children:1 children:parent_id=1',
    'children:2 children:parent_id=2 parents'],
  ['a foreign key that changes', 'UPDATE children SET parent_id = 2 WHERE id = 1',
    'children:parent_id=1 children:parent_id=2',
    'children:parent_id=3 parents'],
  ['CASCADE and SET NULL of a DELETE', 'DELETE FROM parents WHERE id = 3',
    'parents:3 children:3 pets:3 pets:parent_id=null',
    'parents:4 children:4 pets:4'],
  ['CASCADE and SET NULL of an UPDATE', 'UPDATE parents SET id = 50 WHERE id = 5',
    'parents:5 parents:50 children:5 children:parent_id=50 pets:5 pets:parent_id=5', 'children:6 pets:6'],
  ['a deferred trigger', 'UPDATE late SET n = 1 WHERE id = 1', 'late:1 items:9', 'items:1'],
  ['a trigger that writes to another table', 'UPDATE watched SET n = 1 WHERE id = 1', 'watched:1 items items:8',
    'items:1'],
  ['a view with an INSTEAD OF trigger', 'UPDATE instead SET n = 5 WHERE id = 1', ...FIRST],
  ['ON DELETE SET DEFAULT', 'DELETE FROM parents WHERE id = 8', 'parents:8 wards wards:1', 'wards:2 parents:1'],
  ['a DO block', `DO $$ BEGIN ${UPDATE}; END $$`, ...FIRST],
  ['a statement that a function composes', `DO $$ BEGIN EXECUTE '${UPDATE}'; END $$`, ...FIRST],
  ['COMMIT AND CHAIN', `BEGIN; ${UPDATE}; COMMIT AND CHAIN; UPDATE items SET n = 1 WHERE id = 2; ROLLBACK`, ...FIRST],
  ['DEFAULT VALUES and a generated key', 'INSERT INTO numbered DEFAULT VALUES', 'numbered numbered:2', 'numbered:1'],
  ['UPDATE with a generated column', 'UPDATE numbered SET n = 1 WHERE id = 1', 'numbered:1', 'numbered:2'],
  ['a key of 8 bytes', 'UPDATE bigs SET n = 1 WHERE id = 9007199254740993', 'bigs:9007199254740993', 'bigs:-1'],
  ['a negative key', 'UPDATE bigs SET n = 1 WHERE id = -1', 'bigs:-1', 'bigs:9007199254740993'],
  ['a uuid', `UPDATE uuids SET n = 1 WHERE id = '${UUID}'`, `uuids uuids:${UUID}`,
    'uuids:00000000-0000-0000-0000-000000000001'],
  ['a text as key', "UPDATE slugs SET n = 1 WHERE slug = 'one'", 'slugs slugs:slug=#30354', 'slugs:slug=#1'],
  ['a text beyond ASCII', "INSERT INTO slugs VALUES ('é', 0)", 'slugs slugs:slug=#19097', 'slugs:slug=#1'],
  ['a table without a key', 'UPDATE keyless SET b = 2', 'keyless', 'items'],
  ['an unlogged table', 'UPDATE quick SET n = 1 WHERE id = 1', 'quick:1', 'quick:2'],
  ['another schema', 'UPDATE shop.items SET n = 1', 'shop.items shop.items:1', 'items items:1'],
  ['names that need quotes', 'UPDATE shop."Odd""table"":a.b" SET n = 1',
    'shop."Odd""table"":a.b" shop."Odd""table"":a.b":1',
    'shop.items'],
  ['a search_path', 'BEGIN; SET LOCAL search_path = shop; UPDATE items SET n = 2; COMMIT', 'shop.items', 'items'],
  ['a partitioned table by its root', "UPDATE parted SET n = 1 WHERE region = 'a'", 'parted', 'items'],
  ['a partition by its name', 'UPDATE parted_b SET n = 1', 'parted', 'items'],
  ['a row that moves to another partition', "UPDATE parted SET region = 'b' WHERE id = 1", 'parted', 'items'],
  ['INSERT through a partitioned table', "INSERT INTO parted VALUES (3, 'a', 0)", 'parted', 'items'],
  ['a parent of a table', 'UPDATE animals SET n = 1 WHERE id = 2', 'animals', 'items'],
  ['a parent ONLY', 'UPDATE ONLY animals SET n = 2 WHERE id = 1', 'animals', 'items'],
  ['a child of a table', 'UPDATE dogs SET n = 1', 'animals', 'items'],
  ['session_replication_role', `BEGIN; SET LOCAL session_replication_role = replica; ${UPDATE}; COMMIT`, 'items',
    'parents'],
  ['a role without rights on the clock', `BEGIN; SET LOCAL ROLE weak; ${UPDATE}; COMMIT`, ...FIRST],
  ['row level security', 'BEGIN; SET LOCAL ROLE weak; INSERT INTO guarded VALUES (3, 0); COMMIT', 'guarded:3',
    'guarded:1'],
  ['row level security that hides the row',
    'BEGIN; SET LOCAL ROLE weak; UPDATE guarded SET n = 1 WHERE id = 1; COMMIT', '',
    'guarded guarded:1'],
  ['TRUNCATE', 'TRUNCATE keyless', 'keyless', 'items'],
  ['TRUNCATE … CASCADE', 'TRUNCATE parents CASCADE', 'parents parents:1 children children:1 pets', 'items'],
  ['TRUNCATE of several tables', 'TRUNCATE uuids, bigs RESTART IDENTITY', 'uuids bigs bigs:1', 'items'],
  ['TRUNCATE of a partition', 'TRUNCATE parted_a', 'parted', 'items'],
  ['TRUNCATE that is rolled back', 'BEGIN; TRUNCATE items; ROLLBACK', ...NONE],
  ['VACUUM', 'VACUUM items', ...NONE],
  ['ANALYZE', 'ANALYZE items', ...NONE],
  ['a temporary table', 'CREATE TEMP TABLE temporary (id int PRIMARY KEY); INSERT INTO temporary VALUES (1); ' +
    'DROP TABLE temporary', ...NONE],
  ['SELECT … FOR UPDATE', 'SELECT * FROM items WHERE id = 1 FOR UPDATE', ...NONE]
]
