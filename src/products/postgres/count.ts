import { sql } from 'drizzle-orm'
import { ignoreReads } from '../../larder/index.ts'
import type { PostgresDatabase } from '../../db/index.ts'
import { productCounts, products } from './table.ts'

/** The rows of counts above which they are summed up. */
const MAX_ROWS = 1_000
/** The name of the triggers that count products; null if they do not count all of them. Evaluated once. */
const TRIGGERS = sql`triggers AS MATERIALIZED (SELECT larder_product_triggers() AS name)`
/** Whether all counts are of these triggers. There is one with a name after they were summed up. */
const ARE_VALID = sql`min(counts.triggers) = name AND max(counts.triggers) = name`
/** The number of products: the sum of the counts. If triggers were disabled or replaced, they may have missed some. */
const TOTAL = sql`CASE WHEN ${ARE_VALID} THEN sum(number) ELSE (SELECT count(*) FROM ${products}) END`

/** Creates access to the number of products in a database, which triggers maintain. */
export function createCount (database: PostgresDatabase) {
  const { sql: handle } = database
  let summing: Promise<void> | undefined

  /** Replaces the counts by their sum. Nobody waits for it, and if it fails, a later call does it. */
  async function sumUp (): Promise<void> {
    const { rows } = await handle.execute<{ isFirst: boolean }>(
      sql`SELECT pg_try_advisory_xact_lock(hashtext('larder.product_counts')) AS "isFirst"`)
    if (!rows[0]!.isFirst) return
    // One statement, so that it reads counts and products at the same moment.
    await handle.execute(sql`
      WITH ${TRIGGERS}, counts AS (DELETE FROM ${productCounts} RETURNING *)
      INSERT INTO ${productCounts} (number, triggers)
      SELECT ${TOTAL}, name FROM triggers LEFT JOIN counts ON true GROUP BY name`)
  }

  return {
    /**
     * Reads the number of products. It adds no tags to what is being cached: those of the counts would be invalidated
     * when they are summed up.
     */
    read: () => ignoreReads(async () => {
      const { rows } = await handle.execute<{ total: string, isSummed: boolean, canSum: boolean }>(sql`
        WITH ${TRIGGERS}
        SELECT ${TOTAL} AS total, ${ARE_VALID} AND count(*) <= ${MAX_ROWS} AS "isSummed", name IS NOT NULL AS "canSum"
        FROM triggers LEFT JOIN ${productCounts} counts ON true GROUP BY name`)
      const { total, isSummed, canSum } = rows[0]!
      if (!isSummed && canSum && !database.inTransaction) {
        const work = () => database.transaction(sumUp)
        summing ??= database.withSignal(undefined, work).catch(() => {}).finally(() => { summing = undefined })
      }
      return Number(total)
    })
  }
}

/** Creates the triggers that count products, if they are missing or disabled. */
export async function createCountTriggers ({ sql: handle, transaction }: PostgresDatabase): Promise<void> {
  const create = () => handle.execute(
    sql`SELECT larder_create_product_triggers() WHERE larder_product_triggers() IS NULL`)
  // This role may not own the table, or the database may accept no changes. Then the products are counted.
  await transaction(create).catch(() => {})
}
