import Sqlite from 'better-sqlite3'

/** Whether an error says that the file is read-only. */
export function isReadOnlyError (error: unknown): boolean {
  return hasCode(error, 'SQLITE_READONLY')
}

/** Whether an error says that the disk is full, or that the file has reached its limit. */
export function isFullError (error: unknown): boolean {
  return hasCode(error, 'SQLITE_FULL')
}

/** Whether an error, or the one that Drizzle has wrapped in it, is of SQLite and its code begins like this. */
function hasCode (error: unknown, code: string): boolean {
  const { cause = error } = Object(error) as { cause?: unknown }
  return cause instanceof Sqlite.SqliteError && cause.code.startsWith(code)
}
