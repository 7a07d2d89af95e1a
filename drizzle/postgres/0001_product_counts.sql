-- Maintains the number of products, for every writer: `larder_product_counts` has a row for each statement that inserts
-- or deletes products, and the service sums them up now and then.

-- Its rows are inserted and deleted, but hardly any stay.
ALTER TABLE larder_product_counts SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
--> statement-breakpoint

-- Every role that may change products counts them, but may not change the counts itself. Nothing in pg_temp is used.
DO $do$ BEGIN EXECUTE format($format$
CREATE FUNCTION larder_count_products() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp AS $$
DECLARE
  known text;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    -- Not a DELETE, which sees only what its snapshot does: TRUNCATE removes all products.
    SELECT max(triggers) INTO known FROM larder_product_counts;
    TRUNCATE larder_product_counts;
    INSERT INTO larder_product_counts VALUES (0, known);
  ELSIF TG_LEVEL = 'ROW' THEN
    INSERT INTO larder_product_counts VALUES (CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END);
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO larder_product_counts SELECT count(*) FROM changed HAVING count(*) > 0;
  ELSE
    INSERT INTO larder_product_counts SELECT -count(*) FROM changed HAVING count(*) > 0;
  END IF;
  RETURN NULL;
END $$
$format$, current_schema()); END $do$;
--> statement-breakpoint

-- Creates the triggers that are missing or disabled. Logical replication fires no triggers of statements but those of
-- TRUNCATE, and ordinary sessions never fire the one of rows.
CREATE FUNCTION larder_create_product_triggers() RETURNS void LANGUAGE sql AS $$
  CREATE OR REPLACE TRIGGER count_inserted AFTER INSERT ON products
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION larder_count_products();
  CREATE OR REPLACE TRIGGER count_deleted AFTER DELETE ON products
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION larder_count_products();
  CREATE OR REPLACE TRIGGER count_truncated AFTER TRUNCATE ON products
    FOR EACH STATEMENT EXECUTE FUNCTION larder_count_products();
  CREATE OR REPLACE TRIGGER count_replicated AFTER INSERT OR DELETE ON products
    FOR EACH ROW EXECUTE FUNCTION larder_count_products();
  ALTER TABLE products ENABLE TRIGGER count_inserted, ENABLE TRIGGER count_deleted,
    ENABLE ALWAYS TRIGGER count_truncated, ENABLE REPLICA TRIGGER count_replicated;
$$;
--> statement-breakpoint
SELECT larder_create_product_triggers();
--> statement-breakpoint

-- Names the triggers as they are now; null unless all of them are enabled. The name changes if one of them was disabled
-- or replaced meanwhile, also if that is over: then products may not have been counted.
CREATE FUNCTION larder_product_triggers() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(concat_ws(' ', oid, xmin), ',' ORDER BY tgname) FROM pg_catalog.pg_trigger
  WHERE tgrelid = 'products'::regclass AND (tgname, tgenabled) IN (('count_inserted', 'O'), ('count_deleted', 'O'),
    ('count_truncated', 'A'), ('count_replicated', 'R'))
  HAVING count(*) = 4
$$;
