import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { migrate as applyMigrations } from 'drizzle-orm/better-sqlite3/migrator'
import { recountRows } from '../clock/sqlite/recount-rows.ts'
import { isBusyError, isReadOnlyError } from '../clock/sqlite/sqlite-errors.ts'
import { createTriggers } from '../clock/sqlite/triggers.ts'

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Processes that start together may apply the same migration. All but one fail, and succeed when they retry. */
const ATTEMPTS = 3

/** Tables whose number of rows the triggers maintain. */
const COUNTED = ['products']

/** Applies missing migrations, creates the triggers that watch every table, and counts rows. */
export function migrate (connection: Sqlite.Database, attempts: number = ATTEMPTS): void {
  try {
    applyMigrations(drizzle({ client: connection }), { migrationsFolder: MIGRATIONS })
    createTriggers(connection, { countRows: COUNTED })
    tryToRecount(connection)
  } catch (error) {
    if (attempts === 1) throw (error as Error).cause ?? error
    migrate(connection, attempts - 1)
  }
}

/** As long as the number of rows is not known, each query that needs it counts them. */
function tryToRecount (connection: Sqlite.Database): void {
  try {
    recountRows(connection, { check: true })
  } catch (error) {
    if (!isBusyError(error) && !isReadOnlyError(error)) throw error
  }
}
