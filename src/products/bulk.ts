import { type SQL, sql } from 'drizzle-orm'
import type { Sql } from '../db/index.ts'
import { products } from './table.ts'

/*
 * Bulk changes run in steps within one transaction. Each step is one statement of limited size, so that a change can be
 * abandoned between two steps, and neither the process nor the database keeps its rows in memory.
 */

/** The number of rows that a step changes. */
export const STEP_ROWS = 10_000
/** The number of rows that a step inserts. The event loop writes them as JSON. */
const INSERT_ROWS = 1_000

/** Divides a list into parts of limited size. */
export function * divide<T> (items: readonly T[], size: number = STEP_ROWS): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

/** Builds conditions that together select each product with one of these ids once, each of them those of one step. */
export function selectIds (ids: readonly number[]): SQL[] {
  // One parameter for any number of ids: SQLite limits the number of parameters.
  return Array.from(divide([...new Set(ids)]), (part) =>
    sql`${products.id} IN (SELECT value FROM json_each(${JSON.stringify(part)}))`)
}

/** Yields conditions that together select all products, each of them those of one step. */
export async function * stepThrough (handle: Sql): AsyncGenerator<SQL> {
  // Ids are texts here, since other programs may use some that are no safe integers in JavaScript.
  let after = sql`TRUE`
  while (true) {
    const step = sql`SELECT id FROM ${products} WHERE ${after} ORDER BY id LIMIT ${STEP_ROWS}`
    const { last } = await handle.get<{ last: string | null }>(sql`SELECT CAST(max(id) AS TEXT) AS last FROM (${step})`)
    if (last === null) return
    yield sql`${after} AND id <= CAST(${last} AS INTEGER)`
    after = sql`id > CAST(${last} AS INTEGER)`
  }
}

/** A row to insert: its title, its price, and when it was created, in ISO 8601. */
export type NewRow = readonly [title: string, price: string, created: string]

/** Inserts rows, and returns their ids in the same order. */
export async function insertRows (handle: Sql, rows: readonly NewRow[]): Promise<number[]> {
  const ids: number[] = []
  for (const part of divide(rows, INSERT_ROWS)) {
    const inserted = await handle.values<[number]>(sql`INSERT INTO ${products} (title, price, created, updated)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 2 FROM json_each(${JSON.stringify(part)}) ORDER BY key
      RETURNING id`)
    // The rows are inserted in order, but may be returned in any order.
    for (const id of inserted.map(([id]) => id).sort((a, b) => a - b)) ids.push(id)
  }
  return ids
}
