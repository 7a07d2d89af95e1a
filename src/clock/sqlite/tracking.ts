import type Sqlite from 'better-sqlite3'
import type { Logger } from 'drizzle-orm'
import { currentReads, type Versions } from '../../cache/index.ts'
import type { Clock } from './clock.ts'
import { QueryDependencies } from './query-dependencies.ts'

/** Tells the answer that is being made, if any, of every statement that Drizzle is about to run on the reader. */
export function trackReads (connection: Sqlite.Database, clock: Clock, versions: Versions): Logger {
  const statements = new QueryDependencies(connection)
  return {
    logQuery (sql, parameters) {
      const reads = currentReads()
      if (reads === undefined) return
      reads.begin(versions, () => versions.stamp())
      const { catalog } = clock
      const { tables, rows, unwatched } = statements.resolve(sql, parameters, catalog)
      if (unwatched) reads.doNotStore('unwatched-read')
      reads.add(versions, tables)
      reads.add(versions, rows.map(({ table, id }) => catalog.rowTag(table, typeof id === 'number' ? id : parameters[id.parameter])))
    }
  }
}

/** On the writer, what is read may yet be undone, so nothing that is made of it may be kept. */
export const forbidStoringReads: Logger = {
  logQuery () {
    currentReads()?.doNotStore('uncommitted-read')
  }
}
