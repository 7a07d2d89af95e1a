import { Semaphore, withTimeout } from 'async-mutex'
import type pg from 'pg'
import { DatabaseBusyError, DatabaseClosedError } from '../../errors.ts'
import { PostgresConnection } from './connection.ts'

/** Milliseconds that the clients may take to end, when they have nothing to do. */
const END_MS = 1_000

export interface ConnectionsOptions {
  readonly pool: pg.Pool
  readonly createClient: () => pg.Client
  readonly commitMs: number
  /** Called when the server has not responded in time. */
  readonly onSilence: () => void
  /** Returns the error that callers get in place of one of the server. */
  readonly translate: (error: unknown) => unknown
}

/** The connections of a pool, each of which has one user at a time. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #turns: Semaphore
  readonly #connections = new WeakMap<pg.PoolClient, PostgresConnection>()
  readonly #open = new Set<PostgresConnection>()
  #isClosed = false

  constructor (options: ConnectionsOptions) {
    this.#options = options
    this.#turns = new Semaphore(options.pool.options.max)
    options.pool.on('connect', (client) => this.#add(client))
    // An idle client that fails is replaced when one is needed.
    options.pool.on('error', () => {})
  }

  /**
   * Returns a connection that nobody else uses until it is released. Rejects with a 503 error if none is free in time,
   * or if it cannot connect.
   *
   * @param ms milliseconds to wait for a free one. Connecting may take longer
   */
  async take (ms: number): Promise<PostgresConnection> {
    if (this.#isClosed) throw new DatabaseClosedError()
    const release = await this.#waitForTurn(ms)
    try {
      const connection = this.#connections.get(await this.#options.pool.connect())!
      connection.lend(release)
      return connection
    } catch (error) {
      release()
      throw this.#options.translate(error)
    }
  }

  /** Closes all connections when they are released. */
  async close (): Promise<void> {
    this.#isClosed = true
    await this.#options.pool.end()
    // A server that is stopped closes no connection.
    const timer = setTimeout(() => { for (const connection of this.#open) connection.destroy() }, END_MS)
    timer.unref()
  }

  async #waitForTurn (ms: number): Promise<() => void> {
    try {
      const [, release] = await withTimeout(this.#turns, ms).acquire()
      return release
    } catch {
      throw new DatabaseBusyError()
    }
  }

  #add (client: pg.PoolClient): void {
    const connection = new PostgresConnection({ ...this.#options, client })
    this.#connections.set(client, connection)
    this.#open.add(connection)
    client.once('end', () => this.#open.delete(connection))
  }
}
