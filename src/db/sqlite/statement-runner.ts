import type Sqlite from 'better-sqlite3'
import { OpenTransactionError, TransactionOverError } from '../../errors.ts'
import { repairClock } from './install-clock.ts'

/** The number of statements that stay compiled. */
const MAX_STATEMENTS = 200

/**
 * `run` returns no rows, `get` the first one, `all` all of them. `exec` runs several statements without parameters.
 * `begin` begins a transaction that writes, after a rollback of one that was left open. `repair` creates triggers that
 * are missing, and counts rows whose number is not known, in transactions of its own.
 */
export type Method = 'run' | 'get' | 'all' | 'exec' | 'begin' | 'repair'

/** A statement to run on a connection in a worker. */
export interface Statement {
  readonly method: Method
  readonly sql: string
  readonly parameters?: readonly unknown[]
  /** Whether a row is an array of values. Default: it is an object. */
  readonly asArrays?: boolean
}

export interface StatementResult {
  /** A row, an array of rows, or undefined. */
  readonly rows?: unknown
  /** Of `run`: the number of rows that it inserted, updated or deleted. */
  readonly changes?: number
  readonly lastInsertRowid?: number | bigint
  /** Whether the statement may have written something. */
  readonly wrote: boolean
}

/** Runs statements on a connection, and keeps them compiled. */
export class StatementRunner {
  readonly #connection: Sqlite.Database
  readonly #inTransactions: boolean
  readonly #compiled = new Map<string, Sqlite.Statement>()

  /** @param inTransactions true: statements run in transactions only; false: outside of them only */
  constructor (connection: Sqlite.Database, inTransactions: boolean) {
    this.#connection = connection
    this.#inTransactions = inTransactions
  }

  /** Whether a transaction is open. */
  get inTransaction (): boolean {
    return this.#connection.inTransaction
  }

  run ({ method, sql, parameters = [], asArrays = false }: Statement): StatementResult {
    if (method === 'begin') return this.#begin()
    if (method === 'repair') return this.#repair()
    // Otherwise it would be committed at once, and a savepoint would begin a transaction that nobody ends.
    if (this.#inTransactions && !this.inTransaction) throw new TransactionOverError()
    if (method === 'exec') return this.#execute(sql)
    const statement = this.#compile(sql)
    const wrote = !statement.readonly
    if (statement.reader) statement.raw(asArrays)
    const result = method === 'run' ? statement.run(...parameters) : { rows: statement[method](...parameters) }
    if (!this.#inTransactions) this.#closeTransaction()
    return { ...result, wrote }
  }

  #begin (): StatementResult {
    if (this.inTransaction) this.#connection.exec('ROLLBACK')
    return this.#execute('BEGIN IMMEDIATE')
  }

  #execute (sql: string): StatementResult {
    this.#connection.exec(sql)
    return { wrote: false }
  }

  #repair (): StatementResult {
    repairClock(this.#connection)
    return { wrote: false }
  }

  /** A transaction that is left open holds a snapshot, and all later statements would read outdated data. */
  #closeTransaction (): void {
    if (!this.inTransaction) return
    this.#connection.exec('ROLLBACK')
    throw new OpenTransactionError()
  }

  #compile (sql: string): Sqlite.Statement {
    const known = this.#compiled.get(sql)
    if (known !== undefined) {
      // The order is that of use, so that the first one has not been used for the longest time.
      this.#compiled.delete(sql)
      this.#compiled.set(sql, known)
      return known
    }
    const statement = this.#connection.prepare(sql)
    this.#compiled.set(sql, statement)
    const [oldest] = this.#compiled.keys()
    if (this.#compiled.size > MAX_STATEMENTS) this.#compiled.delete(oldest!)
    return statement
  }
}
