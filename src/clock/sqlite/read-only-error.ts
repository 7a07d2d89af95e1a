import Sqlite from 'better-sqlite3'

/** Whether an error says that the file is read-only, also one that Drizzle has wrapped. */
export function isReadOnlyError (error: unknown): boolean {
  const { cause = error } = error as { cause?: unknown }
  return cause instanceof Sqlite.SqliteError && cause.code.startsWith('SQLITE_READONLY')
}
