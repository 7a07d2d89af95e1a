import { and, desc, getTableName, lt, type SQL, sql } from 'drizzle-orm'
import { latestFirst, type Sql, writeRowCount } from '../db/index.ts'
import { type Product, products } from './table.ts'

/** A part of the list of products, newest first. */
export interface ListPart {
  items: Product[]
  /** Number of all products. */
  total: number
  /** The position of the last item, if there may be more. */
  next?: string
}

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

/** The pattern of a position: the time of a product, or `none`, and its id. */
export const CURSOR = '^(none|-?\\d+(?:\\.\\d+)?(?:e-?\\d+)?)_(-?\\d{1,19})$'
const CURSOR_PATTERN = new RegExp(CURSOR)

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
      ...last !== undefined && rows.length === limit && { next: `${last.time ?? 'none'}_${last.idText}` }
    }
  }

  return {
    count: readTotal,

    /** Reads a page. Those at the end take longer than those at the start. @param number of the page, from 1 */
    async readPage (number: number, limit: number): Promise<ListPart> {
      return await createPart(await page.all({ limit, offset: (number - 1) * limit }), limit)
    },

    /** Reads the products after a position. */
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
  const [, time, text] = CURSOR_PATTERN.exec(cursor)!
  const position = time === 'none' ? null : Number(time)
  const where = and(sql`${TIME} IS ${position}`, sql`${id} < CAST(${text} AS INTEGER)`)
  const sameTime = { where, order: [desc(id)] }
  if (position === null) return [sameTime]
  return [
    sameTime,
    { where: lt(TIME, position), order: NEWEST_FIRST },
    { where: sql`${TIME} IS NULL`, order: [desc(id)] }
  ]
}
