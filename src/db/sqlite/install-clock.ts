import type Sqlite from 'better-sqlite3'
import { recountRows } from '../../clock/sqlite/recount-rows.ts'
import { isBusyError, isReadOnlyError } from '../../clock/sqlite/error-codes.ts'
import { createTriggers } from '../../clock/sqlite/triggers.ts'

/** Tables whose number of rows the triggers maintain. */
const countRows = ['products']

/** Creates the triggers that watch every table, and checks the numbers of rows. */
export function installClock (connection: Sqlite.Database): void {
  createTriggers(connection, { countRows })
  try {
    recountRows(connection, { check: true })
  } catch (error) {
    // As long as a number is not known, each query that needs it counts the rows.
    if (!isBusyError(error) && !isReadOnlyError(error)) throw error
  }
}

/** Creates triggers that are missing, e.g. those of new and rebuilt tables, and counts rows whose number is unknown. */
export function repairClock (connection: Sqlite.Database): void {
  createTriggers(connection, { countRows })
  recountRows(connection)
}
