import type { Socket } from 'node:net'
import type pg from 'pg'
import { AnswerReader, type OnAnswer, ProtocolError, QueryError } from './answers.ts'
import { limitAnswer } from './limit-answer.ts'
import { encodePreparation, type Statement } from './messages.ts'

/** Milliseconds between two attempts to connect, at first and at most. */
const MIN_RETRY_MS = 20
const MAX_RETRY_MS = 500

/** Milliseconds that the preparation of a connection may take. It reads the schema. */
const PREPARE_MS = 30_000

/** The class of PostgreSQL's errors about values that it cannot read. */
const DATA_EXCEPTION = '22'

/** Those about a prepared statement that does not exist, or that exists: a pooler has taken another connection. */
const POOLED = new Set(['26000', '42P05'])

/** The connection does not work at the moment. */
export class UnavailableError extends Error {}

export interface ConnectionOptions {
  readonly createClient: () => pg.Client
  /** Prepares a new connection. If it rejects, the connection is not used. */
  readonly onConnect: (client: pg.Client) => Promise<void>
  /** Statements with a name are prepared on each new connection. */
  readonly statements: readonly Statement[]
  /** Called when the server turns out to be behind a pooler, which loses prepared statements. */
  readonly onPooled: () => void
  /** Milliseconds that a query may take. */
  readonly deadlineMs: number
}

interface Pending {
  readonly sentAt: number
  readonly onAnswer: OnAnswer
}

/**
 * A connection whose queries are pipelined: they are sent at once, and run one after the other. If one takes too long,
 * the connection is dropped, and queries fail at once until another connection works.
 *
 * `pg` connects, with its passwords, TLS and sockets. Then its socket is used without it, because what `pg` does for
 * any query takes longer than the one query that each hit waits for.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #pending: Pending[] = []
  #client: pg.Client | undefined
  /** The socket of the client; undefined as long as the connection is not used. */
  #socket: Socket | undefined
  #isReady = false
  #isClosed = false
  #retryMs = MIN_RETRY_MS
  #retry: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined

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
      await this.#takeOver(client)
      this.#isReady = true
    } catch (error) {
      this.#drop(client)
      throw error
    }
  }

  /** Sends a query, and calls back with its rows. */
  query (message: Buffer, onAnswer: OnAnswer): void {
    if (this.#isReady) this.#send(message, onAnswer)
    else onAnswer(new UnavailableError('The database is not available.'), [])
  }

  /** Drops the connection, because it cannot be used any more, and connects again. */
  reconnect (): void {
    if (this.#client !== undefined) this.#drop(this.#client)
  }

  close (): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.reconnect()
  }

  /** Reads and writes the socket of a client from now on, and prepares the statements. */
  async #takeOver (client: pg.Client): Promise<void> {
    const socket = this.#socket = getSocket(client)
    const reader = new AnswerReader((error, rows) => this.#end(client, error, rows))
    socket.removeAllListeners('data')
    socket.on('data', (chunk) => {
      if (this.#client !== client) return
      try {
        reader.read(chunk)
      } catch (error) {
        this.#drop(client, error as Error)
      }
    })
    socket.unref()
    const statements = this.#options.statements.filter(({ name }) => name !== '')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#send(encodePreparation(statements), (error) => {
      if (error === undefined || isPooled(error)) resolve()
      else reject(error)
    })
    await promise
  }

  #send (message: Buffer, onAnswer: OnAnswer): void {
    const socket = this.#socket!
    if (this.#pending.push({ sentAt: performance.now(), onAnswer }) === 1) {
      socket.ref() // the process waits for answers, but not for a connection without queries
      this.#deadline ??= this.#limitAnswers(this.#options.deadlineMs)
    }
    socket.write(message)
  }

  /** Reports the answer to the query that was sent first. */
  #end (client: pg.Client, error: Error | undefined, rows: Parameters<OnAnswer>[1]): void {
    const query = this.#pending.shift()
    if (query === undefined) throw new ProtocolError('The server has answered a query that was not sent.')
    if (this.#pending.length === 0) this.#socket!.unref()
    if (error === undefined && this.#isReady) this.#retryMs = MIN_RETRY_MS
    query.onAnswer(error, rows)
    if (!(error instanceof QueryError)) return
    if (isPooled(error)) this.#options.onPooled()
    // Values may come from anywhere. After any other error, the next connection may work.
    else if (!error.code.startsWith(DATA_EXCEPTION)) this.#drop(client)
  }

  /** One timer serves all queries: it finds the oldest one at its deadline, or later ones until theirs. */
  #limitAnswers (ms: number): NodeJS.Timeout {
    // After a long turn of the event loop, answers that have arrived meanwhile are read first.
    return setTimeout(() => setImmediate(() => {
      this.#deadline = undefined
      const [oldest] = this.#pending
      if (oldest === undefined) return
      const { deadlineMs } = this.#options
      const left = oldest.sentAt + deadlineMs - performance.now()
      if (left > 0) this.#deadline = this.#limitAnswers(left)
      else this.#drop(this.#client!, new UnavailableError(`The database did not answer within ${deadlineMs} ms.`))
    }), ms).unref()
  }

  #drop (client: pg.Client, error: Error = new UnavailableError('The connection was lost.')): void {
    if (this.#client !== client) return
    this.#client = this.#socket = undefined
    this.#isReady = false
    getSocket(client).destroy() // without a word to the server, which may not read any more
    for (const { onAnswer } of this.#pending.splice(0)) onAnswer(error, [])
    if (this.#isClosed) return
    this.#retry = setTimeout(() => { this.open().catch(() => {}) }, this.#retryMs).unref()
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2)
  }
}

function isPooled (error: Error): boolean {
  return error instanceof QueryError && POOLED.has(error.code)
}

/** Returns the socket, encrypted or not, over which a client is connected. */
function getSocket (client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream
}
