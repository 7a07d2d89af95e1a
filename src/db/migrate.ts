import { fileURLToPath } from 'node:url'
import { migrate as applyMigrations } from 'drizzle-orm/better-sqlite3/migrator'
import type { Sql } from './database.ts'

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Processes that start together may all find the same migration missing; those that come second find it done. */
const ATTEMPTS = 3

export function migrate (sql: Sql, attempts: number = ATTEMPTS): void {
  try {
    applyMigrations(sql, { migrationsFolder: MIGRATIONS })
  } catch (error) {
    if (attempts === 1) throw (error as Error).cause ?? error
    migrate(sql, attempts - 1)
  }
}
