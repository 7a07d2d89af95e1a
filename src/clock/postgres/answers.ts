/** A row whose values are text. */
export type Row = ReadonlyArray<string | null>

/** The server has refused a query. */
export class QueryError extends Error {
  /** One of PostgreSQL's five-character codes. */
  readonly code: string

  constructor (message: string, code: string) {
    super(message)
    this.code = code
  }
}

/** The server has sent what this clock does not know. */
export class ProtocolError extends Error {}

/** Called once for each query, in the order in which they were sent. */
export type OnAnswer = (error: Error | undefined, rows: readonly Row[]) => void

/** The bytes of a type and a length, which begin each message. The length counts itself, but not the type. */
const HEAD = 5
/** Bytes of the longest message that is accepted. A look lists at most 10,000 changes, which are far shorter. */
const MAX_LENGTH = 16 * 1024 * 1024

/** Messages without a meaning here: parsed, bound and completed; notices, and settings that have changed. */
const IGNORED = new Set('12CNS')
/** The server is in no transaction. */
const IDLE = 'I'

/**
 * Reads what a server answers, however it is cut into chunks.
 *
 * It knows only the messages that can follow those of this clock. It throws at any other one, since nothing that
 * follows can be trusted then.
 */
export class AnswerReader {
  readonly #onAnswer: OnAnswer
  #rest: Buffer | undefined
  #rows: Row[] = []
  #error: QueryError | undefined

  constructor (onAnswer: OnAnswer) {
    this.#onAnswer = onAnswer
  }

  read (chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    while (start + HEAD <= bytes.length) {
      const length = bytes.readInt32BE(start + 1)
      if (length < 4 || length > MAX_LENGTH) {
        throw new ProtocolError(`The server has sent a message of ${length} bytes.`)
      }
      const end = start + 1 + length
      if (end > bytes.length) break
      this.#readMessage(String.fromCharCode(bytes[start]!), bytes, start + HEAD, end)
      start = end
    }
    this.#rest = start === bytes.length ? undefined : bytes.subarray(start)
  }

  #readMessage (type: string, bytes: Buffer, start: number, end: number): void {
    if (type === 'D') this.#rows.push(readRow(bytes, start, end))
    else if (type === 'E') this.#error ??= readError(bytes.toString('utf8', start, end))
    else if (type === 'Z') this.#end(bytes.toString('latin1', start, end))
    else if (!IGNORED.has(type)) throw new ProtocolError(`The server has sent an unknown message of the type ${type}.`)
  }

  #end (state: string): void {
    if (state !== IDLE) {
      throw new ProtocolError(`The server is in the state ${state}, but no transaction was begun.`)
    }
    const [error, rows] = [this.#error, this.#rows]
    this.#error = undefined
    this.#rows = []
    this.#onAnswer(error, error === undefined ? rows : [])
  }
}

/** Reads the number of values, and the length and the text of each. */
function readRow (bytes: Buffer, start: number, end: number): Row {
  const row: Array<string | null> = []
  let position = start + 2
  for (let count = bytes.readInt16BE(start); count > 0; count--) {
    const length = bytes.readInt32BE(position)
    position += 4
    row.push(length < 0 ? null : bytes.toString('utf8', position, position + length))
    position += Math.max(length, 0)
  }
  if (position !== end) throw new ProtocolError('The server has sent a row of another length.')
  return row
}

/** Reads fields that each begin with a letter and end with a zero. */
function readError (text: string): QueryError {
  const fields = new Map(text.split('\0').map((field) => [field[0], field.slice(1)]))
  return new QueryError(fields.get('M') ?? 'unknown error', fields.get('C') ?? '')
}
