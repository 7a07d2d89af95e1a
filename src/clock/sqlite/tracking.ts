import type Sqlite from 'better-sqlite3'
import type { Logger } from 'drizzle-orm'
import { currentReads, type Versions } from '../../cache/index.ts'
import type { Known } from './byte-code.ts'
import type { Clock } from './clock.ts'
import { isPlainObject, QueryDependencies } from './query-dependencies.ts'
import { convertValue } from './slots.ts'

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
      // Bound values with names have no position.
      const values = parameters.some((value) => isPlainObject(value)) ? [] : parameters
      if (unwatched) reads.doNotStore('unwatched-read')
      reads.add(versions, tables)
      reads.add(versions, rows.map(({ table, column, known }) => {
        const value = resolveKnown(known, values)
        return column === undefined ? catalog.rowTag(table, value) : catalog.valueTag(table, column, value)
      }))
    }
  }
}

/** Returns a value that a statement looks for; undefined if it is not certain. */
function resolveKnown ({ source, through }: Known, parameters: readonly unknown[]): unknown {
  const value = 'parameter' in source ? parameters[source.parameter] : source.constant
  return through.reduce((value, affinity) => convertValue(affinity, value), value)
}
