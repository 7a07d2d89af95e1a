import { desc, sql } from 'drizzle-orm'
import { parseCursor, writeCursor } from '../cursor.ts'
import type { ListPart } from '../rows.ts'
import { COLUMNS, ID_TEXT, toProduct } from './columns.ts'
import { createCount } from './count.ts'
import type { PostgresDatabase } from '../../db/index.ts'
import { products } from './table.ts'
import { fromMs } from './times.ts'

const { id, created } = products
const NEWEST_FIRST = [desc(created), desc(id)]

/** Reads the list of products. */
export function createList (database: PostgresDatabase) {
  const handle = database.sql
  const select = () => handle.select({ ...COLUMNS, idText: ID_TEXT }).from(products).orderBy(...NEWEST_FIRST)
  const page = select().limit(sql.placeholder('limit')).offset(sql.placeholder('offset')).prepare('')
  const any = handle.select({ id }).from(products).limit(1).prepare('')
  const count = createCount(database)
  type Row = Awaited<ReturnType<typeof page.execute>>[number]

  async function createPart (rows: readonly Row[], limit: number): Promise<ListPart> {
    const last = rows.at(-1)
    return {
      items: rows.map(({ idText, ...row }) => toProduct(row)),
      total: await count.read(),
      ...last !== undefined && rows.length === limit && { next: writeCursor(last.created, last.idText) }
    }
  }

  return {
    async count (): Promise<number> {
      await any.execute() // so that what is being cached depends on the products
      return await count.read()
    },

    async readPage (number: number, limit: number): Promise<ListPart> {
      return await createPart(await page.execute({ limit, offset: (number - 1) * limit }), limit)
    },

    async readAfter (cursor: string, limit: number): Promise<ListPart> {
      const position = parseCursor(cursor)
      // Each product has a time, so a position without one is after all of them.
      const time = fromMs(position.time ?? -Infinity)
      const isAfter = sql`(${created}, ${id}) < (${time}, ${limitId(position.id)}::int8)`
      return await createPart(await select().where(isAfter).limit(limit), limit)
    }
  }
}

/** Returns the nearest number of eight bytes. */
function limitId (text: string): string {
  const value = BigInt(text)
  const limited = BigInt.asIntN(64, value)
  if (limited === value) return text
  return String(value > 0 ? 2n ** 63n - 1n : -(2n ** 63n))
}
