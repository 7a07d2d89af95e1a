import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Sql } from '../../db/index.ts'
import type { NewRow, ProductChanges, ProductFilter } from '../rows.ts'
import { divide, divideIds, INSERT_ROWS, STEP_ROWS } from '../steps.ts'
import { advancedTo } from './columns.ts'
import { products } from './table.ts'

/** Changes of many rows through a handle of the database. */
export function createBulk (handle: Sql) {
  return {
    async updateMany (filter: ProductFilter, changes: ProductChanges, now: string): Promise<number> {
      const set = { ...changes, updated: advancedTo(products.updated, now) }
      const title = 'title' in filter ? eq(products.title, filter.title as string) : undefined
      const conditions = 'ids' in filter ? selectIds(filter.ids as number[]) : stepThrough(handle)
      let count = 0
      for await (const condition of conditions) {
        count += (await handle.update(products).set(set).where(and(condition, title))).changes
      }
      return count
    },

    async deleteMany (ids: readonly number[]): Promise<number> {
      let count = 0
      for (const condition of selectIds(ids)) count += (await handle.delete(products).where(condition)).changes
      return count
    },

    async insertMany (rows: readonly NewRow[]): Promise<number[]> {
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
  }
}

/** Builds conditions that together select each product with one of these ids once, each of them those of one step. */
function selectIds (ids: readonly number[]): SQL[] {
  // One parameter for any number of ids: SQLite limits the number of parameters.
  return Array.from(divideIds(ids), (part) =>
    sql`${products.id} IN (SELECT value FROM json_each(${JSON.stringify(part)}))`)
}

/** Yields conditions that together select all products, each of them those of one step. */
async function * stepThrough (handle: Sql): AsyncGenerator<SQL> {
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
