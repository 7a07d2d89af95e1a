/** What to do, by the code of SQLSTATE or of the operating system. */
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'Check the user and the password.',
  28000: 'Check the user, and the rules of pg_hba.conf.',
  '3D000': 'Create it, for example with createdb.',
  42501: 'Let the owner of the database run `make migrate` once, or grant CREATE on the database and on schema public.',
  53300: 'Raise max_connections, or lower DATABASE_POOL or WORKERS.',
  53100: 'Free some space on the disk of the server.',
  25006: 'Use the primary, without default_transaction_read_only.',
  '57P03': 'Try again when it has started.',
  '55P03': 'Try again when the other program has ended its transaction.',
  ECONNREFUSED: 'Start PostgreSQL, or check the host and the port.',
  ENOENT: 'Start PostgreSQL, or check the folder of its socket.',
  ENOTFOUND: 'Check the host.',
  ETIMEDOUT: 'Check the host and the port.',
  EHOSTUNREACH: 'Check the host and the port.'
}
/** Messages of the driver, which have no code. */
const BY_MESSAGE: ReadonlyArray<readonly [pattern: RegExp, advice: string]> = [
  [/timeout/i, 'The server does not respond: check the host and the port, and whether it is overloaded.'],
  [/does not support SSL/, 'Use sslmode=prefer or disable, or enable TLS on the server.'],
  [/certificate|altnames|CERT/i, 'Check sslmode and sslrootcert.'],
  [/password must be a string/, 'The server requires a password: add it to the URL, or set PGPASSWORD.']
]

/** Explains on one line why the database cannot be opened, and what to do. */
export function explainOpenError (error: Error): string {
  const { code = '', message } = flatten(error)
  const advice = ADVICE[code] ?? BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1]
  const sentence = message.trim().replace(/\s+/g, ' ').replace(/\.?$/, '.')
  return advice === undefined ? sentence : `${sentence} ${advice}`
}

/**
 * Returns the error that says why. Drizzle wraps each in one with the statement, and an attempt at several addresses of
 * one host fails with an error for each, and without a message.
 */
function flatten (error: Error & { code?: string }): { code?: string, message: string } {
  if (error.cause instanceof Error) return error.cause
  return error instanceof AggregateError && error.message === '' ? error.errors[0] : error
}
