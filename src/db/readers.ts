import type Sqlite from 'better-sqlite3'
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3'
import type { Versions } from '../cache/index.ts'
import { Clock } from '../clock/sqlite/clock.ts'
import type { History } from '../clock/sqlite/history.ts'
import { trackReads } from '../clock/sqlite/tracking.ts'
import { trackIterators } from './iterators.ts'

/** Connections, beyond which statements run on one whose snapshot is held, and what they read is not stored. */
const MAX_READERS = 8

interface Reader {
  readonly sql: BetterSQLite3Database
  /** Whether its snapshot is held, and older than what was committed. */
  readonly isOutdated: () => boolean
}

export interface ReadersOptions {
  /** Opens a connection that reads committed data. */
  connect: () => Sqlite.Database
  /** The clock whose connection nobody else uses. */
  committed: Clock
  history: History
  versions: Versions
}

/**
 * The connections that read committed data: one, as long as no caller holds its snapshot.
 *
 * A statement that is not finished, e.g. an iterator, or an open `BEGIN` holds the snapshot of its connection, and all
 * other statements on it read outdated data too. Then another connection is used.
 */
export function createReaders ({ connect, committed, history, versions }: ReadersOptions) {
  const readers: Reader[] = []
  let latest = open()

  function open (): Reader {
    const connection = connect()
    const clock = new Clock(connection, true, history)
    let hasIterated = false
    trackIterators(connection, () => { hasIterated = true })
    // Only an iterator or an open BEGIN can hold the snapshot. So most statements need no comparison of clocks.
    const isOutdated = () => (hasIterated || connection.inTransaction) && clock.isBehind(committed)
    const sql = drizzle({ client: connection, logger: trackReads({ connection, clock, isOutdated, versions }) })
    const reader = { sql, isOutdated }
    readers.push(reader)
    return reader
  }

  return {
    /** The connection to use now. */
    get sql (): BetterSQLite3Database {
      if (latest.isOutdated()) {
        const free = readers.find(({ isOutdated }) => !isOutdated())
        latest = free ?? (readers.length < MAX_READERS ? open() : latest)
      }
      return latest.sql
    }
  }
}
