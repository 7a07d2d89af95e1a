import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { migrate as applyMigrations } from 'drizzle-orm/better-sqlite3/migrator'
import { makeTriggers } from '../clock/sqlite/triggers.ts'

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Processes that start together may all find the same migration missing; those that come second find it done. */
const ATTEMPTS = 3

/** Brings the schema up to date, and sees to it that the clock watches every table. */
export function migrate (connection: Sqlite.Database, attempts: number = ATTEMPTS): void {
  try {
    applyMigrations(drizzle({ client: connection }), { migrationsFolder: MIGRATIONS })
    makeTriggers(connection)
  } catch (error) {
    if (attempts === 1) throw (error as Error).cause ?? error
    migrate(connection, attempts - 1)
  }
}
