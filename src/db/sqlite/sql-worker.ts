import type { Worker } from 'node:worker_threads'
import Sqlite from 'better-sqlite3'
import { DatabaseWorkerError, OpenTransactionError, TransactionOverError } from '../../errors.ts'
import { startThread } from '../../start-thread.ts'
import type { ConnectionOptions } from './connection.ts'
import type { Statement, StatementResult } from './statement-runner.ts'

/** MiB for new objects of a thread. It needs few, and would otherwise take ten times as many. */
const YOUNG_MIB = 3
const WORKER = new URL('./worker.ts', import.meta.url)

/** The reply of a thread to a statement: its result, or its error and the code of that. */
export interface Reply {
  readonly result?: StatementResult
  readonly error?: Error
  readonly code?: string
  readonly inTransaction: boolean
}

/** A connection in a thread of its own, so that its statements do not block the event loop. It runs them in order. */
export class SqlWorker {
  readonly #worker: Worker
  readonly #running: Array<PromiseWithResolvers<StatementResult>> = []
  readonly #ended = Promise.withResolvers<void>()
  #error: unknown
  #hasEnded = false
  #inTransaction = false

  constructor (options: ConnectionOptions) {
    this.#worker = startThread(WORKER, { workerData: options, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB } })
    this.#worker.on('message', (reply: Reply) => this.#settle(reply))
    this.#worker.on('error', (error) => { this.#error = error })
    this.#worker.once('exit', () => this.#end())
  }

  /** Whether the thread has ended, because it failed or was closed. */
  get hasEnded (): boolean {
    return this.#hasEnded
  }

  /** The number of statements that have not ended. */
  get pending (): number {
    return this.#running.length
  }

  /** Whether a transaction was open on the connection after the last statement that has ended. */
  get inTransaction (): boolean {
    return this.#inTransaction && !this.#hasEnded
  }

  /** Runs a statement after those before it. Rejects with the error of SQLite, or with a 503 error. */
  async run (statement: Statement): Promise<StatementResult> {
    if (this.#hasEnded) throw new DatabaseWorkerError()
    const outcome = Promise.withResolvers<StatementResult>()
    // This throws if a value cannot be sent.
    this.#worker.postMessage(statement)
    this.#running.push(outcome)
    return await outcome.promise
  }

  /** Closes the connection after the statements that were sent. */
  async close (): Promise<void> {
    if (!this.#hasEnded) this.#worker.postMessage(null)
    await this.#ended.promise
  }

  #settle ({ result, error, code, inTransaction }: Reply): void {
    this.#inTransaction = inTransaction
    const outcome = this.#running.shift()!
    if (result !== undefined) outcome.resolve(result)
    else outcome.reject(restoreError(error!, code))
  }

  #end (): void {
    this.#hasEnded = true
    for (const { reject } of this.#running.splice(0)) reject(new DatabaseWorkerError({ cause: this.#error }))
    this.#ended.resolve()
  }
}

/** Returns an error of the class that it had in the thread. */
function restoreError (error: Error, code: string | undefined): Error {
  if (code === undefined) return error
  if (code.startsWith('SQLITE_')) return new Sqlite.SqliteError(error.message, code)
  return code === new TransactionOverError().code ? new TransactionOverError() : new OpenTransactionError()
}
