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
