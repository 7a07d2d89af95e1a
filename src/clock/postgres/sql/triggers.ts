/** The number of rows of one statement that are counted one by one. With more, the whole table has changed. */
const MAX_ROWS = 1_000
/** The number of columns of a table whose values are counted. */
const MAX_COLUMNS = 8
/** How functions keep their plans: making them takes most of the time, and each change of the schema calls these. */
const PLANNED_ONCE = 'LANGUAGE plpgsql STABLE SET join_collapse_limit = 1 SET plan_cache_mode = force_generic_plan'

/** The triggers that list what a statement changes. */
export const TRIGGERS = `
-- The tables whose tags a change of a table moves: the roots of its tree of partitions or of inheritance.
CREATE OR REPLACE FUNCTION larder.roots(rel oid) RETURNS SETOF oid LANGUAGE sql STABLE AS $$
  WITH RECURSIVE up(o) AS (
    SELECT $1 UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN up ON i.inhrelid = up.o)
  SELECT o FROM up WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = up.o)
$$;

-- The columns whose values are counted: those that begin an index, of tables that have no parents and no children.
-- is_key: its values are the rows. Collations that call different texts equal are left out.
CREATE OR REPLACE FUNCTION larder.counted(rel oid)
RETURNS TABLE (number int4, name name, kind text, is_key bool) ${PLANNED_ONCE} AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT attnum::int4, attname, kind, is_key FROM (
    SELECT DISTINCT ON (a.attnum) a.attnum, a.attname, k.kind,
      i.indisprimary AND i.indnkeyatts = 1 AND k.kind <> 'text' AS is_key
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname IN ('btree', 'hash')
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
    JOIN (VALUES ('int2', 'int'), ('int4', 'int'), ('int8', 'int'), ('uuid', 'uuid'), ('text', 'text'),
      ('varchar', 'text')) k(type, kind) ON ('pg_catalog.' || k.type)::regtype = a.atttypid
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
    WHERE t.oid = $1 AND t.relkind = 'r' AND i.indisvalid AND i.indpred IS NULL
      AND c.collisdeterministic IS NOT FALSE
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_index j JOIN pg_catalog.pg_collation d ON d.oid = j.indcollation[0]
        WHERE j.indrelid = t.oid AND j.indkey[0] = a.attnum AND NOT d.collisdeterministic)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE $1 IN (h.inhparent, h.inhrelid))
    ORDER BY a.attnum, 4 DESC) every
  ORDER BY is_key DESC, attnum LIMIT ${MAX_COLUMNS};
END $$;

-- The slots of a row, as a list of expressions; null if rows of the table are not told apart.
CREATE OR REPLACE FUNCTION larder.slots(rel oid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(CASE WHEN is_key THEN bits ELSE format('(%s + coalesce(%s, 0))', number * 65536, bits) END, ', ')
  FROM (SELECT number, is_key, CASE kind
      WHEN 'int' THEN format('(r.%I & 65535)::int4', name)
      WHEN 'uuid' THEN format('(''x'' || right(r.%I::text, 4))::bit(16)::int4', name)
      ELSE format('(''x'' || encode(substr(sha256(convert_to(r.%I, ''UTF8'')), 1, 2), ''hex''))::bit(16)::int4', name)
    END AS bits FROM larder.counted($1)) c
$$;

CREATE OR REPLACE FUNCTION larder.has_events() RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT count(*) = 2 FROM pg_catalog.pg_event_trigger
  WHERE evtname IN ('larder_ddl', 'larder_drop') AND evtenabled = 'A'
$$;

-- What the trigger functions of a table have to be. Triggers of statements see COPY, MERGE, ON CONFLICT, cascades and
-- writes in WITH. Logical replication fires no triggers of statements, so "applied" is one of rows, for it alone.
CREATE OR REPLACE FUNCTION larder.bodies(rel oid, OUT op text, OUT body text) RETURNS SETOF record
LANGUAGE plpgsql STABLE AS $$
DECLARE
  slots text := larder.slots(rel);
  number int8 := (SELECT count(*) FROM larder.counted(rel));
  -- The slots of the rows that a statement has removed and added, up to one too many.
  removed text := format('ARRAY(SELECT %s FROM larder_old r LIMIT %s)',
    CASE number WHEN 1 THEN slots ELSE 'unnest(ARRAY[' || slots || '])' END, ${MAX_ROWS} * number + 1);
  added text := replace(removed, 'larder_old r LIMIT', 'larder_new r LIMIT');
  -- Mostly the table itself, which the text does not name: after a restored dump, tables have other oids.
  roots text := (SELECT string_agg(CASE WHEN r = rel THEN '(TG_RELID)' ELSE format('(%s::oid)', r) END, ', ' ORDER BY r)
    FROM larder.roots(rel) r);
  log_all text := format('INSERT INTO larder.changes (rel, slots) SELECT t.o, ''{-1}'' FROM (VALUES %s) t(o)', roots);
BEGIN
  FOREACH op IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    -- Each is one statement, because a second one adds a tenth to the time of an update of one row.
    IF slots IS NULL THEN
      body := format('%s WHERE EXISTS (SELECT FROM %s);', log_all,
        CASE op WHEN 'delete' THEN 'larder_old' ELSE 'larder_new' END);
    ELSE
      body := format('INSERT INTO larder.changes (rel, slots)
        SELECT TG_RELID, CASE WHEN cardinality(s) <= %s THEN s ELSE ''{-1}'' END
        FROM (SELECT %s OFFSET 0) t(s) WHERE s <> ''{}'';',
        ${MAX_ROWS} * number * CASE op WHEN 'update' THEN 2 ELSE 1 END,
        CASE op WHEN 'insert' THEN added WHEN 'delete' THEN removed ELSE added || ' || ' || removed END);
      -- Without event triggers, a column may be dropped or renamed unnoticed. Writes go on.
      IF NOT larder.has_events() THEN
        body := format('BEGIN %s EXCEPTION WHEN undefined_column THEN %s; END;', body, log_all);
      END IF;
    END IF;
    body := 'BEGIN ' || body || ' RETURN NULL; END';
    RETURN NEXT;
  END LOOP;
  body := 'BEGIN ' || log_all || '; RETURN NULL; END';
  op := 'truncate'; RETURN NEXT;
  IF (SELECT relkind FROM pg_catalog.pg_class WHERE oid = rel) <> 'p' THEN op := 'applied'; RETURN NEXT; END IF;
END $$;

-- Whether every change of a table is listed: all triggers exist, do what they have to, and always run.
CREATE OR REPLACE FUNCTION larder.is_watched(rel oid) RETURNS bool ${PLANNED_ONCE} AS $$
BEGIN
  RETURN (SELECT bool_and(EXISTS (
    SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = $1 AND t.tgname = 'larder_' || b.op AND p.prosrc = b.body
      AND p.pronamespace = 'larder'::regnamespace
      AND t.tgenabled = CASE b.op WHEN 'applied' THEN 'R' ELSE 'A' END))
  FROM larder.bodies($1) b);
END $$;

CREATE OR REPLACE FUNCTION larder.watch(rel oid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  b record;
  fn text;
  has_slots bool := larder.slots(rel) IS NOT NULL;
BEGIN
  FOR b IN SELECT * FROM larder.bodies(rel) LOOP
    fn := 'larder.t_' || left(md5(b.body), 16); -- tables with the same columns share it
    EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %L', fn, b.body);
    EXECUTE format('CREATE OR REPLACE TRIGGER larder_%s AFTER %s ON %s %s EXECUTE FUNCTION %s()', b.op,
      CASE b.op WHEN 'applied' THEN 'INSERT OR UPDATE OR DELETE' ELSE b.op END, rel::regclass,
      CASE b.op
        WHEN 'insert' THEN 'REFERENCING NEW TABLE AS larder_new FOR EACH STATEMENT'
        WHEN 'update' THEN 'REFERENCING NEW TABLE AS larder_new '
          || CASE WHEN has_slots THEN 'OLD TABLE AS larder_old ' ELSE '' END || 'FOR EACH STATEMENT'
        WHEN 'delete' THEN 'REFERENCING OLD TABLE AS larder_old FOR EACH STATEMENT'
        WHEN 'truncate' THEN 'FOR EACH STATEMENT'
        ELSE 'FOR EACH ROW' END, fn);
    EXECUTE format('ALTER TABLE ONLY %s ENABLE %s TRIGGER larder_%s', rel::regclass,
      CASE b.op WHEN 'applied' THEN 'REPLICA' ELSE 'ALWAYS' END, b.op);
  END LOOP;
END $$;

-- The tables of applications. Those that begin with larder_ are for work that no cached value depends on. It is not
-- written in SQL, which would let a query that calls it examine each relation of the catalog first.
CREATE OR REPLACE FUNCTION larder.tables() RETURNS SETOF oid ${PLANNED_ONCE} AS $$
BEGIN
  RETURN QUERY SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('larder', 'pg_catalog', 'information_schema', 'pg_toast')
    AND c.relname NOT LIKE 'larder\\_%';
END $$;

-- Creates the triggers of all tables that are not watched, and that this role owns. Returns the number of these tables.
-- with_disabled: also of those whose triggers were disabled.
CREATE OR REPLACE FUNCTION larder.watch_all(with_disabled bool) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE
  before text := current_setting('larder.watching', true);
  number int8 := 0;
  unwatched oid;
BEGIN
  PERFORM set_config('larder.watching', 'on', true);
  FOR unwatched IN SELECT c.oid FROM larder.tables() t JOIN pg_catalog.pg_class c ON c.oid = t
    WHERE larder.is_watched(t) IS NOT TRUE
      AND pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
      AND (with_disabled OR NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
        WHERE t.tgrelid = c.oid AND t.tgname LIKE 'larder\\_%' AND t.tgenabled = 'D'))
  LOOP
    PERFORM larder.watch(unwatched);
    number := number + 1;
  END LOOP;
  PERFORM set_config('larder.watching', coalesce(before, ''), true);
  IF number > 0 THEN INSERT INTO larder.changes (rel, slots) VALUES (0, '{-1}'); END IF;
  RETURN number;
END $$;
`
