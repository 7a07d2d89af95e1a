import type { ClientConfig } from 'pg'
import { parse } from 'pg-connection-string'

/** Parameters of libpq's URLs that have a meaning here. */
const PARAMETERS = new Set([
  'application_name', 'client_encoding', 'connect_timeout', 'dbname', 'host', 'options', 'password', 'port',
  'sslcert', 'sslkey', 'sslmode', 'sslrootcert', 'user'
])
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full']
/** The user and the password, the hosts, and the database. */
const PARTS = /^postgres(?:ql)?:\/\/(?:[^/?#]*@)?(?<hosts>[^/?#]*)(?:\/(?<path>[^?#]*))?/

/** Hosts and ports. */
const HOSTS = /^(?:[^:,]*|\[[^\]]*\])(?::\d+)?(?:,|$)/
const UNPARSABLE = 'It cannot be parsed. Write special characters of the user, the password and the parameters as %XX.'

/** Whether a URL is one of PostgreSQL, however it goes on. */
export function isPostgres (url: string): boolean {
  return /^postgres(?:ql)?:/.test(url)
}

/** How to connect to a PostgreSQL. */
export interface PostgresUrl {
  readonly options: ClientConfig
  /** Whether to connect without TLS if the server has none. */
  readonly mayBePlain: boolean
  /** The URL without its password and parameters, for messages. */
  readonly place: string
}

/**
 * Parses a URL of libpq.
 *
 * @throws Error whose message is a sentence without the password
 */
export function parsePostgresUrl (url: string): PostgresUrl {
  const found = PARTS.exec(url)?.groups
  if (found === undefined) throw new Error('It must begin with postgres:// or postgresql://.')
  const { hosts = '', path } = found
  // Otherwise a part of a password could be taken for a parameter, and be shown.
  if (!HOSTS.test(hosts) || /\?.*@/s.test(url)) throw new Error(UNPARSABLE)
  const search = new URLSearchParams(/\?(.*)/s.exec(url)?.[1])
  checkParameters(search)
  if (`${hosts}${search.get('host') ?? ''}`.includes(',')) {
    throw new Error('It must have one host. Several are not supported: name the one of the primary, or a proxy.')
  }
  const mode = search.get('sslmode') ?? 'prefer'
  const { dbname, connect_timeout: seconds, port, database, host, ssl, ...rest } = parseParts(url, path, mode)
  const isSocket = host?.startsWith('/') === true
  const options: ClientConfig = {
    ...rest,
    ...host && { host },
    ...port && { port: Number(port) },
    ...dbname && { database: dbname },
    // A Unix socket has no TLS.
    ssl: isSocket ? false : ssl!, // the parser sets it for each sslmode
    ...seconds !== undefined && { connectionTimeoutMillis: Number(seconds) * 1000 }
  }
  return { options, mayBePlain: mode === 'prefer', place: describePlace(options) }
}

function checkParameters (search: URLSearchParams): void {
  for (const name of search.keys()) {
    if (!PARAMETERS.has(name)) {
      throw new Error(`Its parameter ${JSON.stringify(name.slice(0, 50))} is not supported. ` +
        `Those that are: ${[...PARAMETERS].join(', ')}.`)
    }
  }
  const mode = search.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) {
    throw new Error(`Its sslmode must be one of ${SSL_MODES.join(', ')}.`)
  }
  const seconds = search.get('connect_timeout')
  if (seconds !== null && !/^[1-9]\d{0,3}$/.test(seconds)) {
    throw new Error('Its connect_timeout must be a number of seconds from 1 to 9999.')
  }
  if (mode === 'verify-ca' && !search.has('sslrootcert')) throw new Error('Its sslmode verify-ca needs sslrootcert.')
}

/** What the parser returns. */
interface Parts {
  readonly host?: string
  readonly port?: string
  readonly database?: string | null
  readonly dbname?: string
  readonly ssl?: ClientConfig['ssl']
  readonly connect_timeout?: string
  readonly user?: string
}

function parseParts (url: string, path: string | undefined, mode: string): Parts {
  try {
    // Without a mode, the parser would not use TLS at all.
    const withMode = /[?&]sslmode=/.test(url) ? url : `${url}${url.includes('?') ? '&' : '?'}sslmode=${mode}`
    const { sslmode, sslcert, sslkey, sslrootcert, ...parts } = parse(withMode, { useLibpqCompat: true })
    // The parser does not decode all characters of it.
    return { ...path && { dbname: decodeURIComponent(path) }, ...parts as Parts }
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (path !== undefined) throw new Error(`The file ${path} cannot be read (${code}).`)
    throw new Error(UNPARSABLE)
  }
}

function describePlace ({ user, host = 'localhost', port = 5432, database }: ClientConfig): string {
  const name = user ? `${user}@` : ''
  const path = database === undefined ? '' : `/${database}`
  if (host.startsWith('/')) return `postgres://${name}${path || '/'}?host=${host}`
  return `postgres://${name}${host.includes(':') ? `[${host}]` : host}:${port}${path}`
}
