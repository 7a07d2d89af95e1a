import Sqlite from 'better-sqlite3'

/** Milliseconds between two attempts to lock the file. */
export const RETRY_MS = 5

/** Runs a statement that needs a lock. Returns false if another connection holds it. */
export function tryLock (statement: () => unknown): boolean {
  try {
    statement()
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false
    throw error
  }
  return true
}
