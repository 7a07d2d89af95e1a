import type pg from 'pg'
import type { PlanNode } from './plan.ts'

/** The class of errors of statements that have no plan, e.g. `SHOW`, or whose names mean nothing here. */
const NO_PLAN = '42'

let prepared = 0

/**
 * Returns the plan of a statement for any parameters; undefined if the statement is none that has a plan.
 *
 * Index scans are preferred, since they show which rows are read. The statement is not run.
 */
export async function explainGeneric (client: pg.ClientBase, sql: string): Promise<PlanNode | undefined> {
  const name = `larder_${prepared++}`
  await client.query('BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan; ' +
    'SET LOCAL enable_partition_pruning = off; SET LOCAL constraint_exclusion = off; SET LOCAL enable_seqscan = off; ' +
    'SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0')
  const plan = prepareAndExplain(client, name, sql).catch((error: { code?: string }) => {
    if (!String(error.code).startsWith(NO_PLAN)) throw error
    return undefined
  })
  try {
    return await plan
  } finally {
    await client.query('ROLLBACK')
    await client.query(`DEALLOCATE ${name}`).catch(() => {})
  }
}

async function prepareAndExplain (client: pg.ClientBase, name: string, sql: string): Promise<PlanNode> {
  // In this mode, PostgreSQL refuses a text with several statements. Otherwise it would run the second one.
  await client.query({ text: `PREPARE ${name} AS ${sql}`, queryMode: 'extended' } as pg.QueryConfig)
  const { rows: [{ number }] } = await client.query(
    'SELECT cardinality(parameter_types) AS number FROM pg_prepared_statements WHERE name = $1', [name])
  const values = number === 0 ? '' : `(${new Array(number).fill('NULL').join(', ')})`
  const { rows: [row] } = await client.query(
    `EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE ${name}${values}`)
  return row['QUERY PLAN'][0].Plan as PlanNode
}
