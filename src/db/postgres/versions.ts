import { randomUUID } from 'node:crypto'
import type { Versions } from '../../cache/index.ts'

export interface TransactionVersionsOptions {
  /** The clock of what is committed. */
  readonly committed: Versions
  /** Whether the caller is inside a transaction. */
  readonly inTransaction: () => boolean
  /** Whether the transaction of the caller has written something. */
  readonly hasWritten: () => Promise<boolean>
}

/**
 * The version clock, as the transactions of the service see it: inside one that has written something, all entries are
 * misses, since the clock lists its changes only when they are committed. Nothing is stored there.
 */
export function transactionVersions (
  { committed, inTransaction, hasWritten }: TransactionVersionsOptions
): Versions {
  const { stamp, firstChanged, firstInvalidated, measureStaleness } = committed
  /** Returns a check for which everything has changed in a transaction that has written. */
  const seeOwnChanges = (check: Versions['firstChanged']): Versions['firstChanged'] => (known, tags) => inTransaction()
    ? hasWritten().then((hasWritten) => hasWritten ? tags[0] : check(known, tags))
    : check(known, tags)
  const inTransactions: Partial<Versions> = {
    // Uncommitted changes may be rolled back.
    isolated: inTransaction,

    stamp: (tags) => inTransaction() ? `uncommitted-${randomUUID()}` : stamp(tags),

    firstChanged: seeOwnChanges(firstChanged),

    firstInvalidated: seeOwnChanges(firstInvalidated!),

    measureStaleness: (known, tags) => inTransaction() ? undefined : measureStaleness!(known, tags)
  }
  // It stays the same object, since the clock records for it what statements read.
  return Object.assign(committed, inTransactions)
}
