import { createRequire } from 'node:module'
import type { DatabaseLimits } from './limits.ts'
import type { PostgresDatabase } from './postgres/postgres-database.ts'
import { isPostgres } from './postgres/url.ts'
import type * as sqlite from './sqlite/sync-entry.mts'
import type { SqliteDatabase } from './sqlite/sqlite-database.ts'

/** Loads a module at once, but only when it is needed: an engine that is not used costs neither time nor memory. */
const load = createRequire(import.meta.url)

/**
 * Opens the database of a URL, creates what is missing in it, and applies missing migrations.
 *
 * @param url `file:path`, or `file::memory:` for a private database that is deleted by `close`: it is open at once; or
 *   a URL of PostgreSQL
 */
export function openDatabase (url: `file:${string}`, limits?: DatabaseLimits): SqliteDatabase
export function openDatabase (
  url: `${'postgres' | 'postgresql'}:${string}`, limits?: DatabaseLimits
): Promise<PostgresDatabase>
export function openDatabase (url: string, limits?: DatabaseLimits): SqliteDatabase | Promise<PostgresDatabase>
export function openDatabase (url: string, limits: DatabaseLimits = {}): SqliteDatabase | Promise<PostgresDatabase> {
  if (isPostgres(url)) return openPostgres(url, limits)
  const { openSqlite } = load('./sqlite/sync-entry.mts') as typeof sqlite
  return openSqlite(url, limits)
}

async function openPostgres (url: string, limits: DatabaseLimits): Promise<PostgresDatabase> {
  const { openPostgres } = await import('./postgres/open.ts')
  return await openPostgres(url, limits)
}
