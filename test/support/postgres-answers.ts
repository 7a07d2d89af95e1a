/* Writes messages as PostgreSQL sends them. */

export function writeAnswer (type: string, body: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5, type)
  head.writeInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

export function writeRow (...values: Array<string | null>): Buffer {
  const parts = values.map((value) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value))
    return Buffer.concat([length, Buffer.from(value ?? '')])
  })
  return writeAnswer('D', Buffer.concat([Buffer.from([0, values.length]), ...parts]))
}

export const writeError = (code: string, message: string) => writeAnswer('E', `SERROR\0C${code}\0M${message}\0\0`)

export const READY = writeAnswer('Z', 'I')

/** The answer to a query with one row. */
export const writeResult = (...values: Array<string | null>) =>
  Buffer.concat([writeAnswer('2'), writeRow(...values), writeAnswer('C', 'SELECT 1\0'), READY])

/** Reads the name of the statement and the parameters from a query that runs a prepared statement. */
export function decodeQuery (message: Buffer): { statement: string, values: string[] } {
  const text = (from: number) => message.toString('utf8', from, message.indexOf(0, from))
  const statement = text(6) // after the type, the length, and the empty name of the portal
  const values: string[] = []
  let at = 6 + Buffer.byteLength(statement) + 1 + 2
  const count = message.readInt16BE(at)
  at += 2
  for (let i = 0; i < count; i++) {
    const length = message.readInt32BE(at)
    values.push(message.toString('utf8', at + 4, at + 4 + length))
    at += 4 + length
  }
  return { statement, values }
}
