import { randomUUID } from 'node:crypto'
import type { Versions } from '../../cache/index.ts'

export interface TransactionVersionsOptions {
  /** The clock of what is committed. */
  readonly committed: Versions
  /** Whether the caller is inside a transaction. */
  readonly inTransaction: () => boolean
  /** Whether the transaction of the caller has written something. */
  readonly hasWritten: () => Promise<boolean>
  /** Runs a callback after the commit of the caller's transaction. */
  readonly afterCommit: (callback: () => unknown) => void
}

/**
 * The version clock, as the transactions of the service see it: inside one that has written something, all entries are
 * misses, since the clock lists its changes only when they are committed. Nothing is stored there.
 */
export function transactionVersions (
  { committed, inTransaction, hasWritten, afterCommit }: TransactionVersionsOptions
): Versions {
  return {
    ...committed,

    // Uncommitted changes may be rolled back.
    isolated: inTransaction,

    stamp: (tags) => inTransaction() ? `uncommitted-${randomUUID()}` : committed.stamp(tags),

    firstChanged: (stamp, tags) => inTransaction()
      ? hasWritten().then((hasWritten) => hasWritten ? tags[0] : committed.firstChanged(stamp, tags))
      : committed.firstChanged(stamp, tags),

    invalidate (tags) {
      if (!inTransaction()) return committed.invalidate(tags)
      afterCommit(() => committed.invalidate(tags))
    }
  }
}
