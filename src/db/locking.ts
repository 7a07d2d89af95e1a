import Sqlite from 'better-sqlite3'

/** Milliseconds between two tries to lock the file. */
export const RETRY_MS = 5

/** Runs a statement that wants a lock. False when somebody else has it. */
export function tryLock (statement: () => unknown): boolean {
  try {
    statement()
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false
    throw error
  }
  return true
}
