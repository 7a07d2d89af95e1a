/** How the plans of the functions that read the clock are pinned: they may not depend on what VACUUM last saw. */
const PINNED = `LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan SET search_path = pg_catalog, pg_temp`

/** The number of changes that a look lists one by one. */
const MAX_CHANGES = 10_000

/** What the clock reads. Each function is one statement, so it reads one snapshot. */
export const LOOK = `
-- Lists the changes that are visible now and were not visible in an earlier snapshot, as xid:rel:slot.
CREATE OR REPLACE FUNCTION larder.changes_since(prev pg_snapshot, floor xid8) RETURNS text
${PINNED} AS $$
DECLARE
  since xid8 := pg_snapshot_xmax(prev);
  open xid8[] := ARRAY(SELECT pg_snapshot_xip(prev));
  moved text;
  number int;
BEGIN
  SELECT string_agg(m.xid || ':' || m.rel || ':' || m.slot, ' '), count(*) INTO moved, number FROM (
    SELECT xid, rel, slot FROM larder.changes, unnest(slots) slot WHERE xid >= since
    UNION ALL
    SELECT xid, rel, slot FROM larder.changes, unnest(slots) slot WHERE xid = ANY (open)
    LIMIT ${MAX_CHANGES + 1}) m;
  -- With more, all rows of the relations count as changed.
  IF number > ${MAX_CHANGES} THEN
    SELECT string_agg(':' || m.rel || ':-1', ' ') INTO moved FROM (
      SELECT DISTINCT rel FROM larder.changes WHERE xid >= since OR xid = ANY (open)) m;
  END IF;
  -- Changes that have been folded since are not listed, but the caller has to know of one of the schema.
  IF floor > pg_snapshot_xmin(prev) AND EXISTS (
    SELECT FROM larder.folded f WHERE f.rel = 0 AND f.slot = -1 AND f.xid >= pg_snapshot_xmin(prev))
  THEN moved := concat_ws(' ', moved, ':0:-1'); END IF;
  RETURN moved;
END $$;

-- Returns which entries are stale. Entry i has stamps[i]; it has the tags (rel[j], slot[j]) of all j with entry[j] = i.
-- slot null: any row of the relation. Every entry also depends on the schema.
CREATE OR REPLACE FUNCTION larder.stale(
  stamps pg_snapshot[], entry int4[], rel oid[], slot int4[], OUT nonce text, OUT stale int4[])
${PINNED} SET enable_mergejoin = off AS $$
DECLARE low xid8;
BEGIN
  SELECT c.nonce, c.floor INTO nonce, low FROM larder.clock c WHERE c.id = 1;
  WITH asked AS MATERIALIZED (
    SELECT u.e, u.r, u.s, stamps[u.e] AS stamp, pg_snapshot_xmin(stamps[u.e]) AS since
    FROM unnest(entry, rel, slot) u(e, r, s)
    UNION ALL
    SELECT i, 0, -1, stamps[i], pg_snapshot_xmin(stamps[i]) FROM generate_subscripts(stamps, 1) i),
  recent AS MATERIALIZED (
    SELECT c.xid, c.rel, s AS slot FROM larder.changes c, unnest(c.slots) s
    WHERE c.xid >= greatest(low, (SELECT min(a.since) FROM asked a)))
  SELECT array_agg(DISTINCT m.e) INTO stale FROM (
    SELECT a.e FROM asked a JOIN recent c ON c.rel = a.r AND c.slot = a.s
      WHERE c.xid >= a.since AND NOT pg_visible_in_snapshot(c.xid, a.stamp)
    UNION ALL
    SELECT a.e FROM asked a JOIN recent c ON c.rel = a.r
      WHERE c.slot = -1 AND a.s <> -1 AND c.xid >= a.since AND NOT pg_visible_in_snapshot(c.xid, a.stamp)
    UNION ALL
    SELECT a.e FROM asked a WHERE a.s IS NULL AND EXISTS (
      SELECT FROM recent c WHERE c.rel = a.r AND c.xid >= a.since AND NOT pg_visible_in_snapshot(c.xid, a.stamp))
    UNION ALL
    -- Only the last of the folded changes is known, so each that the stamp may not have seen counts.
    SELECT a.e FROM asked a, LATERAL (
      SELECT FROM larder.folded f WHERE f.rel = a.r AND f.slot = coalesce(a.s, -2) AND f.xid >= a.since LIMIT 1) f
    UNION ALL
    SELECT a.e FROM asked a, LATERAL (
      SELECT FROM larder.folded f WHERE f.rel = a.r AND f.slot = -1 AND f.xid >= a.since LIMIT 1) f
      WHERE a.s <> -1) m;
END $$;

-- Returns the number of the transaction that changed a tag last; slot null: any row of the relation.
CREATE OR REPLACE FUNCTION larder.last_change(of_rel oid, of_slot int4) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(xid::text::numeric)::text FROM (
    SELECT xid FROM larder.changes WHERE rel = of_rel AND (of_slot IS NULL OR slots && ARRAY[of_slot, -1])
    UNION ALL
    SELECT xid FROM larder.folded WHERE rel = of_rel AND slot IN (coalesce(of_slot, -2), -1)) c
$$;
`
