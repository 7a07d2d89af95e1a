import type Sqlite from 'better-sqlite3'
import type { Logger } from 'drizzle-orm'
import { currentReads, type Versions } from '../../cache/index.ts'
import type { Clock } from './clock.ts'
import { QueryDependencies } from './query-dependencies.ts'

export interface TrackedConnection {
  connection: Sqlite.Database
  /** The clock of this connection. */
  clock: Clock
  /** Whether a statement on this connection reads an older state than that of a stamp. */
  isOutdated: () => boolean
  versions: Versions
  /** Returns another value after each change of what names mean on this connection alone. Default: they never do. */
  readNames?: () => unknown
}

/** Returns a logger for Drizzle that adds what each statement on a connection reads to the current read set, if any. */
export function trackReads ({ connection, clock, isOutdated, versions, readNames }: TrackedConnection): Logger {
  const dependencies = new QueryDependencies(connection)
  let lastNames: unknown
  return {
    logQuery (sql, parameters) {
      const reads = currentReads()
      if (reads === undefined) return
      reads.begin(versions, () => versions.stamp())
      if (isOutdated()) reads.doNotStore('outdated')
      const names = readNames?.()
      if (names !== lastNames) dependencies.clear()
      lastNames = names
      const { catalog } = clock
      const { tables, rows, unwatched } = dependencies.resolve(sql, parameters, catalog)
      if (unwatched) reads.doNotStore('unwatched-read')
      reads.add(versions, tables)
      for (const { table, id } of rows) {
        reads.add(versions, [catalog.rowTag(table, typeof id === 'number' ? id : parameters[id.parameter])])
      }
    }
  }
}

/** A logger for the writer. Its reads may still be rolled back, so nothing that depends on them may be stored. */
export const forbidStoringReads: Logger = {
  logQuery () {
    currentReads()?.doNotStore('uncommitted-read')
  }
}
