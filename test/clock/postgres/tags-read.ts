import type pg from 'pg'
import type { Test } from 'tap'
import { collectReads, ReadSet } from '../../../src/cache/index.ts'
import { type PostgresClock, postgresClock } from '../../../src/larder/postgres.ts'
import type { PrivatePostgres } from '../../support/postgres.ts'

/** Returns the tags of what a statement reads, or the reason why it is not stored. */
export async function readTags (clock: PostgresClock, sql: string, values: unknown[] = []): Promise<string> {
  await clock.versions.stamp() // as a load does before it reads
  const reads = new ReadSet()
  collectReads(reads, () => clock.logger.logQuery(sql, values))
  await reads.settle()
  return reads.notStoredBecause ?? [...reads.tags(clock.versions)].sort().join(' ')
}

/** Creates a database with a schema, and its clock. */
export async function createClock (
  t: Test, postgres: PrivatePostgres, schema: string, options?: pg.PoolConfig
): Promise<{ pool: pg.Pool, clock: PostgresClock }> {
  const pool = await postgres.createPool(t, options)
  await pool.query(schema)
  const clock = await postgresClock(pool, { onWarning: (message) => t.fail(message) })
  t.teardown(() => clock.close())
  return { pool, clock }
}
