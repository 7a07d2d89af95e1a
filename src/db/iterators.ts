import type Sqlite from 'better-sqlite3'
import { TransactionOverError } from '../errors.ts'

type Rows = IterableIterator<unknown>

/** Calls `track` with each iterator that statements of a connection return from now on. */
export function trackIterators (connection: Sqlite.Database, track: (rows: Rows) => void): void {
  const { prepare } = connection
  let iterate: Sqlite.Statement['iterate'] | undefined
  function iterateTracked (this: Sqlite.Statement, ...parameters: unknown[]): Rows {
    const rows = iterate!.apply(this, parameters)
    track(rows)
    return rows
  }
  connection.prepare = ((sql: string) => {
    const statement = prepare.call(connection, sql)
    iterate ??= statement.iterate
    statement.iterate = iterateTracked
    return statement
  }) as typeof prepare
}

/**
 * The iterators of a connection that were not read to their end. While there is one, the driver runs nothing else that
 * writes on the connection, not even COMMIT or ROLLBACK.
 */
export class OpenIterators {
  readonly #open = new Set<Rows>()

  constructor (connection: Sqlite.Database) {
    trackIterators(connection, (rows) => this.#add(rows))
  }

  /** Closes all, so that reading on throws. Returns whether there was one. */
  close (): boolean {
    if (this.#open.size === 0) return false
    for (const rows of this.#open) {
      rows.return!()
      rows.next = () => { throw new TransactionOverError() }
    }
    this.#open.clear()
    return true
  }

  #add (rows: Rows): void {
    const open = this.#open
    open.add(rows)
    const next = rows.next.bind(rows)
    const end = rows.return!.bind(rows)
    rows.next = () => {
      const result = next()
      if (result.done) open.delete(rows)
      return result
    }
    rows.return = () => {
      open.delete(rows)
      return end()
    }
  }
}
