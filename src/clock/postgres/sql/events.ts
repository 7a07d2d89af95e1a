/**
 * What follows changes of the schema, in the transaction that makes them: all entries become invalid, and new tables
 * get their triggers. A role that may not create event triggers does without.
 */
export const EVENTS = `
CREATE OR REPLACE FUNCTION larder.on_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c record;
  schema_moved bool := false;
BEGIN
  IF current_setting('larder.watching', true) = 'on' THEN RETURN; END IF;
  FOR c IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
    CONTINUE WHEN c.schema_name IN ('pg_temp', 'larder') OR c.command_tag IN ('COMMENT', 'GRANT', 'REVOKE');
    IF c.command_tag = 'REFRESH MATERIALIZED VIEW' THEN
      INSERT INTO larder.changes (rel, slots) VALUES (c.objid, '{-1}');
    ELSE
      schema_moved := true;
    END IF;
  END LOOP;
  IF NOT schema_moved THEN RETURN; END IF;
  INSERT INTO larder.changes (rel, slots) VALUES (0, '{-1}');
  PERFORM larder.watch_all(false);
EXCEPTION WHEN OTHERS THEN
  -- A migration does not fail because of the clock. What reads a table without triggers is not stored.
  RAISE WARNING 'larder could not follow a change of the schema: %', SQLERRM;
  INSERT INTO larder.changes (rel, slots) VALUES (0, '{-1}');
END $$;

CREATE OR REPLACE FUNCTION larder.on_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects()
    WHERE NOT is_temporary AND schema_name IS DISTINCT FROM 'pg_temp' AND schema_name IS DISTINCT FROM 'larder'
      AND object_identity IS DISTINCT FROM 'larder') AND to_regclass('larder.changes') IS NOT NULL
  THEN
    INSERT INTO larder.changes (rel, slots) VALUES (0, '{-1}');
  END IF;
END $$;

DO $$ BEGIN
  DROP EVENT TRIGGER IF EXISTS larder_ddl;
  DROP EVENT TRIGGER IF EXISTS larder_drop;
  CREATE EVENT TRIGGER larder_ddl ON ddl_command_end EXECUTE FUNCTION larder.on_ddl();
  CREATE EVENT TRIGGER larder_drop ON sql_drop EXECUTE FUNCTION larder.on_drop();
  ALTER EVENT TRIGGER larder_ddl ENABLE ALWAYS;
  ALTER EVENT TRIGGER larder_drop ENABLE ALWAYS;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
`
