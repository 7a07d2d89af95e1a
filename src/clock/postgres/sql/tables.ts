/**
 * The tables of the clock.
 *
 * `changes` lists what each transaction has changed, in the transaction itself. A row is only ever added, so writers do
 * not wait for each other. Its `xid` is that of the whole transaction, never that of a savepoint: snapshots list no
 * others.
 */
export const TABLES = `
CREATE SCHEMA IF NOT EXISTS larder;
GRANT USAGE ON SCHEMA larder TO PUBLIC;

-- What one statement has changed; a slot may be repeated. Writers wait for this row, so it is one, with one index.
-- Slot -1: some or all rows of the relation. rel 0: no relation, but the schema (slot -1) or a tag by its hash.
CREATE TABLE IF NOT EXISTS larder.changes (
  xid   xid8   NOT NULL DEFAULT pg_current_xact_id(),
  rel   oid    NOT NULL,
  slots int4[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 2147483647);
CREATE INDEX IF NOT EXISTS changes_xid ON larder.changes (xid);
-- Not compressed, which would take longer than to write it.
ALTER TABLE larder.changes ALTER slots SET STORAGE EXTERNAL;
-- So that rows can be deleted although the application may publish all tables.
ALTER TABLE larder.changes REPLICA IDENTITY FULL;
-- Every role that writes to a table reports its changes, and can report none of another transaction.
GRANT INSERT (rel, slots) ON larder.changes TO PUBLIC;

-- The last change of each slot by transactions that are older than the floor. Slot -2: of any slot of the relation.
CREATE UNLOGGED TABLE IF NOT EXISTS larder.folded (
  rel  oid  NOT NULL,
  slot int4 NOT NULL,
  xid  xid8 NOT NULL,
  PRIMARY KEY (rel, slot)
) WITH (fillfactor = 70);

-- One row. The table is UNLOGGED so that a crash, a promoted standby and a restored backup empty it: transactions that
-- were committed may be lost then, and their numbers be used again, so no stamp from before may be trusted.
CREATE UNLOGGED TABLE IF NOT EXISTS larder.clock (
  id         int  PRIMARY KEY CHECK (id = 1),
  nonce      text NOT NULL,
  system     int8 NOT NULL,
  timeline   text NOT NULL,
  database   oid  NOT NULL,
  floor      xid8 NOT NULL,
  next_floor xid8 NOT NULL
) WITH (fillfactor = 20);
GRANT SELECT ON larder.clock, larder.changes, larder.folded TO PUBLIC;

-- Returns the name of this history of this database. To be called once on each connection. It fails on a standby.
-- Not named "begin": psql would take that for the beginning of a body, and could not restore a dump.
CREATE OR REPLACE FUNCTION larder.begin_history() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  this_system int8 := (SELECT system_identifier FROM pg_control_system());
  this_timeline text := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
  this_database oid := (SELECT oid FROM pg_database WHERE datname = current_database());
  result text;
BEGIN
  FOR attempt IN 1..2 LOOP
    SELECT nonce INTO result FROM larder.clock
      WHERE system = this_system AND timeline = this_timeline AND database = this_database;
    IF result IS NOT NULL THEN RETURN result; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('larder.clock'));
  END LOOP;
  DELETE FROM larder.clock;
  DELETE FROM larder.folded;
  -- A restored dump has the numbers of transactions of another cluster.
  DELETE FROM larder.changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot());
  INSERT INTO larder.clock
    VALUES (1, replace(gen_random_uuid()::text, '-', ''), this_system, this_timeline, this_database,
      pg_snapshot_xmin(pg_current_snapshot()), pg_snapshot_xmin(pg_current_snapshot()))
    RETURNING nonce INTO result;
  RETURN result;
END $$;

-- Folds the changes that were below the horizon of the last call. Returns their number; null if another process folds.
CREATE OR REPLACE FUNCTION larder.fold() RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  new_floor xid8;
  number int8;
BEGIN
  IF NOT EXISTS (SELECT FROM larder.changes) THEN RETURN 0; END IF;
  IF NOT pg_try_advisory_xact_lock(hashtext('larder.fold')) THEN RETURN NULL; END IF;
  SELECT next_floor INTO new_floor FROM larder.clock;
  IF new_floor IS NULL THEN RETURN NULL; END IF;
  WITH gone AS (DELETE FROM larder.changes WHERE xid < new_floor RETURNING rel, slots, xid),
    kept AS (
      INSERT INTO larder.folded AS f
      SELECT rel, s, max(xid) FROM gone, unnest(slots || -2) s GROUP BY rel, s
      ON CONFLICT (rel, slot) DO UPDATE SET xid = greatest(f.xid, excluded.xid))
  SELECT count(*) INTO number FROM gone;
  -- Every transaction below the oldest one that runs has ended, so no change can appear there any more.
  UPDATE larder.clock SET floor = new_floor, next_floor = pg_snapshot_xmin(pg_current_snapshot());
  RETURN number;
END $$;
`
