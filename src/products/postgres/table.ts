import { bigint, index, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { NOW } from './times.ts'

const time = () => timestamp({ withTimezone: true, precision: 3, mode: 'string' }).notNull().default(NOW)

/** The products. Other programs write to this table too, so the order of its columns does not change. */
export const products = pgTable('products', {
  id: bigint({ mode: 'number' }).primaryKey().generatedByDefaultAsIdentity(),
  title: text().notNull(),
  price: text().notNull(),
  created: time(),
  updated: time()
}, (table) => [
  // The list reads it backwards.
  index('products_newest_first').on(table.created, table.id)
])

/**
 * The number of products is the sum of these numbers. Triggers add rows, and writers of products change none, so that
 * they do not wait for each other. `triggers` says which triggers the sum is of; null: those of the other rows.
 */
export const productCounts = pgTable('larder_product_counts', {
  number: bigint({ mode: 'number' }).notNull(),
  triggers: text()
})
