import { createRequire } from 'node:module'
import type { DatabaseLimits } from './limits.ts'
import type * as sqlite from './sqlite/open.ts'
import type { SqliteDatabase } from './sqlite/sqlite-database.ts'

/** Loads a module when it is needed, and at once: an engine that is not used costs neither time nor memory. */
const load = createRequire(import.meta.url)

/**
 * Opens the database of a URL, creates what is missing in it, and applies missing migrations.
 *
 * @param url `file:path`, or `file::memory:` for a private database that is deleted by `close`
 */
export function openDatabase (url: string, limits: DatabaseLimits = {}): SqliteDatabase {
  const { openSqlite } = load('./sqlite/open.ts') as typeof sqlite
  return openSqlite(url, limits)
}
