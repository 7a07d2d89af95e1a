/** What the clock of a process reads of the schema. */
export const CATALOG = `
CREATE OR REPLACE FUNCTION larder.is_harmless(function oid) RETURNS bool LANGUAGE sql STABLE AS $$
  -- Its own, or immutable and not written in SQL or a procedural language: it reads no table.
  SELECT p.pronamespace = 'pg_catalog'::regnamespace OR (p.provolatile = 'i' AND l.lanname IN ('c', 'internal'))
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.oid = $1
$$;

-- Describes what queries can read. The results are texts of JSON.
CREATE OR REPLACE FUNCTION larder.catalog(OUT relations text, OUT unsafe text) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT coalesce(json_agg(json_build_array(c.oid::int8, n.nspname, c.relname,
    CASE c.relkind WHEN 'm' THEN larder.has_events() ELSE larder.is_watched(c.oid) IS TRUE END,
    ARRAY(SELECT r::int8 FROM larder.roots(c.oid) r),
    coalesce((SELECT json_agg(json_build_array(k.number, k.name, k.kind, k.is_key)) FROM larder.counted(c.oid) k),
      '[]'))), '[]')::text
    INTO relations FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN (SELECT larder.tables()) OR c.relkind = 'm';
  SELECT json_build_object(
    'functions', (SELECT coalesce(json_agg(DISTINCT p.proname), '[]') FROM pg_proc p
      WHERE p.pronamespace <> 'pg_catalog'::regnamespace AND p.pronamespace <> 'larder'::regnamespace
        AND NOT (p.prokind = 'f' AND larder.is_harmless(p.oid))),
    'operators', (SELECT coalesce(json_agg(DISTINCT o.oprname), '[]') FROM pg_operator o
      WHERE o.oprnamespace <> 'pg_catalog'::regnamespace AND NOT larder.is_harmless(o.oprcode)),
    -- Implicit casts are not visible in a plan.
    'casts', EXISTS (SELECT FROM pg_cast c
      WHERE c.castfunc <> 0 AND larder.is_harmless(c.castfunc) IS FALSE))::text INTO unsafe;
END $$;
`
