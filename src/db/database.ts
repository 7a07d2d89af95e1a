import type { Versions } from '../cache/index.ts'
import type { WorkStats } from './work.ts'

/**
 * - `ok`: it can be read and written.
 * - `read-only`: it can be read.
 * - `lost`: it, or a file that SQLite keeps beside it, was deleted, replaced or overwritten. What is written would be
 *   lost.
 */
export type DatabaseState = 'ok' | 'read-only' | 'lost'

/** Called when the state changes, with a sentence for the log. */
export type StateListener = (state: DatabaseState, message: string) => void

/**
 * The database of the service, whatever its engine. A transaction may await: other requests neither see its changes nor
 * run in it meanwhile. Everything else reads committed data.
 *
 * Its statements are those of the engine: `sql` of `SqliteDatabase` or `PostgresDatabase`.
 */
export interface Database {
  readonly dialect: 'sqlite' | 'postgres'
  /** Where it is, for messages: a URL without its password. */
  readonly place: string
  readonly inTransaction: boolean
  /**
   * Runs `work` in a transaction, and rolls back if it throws. Inside another transaction (in the same async context)
   * it is a savepoint. Rejects with a 503 error if the database stays locked or the work takes too long.
   */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  /**
   * Runs `callback` after the current transaction has committed, never after a rollback. If callbacks throw, all of
   * them still run, and then the call of `transaction` rejects with the first error, although it has committed.
   */
  afterCommit (callback: () => unknown): void
  /**
   * Abandons the statements and transactions of `work` when the signal aborts, e.g. because the client has gone: they
   * reject with its reason, and a transaction is rolled back. `undefined`: nothing abandons them.
   */
  withSignal<T> (signal: AbortSignal | undefined, work: () => T): T
  /** The version clock. Reads through `sql` add their tags to the current read set. */
  readonly versions: Versions
  /** Checks whether the database can be read and written. Rejects if it does not respond. */
  checkState (): Promise<DatabaseState>
  /** The work that waits and runs, for metrics. */
  readonly load: DatabaseLoad
  close (): Promise<void>
}

export interface DatabaseLoad {
  /** Statements outside of transactions. */
  readonly reads: WorkStats
  readonly transactions: WorkStats
}
