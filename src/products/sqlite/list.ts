import { and, desc, getTableName, lt, type SQL, sql } from 'drizzle-orm'
import { type Sql, writeRowCount } from '../../db/index.ts'
import { parseCursor, writeCursor } from '../cursor.ts'
import type { ListPart } from '../rows.ts'
import { latestFirst } from './columns.ts'
import { products } from './table.ts'

/** When a product was created, as a number for its index; null for a text that is not a time. */
const TIME = sql<number | null>`julianday(${products.created})`
/** Triggers maintain it, so that it does not take longer the more products there are. */
const TOTAL = sql<number>`(${sql.raw(writeRowCount(getTableName(products)))})`
const { id, title, price, created, updated } = products
const NEWEST_FIRST = [latestFirst(created), desc(id)]

const COLUMNS = {
  product: { id, title, price, created, updated },
  time: TIME,
  // As text, since other programs may use ids that are no safe integers in JavaScript.
  idText: sql<string>`CAST(${id} AS TEXT)`,
  total: TOTAL
}

/** Reads the list of products through a handle of the database. */
export function createList (handle: Sql) {
  const page = handle.select(COLUMNS).from(products).orderBy(...NEWEST_FIRST)
    .limit(sql.placeholder('limit')).offset(sql.placeholder('offset')).prepare()
  const count = handle.select({ total: TOTAL }).from(sql`(SELECT 1)`).prepare()
  type Row = Awaited<ReturnType<typeof page.all>>[number]

  async function readTotal (): Promise<number> {
    return (await count.get())!.total
  }

  async function createPart (rows: readonly Row[], limit: number): Promise<ListPart> {
    const last = rows.at(-1)
    return {
      items: rows.map(({ product }) => product),
      total: last?.total ?? await readTotal(),
      ...last !== undefined && rows.length === limit && { next: writeCursor(last.time, last.idText) }
    }
  }

  return {
    count: readTotal,

    async readPage (number: number, limit: number): Promise<ListPart> {
      return await createPart(await page.all({ limit, offset: (number - 1) * limit }), limit)
    },

    async readAfter (cursor: string, limit: number): Promise<ListPart> {
      const rows: Row[] = []
      // One after the other, because SQLite looks up each of them in the index, and not all of them at once.
      for (const { where, order } of listSelections(cursor)) {
        const more = handle.select(COLUMNS).from(products).where(where).orderBy(...order).limit(limit - rows.length)
        rows.push(...await more)
        if (rows.length === limit) break
      }
      return await createPart(rows, limit)
    }
  }
}

/** Lists selections which, one after the other, are what follows a position. */
function listSelections (cursor: string): Array<{ where: SQL | undefined, order: readonly SQL[] }> {
  const position = parseCursor(cursor)
  const where = and(sql`${TIME} IS ${position.time}`, sql`${id} < CAST(${position.id} AS INTEGER)`)
  const sameTime = { where, order: [desc(id)] }
  if (position.time === null) return [sameTime]
  return [
    sameTime,
    { where: lt(TIME, position.time), order: NEWEST_FIRST },
    { where: sql`${TIME} IS NULL`, order: [desc(id)] }
  ]
}
