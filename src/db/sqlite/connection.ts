import Sqlite from 'better-sqlite3'

/**
 * - `writer`: runs transactions. Only it moves what was committed from the write-ahead log into the file, which can
 *   take long after a large change.
 * - `reader`: reads committed data.
 * - `clock`: reads the version clock on the event loop.
 * - `upkeep`: writes what the version clock needs on the event loop.
 */
export type Role = 'writer' | 'reader' | 'clock' | 'upkeep'

export interface ConnectionOptions {
  readonly path: string
  readonly role: Role
  /** Milliseconds that SQLite waits for a lock. */
  readonly timeout: number
}

/** KiB of pages that a connection keeps in memory. The operating system keeps those of the file as well. */
const CACHE_KIB = { writer: 8_192, reader: 4_096, clock: 1_024, upkeep: 512 }

/** Opens a connection to a database file. */
export function openConnection ({ path, role, timeout }: ConnectionOptions): Sqlite.Database {
  const connection = new Sqlite(path, { timeout })
  connection.pragma(`cache_size = -${CACHE_KIB[role]}`)
  if (role === 'writer' || role === 'upkeep') {
    connection.pragma('synchronous = NORMAL')
    connection.pragma('foreign_keys = ON')
    connection.pragma('recursive_triggers = ON')
    if (role === 'upkeep') connection.pragma('wal_autocheckpoint = 0')
    // A transaction waits for the file outside of SQLite, so that it can be abandoned meanwhile.
    if (role === 'writer') connection.pragma('busy_timeout = 0')
  } else {
    connection.pragma('query_only = ON')
  }
  return connection
}
