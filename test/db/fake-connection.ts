import { type TransactionConnection, Transactions, type TransactionsOptions } from '../../src/db/transactions.ts'

/** A connection that records its statements, each of which ends when `hold` allows it. */
export class FakeConnection implements TransactionConnection {
  readonly log: string[] = []
  inTransaction = false
  /** What a statement waits for, and fails with. */
  hold: (sql: string) => unknown = () => {}

  begin (): Promise<void> {
    return this.exec('BEGIN')
  }

  commit (): Promise<void> {
    return this.exec('COMMIT')
  }

  rollback (): Promise<void> {
    return this.exec('ROLLBACK')
  }

  async exec (sql: string): Promise<void> {
    this.log.push(sql)
    await this.hold(sql)
    if (sql === 'BEGIN') this.inTransaction = true
    if (sql === 'COMMIT' || sql === 'ROLLBACK') this.inTransaction = false
  }
}

/** Transactions on a connection that records what they do. */
export function setUp (options: Partial<TransactionsOptions<FakeConnection>> = {}) {
  const connection = new FakeConnection()
  const transactions = new Transactions({
    connect: () => connection, lockWaitMs: 10_000, transactionMs: 10_000, ...options
  })
  return { connection, transactions, log: connection.log }
}
