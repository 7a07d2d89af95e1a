import zlib from 'node:zlib'

/*
 * The messages of PostgreSQL's protocol that run prepared statements, with parameters and results as text.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

/** A statement that runs many times. */
export interface Statement {
  /** Its name in the server; empty: the server parses it each time, as a pooler may need. */
  name: string
  readonly text: string
}

/**
 * Creates a statement whose name depends on its text: behind a pooler, another version may have prepared another one.
 *
 * @param prepare whether the server may keep it
 */
export function createStatement (name: string, text: string, prepare: boolean): Statement {
  return { name: prepare ? `larder_${name}_${zlib.crc32(text).toString(16)}` : '', text }
}

/** Values of parameters, as PostgreSQL reads them from text. */
export type Values = ReadonlyArray<string | null>

const NULL_LENGTH = -1

/** Ends a query: the server answers that it is ready for the next one, also after an error. */
const SYNC = encodeMessage('S')
/** Runs the unnamed portal, without a limit of rows. */
const EXECUTE = encodeMessage('E', encodeText(''), encodeInt32(0))

/** Encodes the preparation of statements. */
export function encodePreparation (statements: readonly Statement[]): Buffer {
  return Buffer.concat([...statements.map(encodeParse), SYNC])
}

/** Encodes a query that runs a statement. */
export function encodeQuery (statement: Statement, values: Values): Buffer {
  const parse = statement.name === '' ? [encodeParse(statement)] : []
  return Buffer.concat([...parse, encodeBind(statement.name, values), EXECUTE, SYNC])
}

/** The server infers the types of the parameters. */
function encodeParse ({ name, text }: Statement): Buffer {
  return encodeMessage('P', encodeText(name), encodeText(text), encodeInt16(0))
}

/** Zero formats mean that all parameters, or all results, are text. */
function encodeBind (name: string, values: Values): Buffer {
  return encodeMessage('B', encodeText(''), encodeText(name), encodeInt16(0), encodeInt16(values.length),
    ...values.flatMap(encodeValue), encodeInt16(0))
}

function encodeValue (value: string | null): Buffer[] {
  if (value === null) return [encodeInt32(NULL_LENGTH)]
  const bytes = Buffer.from(value)
  return [encodeInt32(bytes.length), bytes]
}

function encodeMessage (type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), encodeInt32(body.length + 4), body])
}

function encodeText (text: string): Buffer {
  return Buffer.from(`${text}\0`)
}

function encodeInt32 (number: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(number)
  return bytes
}

function encodeInt16 (number: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(number)
  return bytes
}
