import { desc } from 'drizzle-orm'
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { isoTime, latestFirst, NOW } from './columns.ts'

/** The products. Other programs write to this table too, so the order of its columns does not change. */
export const products = sqliteTable('products', {
  id: integer().primaryKey({ autoIncrement: true }),
  title: text().notNull(),
  price: text().notNull(),
  created: isoTime().notNull().default(NOW),
  updated: isoTime().notNull().default(NOW)
}, (table) => [
  index('products_newest_first').on(latestFirst(table.created), desc(table.id))
])
