import { desc } from 'drizzle-orm'
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { isoTime, latestFirst, NOW } from '../db/columns.ts'

/** The columns stand in this order, so that other programs can write to the table. */
export const products = sqliteTable('products', {
  id: integer().primaryKey({ autoIncrement: true }),
  title: text().notNull(),
  price: text().notNull(),
  created: isoTime().notNull().default(NOW),
  updated: isoTime().notNull().default(NOW)
}, (table) => [
  index('products_newest_first').on(latestFirst(table.created), desc(table.id))
])

export type Product = typeof products.$inferSelect

export const TITLE_MAX_LENGTH = 200
export const PRICE_MAX_LENGTH = 20
