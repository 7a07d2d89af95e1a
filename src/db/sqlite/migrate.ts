import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { migrate as applyMigrations } from 'drizzle-orm/better-sqlite3/migrator'
import { installClock } from './install-clock.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../drizzle', import.meta.url))

/** Processes that start together may apply the same migration. All but one fail, and succeed when they retry. */
const ATTEMPTS = 3

/** Applies missing migrations, creates the triggers that watch every table, and counts rows. */
export function migrate (connection: Sqlite.Database, attempts: number = ATTEMPTS): void {
  try {
    applyMigrations(drizzle({ client: connection }), { migrationsFolder: MIGRATIONS })
    installClock(connection)
  } catch (error) {
    if (attempts === 1) throw (error as Error).cause ?? error
    migrate(connection, attempts - 1)
  }
}
