import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { PostgresSql } from '../../db/index.ts'
import type { NewRow, ProductChanges, ProductFilter } from '../rows.ts'
import { divide, divideIds, INSERT_ROWS, STEP_ROWS } from '../steps.ts'
import { insertWithFreeIds } from './ids.ts'
import { products } from './table.ts'
import { advancedTo } from './times.ts'

/** Changes of many rows through a handle of the database. */
export function createBulk (handle: PostgresSql) {
  return {
    async updateMany (filter: ProductFilter, changes: ProductChanges, now: string): Promise<number> {
      const set = { ...changes, updated: advancedTo(products.updated, now) }
      const title = 'title' in filter ? eq(products.title, filter.title as string) : undefined
      const conditions = 'ids' in filter ? selectIds(filter.ids as number[]) : stepThrough(handle)
      let count = 0
      for await (const condition of conditions) {
        count += (await handle.update(products).set(set).where(and(condition, title))).rowCount!
      }
      return count
    },

    async deleteMany (ids: readonly number[]): Promise<number> {
      let count = 0
      for (const condition of selectIds(ids)) count += (await handle.delete(products).where(condition)).rowCount!
      return count
    },

    async insertMany (rows: readonly NewRow[]): Promise<number[]> {
      const ids: number[] = []
      for (const part of divide(rows, INSERT_ROWS)) {
        const inserted = await insertWithFreeIds(handle, () => insertPart(part))
        // The rows get their ids in order, but may be returned in any order.
        for (const id of inserted.sort((a, b) => a - b)) ids.push(id)
      }
      return ids
    }
  }

  /** Returns undefined, and inserts nothing, if an id was taken. */
  async function insertPart (part: readonly NewRow[]): Promise<number[] | undefined> {
    const { rows } = await handle.execute<{ id: string }>(sql`
      INSERT INTO ${products} (title, price, created, updated)
      SELECT title, price, created, created
      FROM unnest(${column(part, 0)}::text[], ${column(part, 1)}::text[], ${column(part, 2)}::timestamptz[])
        WITH ORDINALITY AS row (title, price, created, number)
      ORDER BY number ON CONFLICT (id) DO NOTHING RETURNING id`)
    const ids = rows.map(({ id }) => Number(id))
    if (ids.length === part.length) return ids
    await handle.delete(products).where(hasOneOf(ids))
    return undefined
  }
}

function column (rows: readonly NewRow[], index: 0 | 1 | 2) {
  return sql.param(rows.map((row) => row[index]))
}

/** Builds conditions that together select each product with one of these ids once, each of them those of one step. */
function selectIds (ids: readonly number[]): SQL[] {
  // In order, so that two changes at once wait for each other and not in a circle.
  const sorted = ids.toSorted((a, b) => a - b)
  return Array.from(divideIds(sorted), (part) => hasOneOf(part))
}

function hasOneOf (ids: readonly number[]): SQL {
  return sql`${products.id} = ANY(${sql.param(ids)}::int8[])`
}

/** Yields conditions that together select all products, each of them those of one step. */
async function * stepThrough (handle: PostgresSql): AsyncGenerator<SQL> {
  // Ids are texts here, since other programs may use some that are no safe integers in JavaScript.
  let after = sql`TRUE`
  while (true) {
    const step = sql`SELECT id FROM ${products} WHERE ${after} ORDER BY id LIMIT ${STEP_ROWS}`
    const { rows } = await handle.execute<{ last: string | null }>(sql`SELECT max(id) AS last FROM (${step}) step`)
    const { last } = rows[0]!
    if (last === null) return
    yield sql`${after} AND id <= ${last}::int8`
    after = sql`id > ${last}::int8`
  }
}
