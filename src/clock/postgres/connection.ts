import type pg from 'pg'
import { limitAnswer } from './limit-answer.ts'

/** Milliseconds between two attempts to connect, at first and at most. */
const MIN_RETRY_MS = 20
const MAX_RETRY_MS = 500

/** Milliseconds that the preparation of a connection may take. It reads the schema. */
const PREPARE_MS = 30_000

/** The connection does not work at the moment. */
export class UnavailableError extends Error {}

export interface ConnectionOptions {
  readonly createClient: () => pg.Client
  /** Prepares a new connection. If it rejects, the connection is not used. */
  readonly onConnect: (client: pg.Client) => Promise<void>
  /** Milliseconds that a query may take. */
  readonly deadlineMs: number
}

/**
 * A connection whose queries are pipelined: they are sent at once, and run one after the other. If one takes too long,
 * the connection is dropped, and queries fail at once until another connection works.
 */
export class Connection {
  readonly #options: ConnectionOptions
  #client: pg.Client | undefined
  #isReady = false
  #isClosed = false
  #retryMs = MIN_RETRY_MS
  #retry: NodeJS.Timeout | undefined
  #running = 0

  constructor (options: ConnectionOptions) {
    this.#options = options
  }

  get isReady (): boolean {
    return this.#isReady
  }

  /** Connects. Rejects if that fails; then it is attempted again until it works. */
  async open (): Promise<void> {
    const client = this.#client = this.#options.createClient()
    client.on('error', () => this.#drop(client))
    client.on('end', () => this.#drop(client))
    try {
      await client.connect()
      await limitAnswer(this.#options.onConnect(client), PREPARE_MS)
      if (this.#client !== client) throw new UnavailableError('The connection was lost.')
      this.#isReady = true
      this.#retryMs = MIN_RETRY_MS
      if (this.#running === 0) setRef(client, false)
    } catch (error) {
      this.#drop(client)
      throw error
    }
  }

  /** Runs a query, and calls back with its rows. */
  query (query: pg.QueryArrayConfig, callback: (error: Error | undefined, rows: unknown[][]) => void): void {
    const client = this.#client
    if (!this.#isReady || client === undefined) {
      callback(new UnavailableError('The database is not available.'), [])
      return
    }
    const timer = setTimeout(() => {
      this.#drop(client)
      end(new UnavailableError(`The database did not answer within ${this.#options.deadlineMs} ms.`), [])
    }, this.#options.deadlineMs)
    if (this.#running++ === 0) setRef(client, true)
    let isEnded = false
    const end = (error: Error | undefined, rows: unknown[][]) => {
      if (isEnded) return
      isEnded = true
      clearTimeout(timer)
      if (--this.#running === 0 && this.#client !== undefined) setRef(this.#client, false)
      callback(error, rows)
    }
    client.query(query, (error: Error | null, result: pg.QueryArrayResult) => {
      if (error) end(error, [])
      else end(undefined, result.rows)
    })
  }

  /** Drops the connection, because it cannot be used any more, and connects again. */
  reconnect (): void {
    if (this.#client !== undefined) this.#drop(this.#client)
  }

  close (): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    if (this.#client !== undefined) this.#drop(this.#client)
  }

  #drop (client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#isReady = false
    destroy(client)
    if (this.#isClosed) return
    this.#retry = setTimeout(() => { this.open().catch(() => {}) }, this.#retryMs).unref()
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2)
  }
}

/** Sets whether the process waits for a connection before it ends. */
function setRef (client: pg.Client, isWaited: boolean): void {
  (client as unknown as Record<'ref' | 'unref', () => void>)[isWaited ? 'ref' : 'unref']()
}

/** Closes the socket without a word to the server, which may not read any more. */
function destroy (client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy (): void } } }).connection.stream.destroy()
}
