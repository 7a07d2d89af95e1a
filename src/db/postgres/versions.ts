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
  const { stamp, firstChanged, measureStaleness, invalidate } = committed
  const inTransactions: Partial<Versions> = {
    // Uncommitted changes may be rolled back.
    isolated: inTransaction,

    stamp: (tags) => inTransaction() ? `uncommitted-${randomUUID()}` : stamp(tags),

    firstChanged: (known, tags) => inTransaction()
      ? hasWritten().then((hasWritten) => hasWritten ? tags[0] : firstChanged(known, tags))
      : firstChanged(known, tags),

    measureStaleness: (known, tags) => inTransaction() ? undefined : measureStaleness!(known, tags),

    invalidate (tags) {
      if (!inTransaction()) return invalidate(tags)
      afterCommit(() => invalidate(tags))
    }
  }
  // It stays the same object, since the clock records for it what statements read.
  return Object.assign(committed, inTransactions)
}
