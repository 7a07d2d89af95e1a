import type { Versions } from '../cache/index.ts'
import type { DatabaseState } from './sqlite/file-state.ts'
import type { WorkStats } from './work.ts'
import type { Sql } from './sqlite/session.ts'

/**
 * The database of the service. Transactions run one after another on a connection of their own; everything else reads
 * committed data. So a transaction may await, and other requests neither see it nor run in it meanwhile.
 */
export interface Database {
  /**
   * Runs statements: in the transaction of the caller, otherwise on a connection that reads. They do not block the
   * event loop. Rejects with a 503 error if the database does not respond in time.
   */
  readonly sql: Sql
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
  /** Checks whether the database can be read and written. */
  checkState (): DatabaseState
  /** The work that waits and runs, for metrics. */
  readonly load: DatabaseLoad
  close (): Promise<void>
}

export interface DatabaseLoad {
  /** Statements outside of transactions. */
  readonly reads: WorkStats
  readonly transactions: WorkStats
}
