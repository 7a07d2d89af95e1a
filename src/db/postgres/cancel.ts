import type pg from 'pg'

/** The parts of the driver's classes that its types do not have. */
interface Internals {
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly processID: number
  readonly secretKey: number
  readonly connection: NodeJS.EventEmitter & {
    readonly stream: { destroy (): void }
    connect (port: number | string, host?: string): void
    requestSsl (): void
    cancel (processID: number, secretKey: number): void
  }
}

/**
 * Asks the server to cancel the statement that runs on a connection. Resolves when the server has done so, since a
 * later arrival would cancel the statement after it, or when the time is over.
 *
 * The request has a connection of its own, which counts neither for `max_connections` nor needs a password.
 *
 * @param other a client that has not connected, to the same server
 * @param ms milliseconds to wait
 */
export async function cancelStatement (client: pg.ClientBase, other: pg.Client, ms: number): Promise<void> {
  const { processID, secretKey } = client as unknown as Internals
  const { connection, host, port, ssl } = other as unknown as Internals
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const cancel = () => connection.cancel(processID, secretKey)
  connection.once('connect', () => ssl ? connection.requestSsl() : cancel())
  connection.once('sslconnect', cancel)
  connection.on('error', () => resolve())
  connection.once('end', () => resolve())
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
  else connection.connect(port, host)
  await promise
  clearTimeout(timer)
  connection.stream.destroy()
}

/** Closes the socket of a client without a word to the server, which may not read any more. */
export function destroyClient (client: pg.ClientBase): void {
  (client as unknown as Internals).connection.stream.destroy()
}
