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
