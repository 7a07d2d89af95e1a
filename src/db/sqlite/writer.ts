import { setTimeout as sleep } from 'node:timers/promises'
import { RETRY_MS } from '../../clock/sqlite/locking.ts'
import { isBusyError } from '../../clock/sqlite/error-codes.ts'
import { DatabaseBusyError } from '../../errors.ts'
import type { TransactionConnection } from '../transactions.ts'
import type { SqlWorker } from './sql-worker.ts'
import type { Statement, StatementResult } from './statement-runner.ts'

export interface WriterOptions {
  /** Starts a thread with a connection that writes. */
  start: () => SqlWorker
  /** Milliseconds to wait for another program that has locked the file. */
  lockWaitMs: number
}

/** The connection of transactions, in a thread of its own. If the thread fails, the next transaction starts another. */
export class Writer implements TransactionConnection {
  readonly #options: WriterOptions
  #worker: SqlWorker | undefined

  constructor (options: WriterOptions) {
    this.#options = options
  }

  get inTransaction (): boolean {
    return this.#worker?.inTransaction ?? false
  }

  async begin (): Promise<void> {
    this.#start()
    const deadline = performance.now() + this.#options.lockWaitMs
    while (!await this.#tryBegin()) {
      if (performance.now() >= deadline) throw new DatabaseBusyError()
      await sleep(RETRY_MS)
    }
  }

  async commit (): Promise<void> {
    await this.exec('COMMIT')
  }

  async rollback (): Promise<void> {
    await this.exec('ROLLBACK')
  }

  async exec (sql: string): Promise<void> {
    await this.run({ method: 'exec', sql })
  }

  /** Runs a statement in the transaction. */
  async run (statement: Statement): Promise<StatementResult> {
    return await this.#worker!.run(statement)
  }

  /** Repairs the version clock. Call it between transactions. */
  async repair (): Promise<void> {
    this.#start()
    await this.run({ method: 'repair', sql: '' })
  }

  async close (): Promise<void> {
    await this.#worker?.close()
  }

  #start (): void {
    if (this.#worker === undefined || this.#worker.hasEnded) this.#worker = this.#options.start()
  }

  async #tryBegin (): Promise<boolean> {
    try {
      await this.run({ method: 'begin', sql: '' })
      return true
    } catch (error) {
      if (isBusyError(error)) return false
      throw error
    }
  }
}
