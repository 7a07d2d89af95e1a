import { sql } from 'drizzle-orm'
import type { Product } from '../product.ts'
import { products } from './table.ts'
import { selectMs, toIsoTime } from './times.ts'

const { id, title, price, created, updated } = products

/** What each statement selects of a product. */
export const COLUMNS = { id, title, price, created: selectMs(created), updated: selectMs(updated) }

type Row = Omit<Product, 'created' | 'updated'> & { created: number, updated: number }

export function toProduct (row: Row): Product {
  return { ...row, created: toIsoTime(row.created), updated: toIsoTime(row.updated) }
}

/** As text, since other programs may use ids that are no safe integers in JavaScript. */
export const ID_TEXT = sql<string>`${id}::text`
