import {
  DatabaseBusyError, DatabaseFullError, DatabaseReadOnlyError, DatabaseUnavailableError, TransactionOverError
} from '../../errors.ts'

/** What is wrong with the server, as far as it concerns all statements. */
export type Trouble = 'unavailable' | 'connections' | 'readOnly' | 'full'

/** An error of the server has a code of five characters and a severity, one of the socket has a code such as EPIPE. */
interface PostgresError extends Error {
  readonly code?: string
  readonly severity?: string
}

/** Codes of SQLSTATE. */
const CODES: Readonly<Record<string, Trouble | 'busy' | 'over'>> = {
  25006: 'readOnly', // read_only_sql_transaction
  '25P02': 'over', // in_failed_sql_transaction
  40001: 'busy', // serialization_failure
  '40P01': 'busy', // deadlock_detected
  53000: 'full', // insufficient_resources
  53100: 'full', // disk_full
  53200: 'full', // out_of_memory
  53300: 'connections', // too_many_connections
  '55P03': 'busy', // lock_not_available
  57014: 'busy' // query_canceled
}
/** Classes of SQLSTATE: connections, logins, databases that do not exist, what operators do, the operating system. */
const UNAVAILABLE = /^(?:08|28|3D|57P|58)/
const SQLSTATE = /^[0-9A-Z]{5}$/

/** Returns what an error means for other statements. */
export function classifyError (error: unknown): Trouble | 'busy' | 'over' | undefined {
  const { code = '', severity } = error as PostgresError
  // Of the socket, or of the driver, whose errors have no code.
  if (severity === undefined || !SQLSTATE.test(code)) {
    return isOfDriver(error as PostgresError) ? 'unavailable' : undefined
  }
  return CODES[code] ?? (UNAVAILABLE.test(code) ? 'unavailable' : undefined)
}

/** Texts of the driver's own errors about connections. */
const DRIVER = new RegExp('^(?:Connection terminated|timeout expired|Client (?:has encountered|was closed)|' +
  'The server does not support SSL|There was an error establishing an SSL)')

function isOfDriver ({ code, message }: PostgresError): boolean {
  return code === undefined ? DRIVER.test(message) : /^(?:E[A-Z]{3,}|ERR_(?:TLS|SSL)_|[A-Z_]*CERT)/.test(code)
}

/** Returns the error that callers get in place of one of the server. Any other is returned as it is. */
export function translateError (error: unknown): unknown {
  const cause = { cause: error }
  switch (classifyError(error)) {
    case 'busy': return new DatabaseBusyError(cause)
    case 'over': return new TransactionOverError(cause)
    case 'readOnly': return new DatabaseReadOnlyError(cause)
    case 'full': return new DatabaseFullError(cause)
    case 'connections':
    case 'unavailable': return new DatabaseUnavailableError(cause)
    default: return error
  }
}
