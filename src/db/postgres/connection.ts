import { Mutex } from 'async-mutex'
import type pg from 'pg'
import { CommitUnknownError, TransactionOverError } from '../../errors.ts'
import type { TransactionConnection } from '../transactions.ts'
import { cancelStatement, destroyClient } from './cancel.ts'
import { classifyError } from './error-translation.ts'

/** Milliseconds that the server may take to cancel a statement, or to begin or roll back a transaction. */
const CONTROL_MS = 2_000

/** The code of the error of each statement that follows a failed one in a transaction. */
const ABORTED = '25P02'

/** A statement, as the driver takes it. */
export type Statement = string | pg.QueryConfig | pg.QueryArrayConfig
export type Result = pg.QueryResult

export interface ConnectionOptions {
  readonly client: pg.PoolClient
  /** Creates a client of the same server that does not connect by itself, for cancelling. */
  readonly createClient: () => pg.Client
  /** Milliseconds that a commit may take. It may wait for standbys. */
  readonly commitMs: number
  /** Called when the server has not responded in time. */
  readonly onSilence: () => void
  /** Returns the error that callers get in place of one of the server. */
  readonly translate: (error: unknown) => unknown
}

/**
 * A client of the pool. Its statements run one after another. One for which nobody waits any more is cancelled on the
 * server; a client on which something is left over is closed rather than used again.
 */
export class PostgresConnection implements TransactionConnection {
  readonly #options: ConnectionOptions
  readonly #client: pg.PoolClient
  readonly #queue = new Mutex()
  #running: Promise<unknown> | undefined
  #onRelease: (() => void) | undefined
  /** Whether the transaction is being rolled back, so that nothing is sent any more. */
  #isEnding = false
  #isLost = false
  /** The error of the last statement that has failed in a transaction. */
  #failure: unknown

  constructor (options: ConnectionOptions) {
    this.#options = options
    this.#client = options.client
    const lose = () => { this.#isLost = true }
    this.#client.on('error', lose)
    this.#client.on('end', lose)
  }

  get inTransaction (): boolean {
    return !this.#isLost && this.#isOpen()
  }

  /** Lends it to a caller. @param onRelease called when it is free again */
  lend (onRelease: () => void): void {
    this.#onRelease = onRelease
    this.#isEnding = false
    this.#failure = undefined
  }

  /** Runs a statement after those before it. */
  async query (statement: Statement, values?: unknown[]): Promise<Result> {
    return await this.#queue.runExclusive(async () => {
      if (this.#isEnding) throw new TransactionOverError()
      try {
        return await this.#send(statement, values)
      } catch (error) {
        throw this.#options.translate(error)
      }
    })
  }

  async begin (): Promise<void> {
    try {
      await this.#control('BEGIN')
    } catch (error) {
      throw this.#options.translate(error)
    }
  }

  async exec (sql: string): Promise<void> {
    await this.query(sql)
  }

  async commit (): Promise<void> {
    await this.#queue.runExclusive(async () => {
      // A failed transaction is rolled back by a commit, without an error.
      if (this.#client.getTransactionStatus() === 'E') throw this.#options.translate(this.#failure)
      try {
        await this.#control('COMMIT', this.#options.commitMs)
      } catch (error) {
        const isUnknown = this.#isLost || classifyError(error) === 'unavailable'
        throw isUnknown ? new CommitUnknownError({ cause: error }) : this.#options.translate(error)
      }
    })
  }

  async rollback (): Promise<void> {
    this.#isEnding = true
    await this.#cancel()
    if (!this.#isLost) await this.#control('ROLLBACK')
  }

  /** Returns the client to the pool, without anything that is left over; or else closes it. */
  async release (): Promise<void> {
    if (this.#running !== undefined || this.#isOpen()) await Promise.allSettled([this.rollback()])
    // A transaction is still open if its rollback has failed.
    this.#client.release(this.#isLost || this.#isOpen())
    this.#onRelease!()
  }

  /** Closes the socket at once. */
  destroy (): void {
    this.#isLost = true
    destroyClient(this.#client)
  }

  #giveUp (): void {
    this.#options.onSilence()
    this.destroy()
  }

  #isOpen (): boolean {
    const status = this.#client.getTransactionStatus()
    return status === 'T' || status === 'E'
  }

  async #send (statement: Statement, values?: unknown[]): Promise<Result> {
    const running = this.#client.query(statement as pg.QueryConfig, values)
    this.#running = running
    try {
      const result = await running
      this.#running = undefined
      return result
    } catch (error) {
      this.#running = undefined
      if ((error as { code?: string }).code !== ABORTED) this.#failure = error
      throw error
    }
  }

  /** Runs a statement that takes no time. If the server does not respond, the connection is closed. */
  async #control (sql: string, ms: number = CONTROL_MS): Promise<void> {
    const timer = setTimeout(() => this.#giveUp(), ms)
    try {
      await this.#send(sql)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Cancels the statement that runs, and waits until it has ended. */
  async #cancel (): Promise<void> {
    const running = this.#running
    if (running === undefined || this.#isLost) return
    const timer = setTimeout(() => this.#giveUp(), CONTROL_MS)
    await cancelStatement(this.#client, this.#options.createClient(), CONTROL_MS)
    await running.catch(() => {})
    clearTimeout(timer)
  }
}
