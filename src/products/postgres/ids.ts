import { sql } from 'drizzle-orm'
import type { PostgresSql } from '../../db/index.ts'
import { products } from './table.ts'

const ATTEMPTS = 3
/** The sequence of the ids. */
const SEQUENCE = sql`pg_get_serial_sequence('products', 'id')`

/**
 * Inserts rows, again if other programs have given rows the ids that are next in the sequence. Ids that are no safe
 * integers in JavaScript are left alone: after the largest one there is none.
 *
 * @param insert returns undefined if an id was taken; nothing is inserted then
 */
export async function insertWithFreeIds<T> (handle: PostgresSql, insert: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const inserted = await insert()
    if (inserted !== undefined) return inserted
    await handle.execute(sql`SELECT setval(${SEQUENCE}, greatest(nextval(${SEQUENCE}),
      (SELECT max(id) FROM ${products} WHERE id <= ${Number.MAX_SAFE_INTEGER}::int8)))`)
  }
  throw new Error('PostgreSQL inserts no products. Is there a trigger that prevents it?')
}
