import type Sqlite from 'better-sqlite3'
import { TransactionOverError } from '../errors.ts'

/**
 * The iterators of a connection that were not read to their end. While there is one, the driver runs nothing else that
 * writes on the connection, not even COMMIT or ROLLBACK.
 */
export class OpenIterators {
  readonly #open = new Set<IterableIterator<unknown>>()

  constructor (connection: Sqlite.Database) {
    const prepare = connection.prepare.bind(connection) as (sql: string) => Sqlite.Statement
    const prepareTracked = (sql: string): Sqlite.Statement => {
      const statement = prepare(sql)
      const iterate = statement.iterate.bind(statement)
      statement.iterate = (...parameters) => this.#track(iterate(...parameters))
      return statement
    }
    connection.prepare = prepareTracked as Sqlite.Database['prepare']
  }

  /** Closes all, so that reading on throws. Returns whether there was one. */
  close (): boolean {
    if (this.#open.size === 0) return false
    for (const iterator of this.#open) {
      iterator.return!()
      iterator.next = () => { throw new TransactionOverError() }
    }
    this.#open.clear()
    return true
  }

  #track (iterator: IterableIterator<unknown>): IterableIterator<unknown> {
    const open = this.#open
    open.add(iterator)
    const next = iterator.next.bind(iterator)
    const end = iterator.return!.bind(iterator)
    iterator.next = () => {
      const result = next()
      if (result.done) open.delete(iterator)
      return result
    }
    iterator.return = () => {
      open.delete(iterator)
      return end()
    }
    return iterator
  }
}
