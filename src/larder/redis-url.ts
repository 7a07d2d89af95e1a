/** A server of Redis, or a sentinel. */
interface Address {
  readonly host: string
  readonly port: number
}

/** Several servers, as a URL names them. */
export interface RedisGroup {
  readonly kind: 'sentinel' | 'cluster'
  readonly addresses: readonly Address[]
  readonly username: string | undefined
  readonly password: string | undefined
  /** The number of the database. A cluster has only number 0. */
  readonly db: number
  /** The name of the master that the sentinels watch. */
  readonly master: string | undefined
}

const GROUP = /^redis-(?<kind>sentinel|cluster):\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?:\/(?<db>\d*))?(?:\?(?<query>[^#]*))?$/
const PORTS = { sentinel: 26_379, cluster: 6_379 }

/**
 * Returns whether a text is the URL of a Redis: `redis:` or `rediss:`, the path of a socket after `unix:`, sentinels or
 * a cluster. No other options are allowed in it: ioredis would take them, and they would undo our deadlines. Nor is a
 * login that cannot be decoded, with which ioredis throws.
 */
export function isRedisUrl (text: string): boolean {
  if (/\s/.test(text)) return false
  if (/^unix:\/\/\/[^?#]+(?:\?db=\d+)?$/.test(text)) return true
  const url = URL.parse(text)
  if (url === null || url.hostname === '' || !/^rediss?:$/.test(url.protocol)) return parseRedisGroup(text) !== undefined
  return /^\/?\d*$/.test(url.pathname) && url.search === '' && url.hash === '' &&
    parseLogin(`${url.username}:${url.password}`) !== undefined
}

/**
 * Parses `redis-sentinel://host:26379,host:26379/1?master=name` and `redis-cluster://host:7000,host:7001`. Returns
 * undefined for any other text.
 */
export function parseRedisGroup (text: string): RedisGroup | undefined {
  const parts = GROUP.exec(text)?.groups
  if (parts === undefined) return undefined
  const kind = parts.kind as RedisGroup['kind']
  const addresses = parts.hosts!.split(',').map((host) => parseAddress(host, PORTS[kind]))
  const login = parseLogin(parts.login)
  const params = [...new URLSearchParams(parts.query)]
  const [name, master] = params[0] ?? []
  const isComplete = kind === 'sentinel'
    ? params.length === 1 && name === 'master' && master !== ''
    : params.length === 0 && Number(parts.db ?? 0) === 0
  if (!isComplete || login === undefined || addresses.includes(undefined)) return undefined
  return { kind, addresses: addresses as Address[], ...login, db: Number(parts.db ?? 0), master }
}

function parseAddress (text: string, port: number): Address | undefined {
  const url = URL.parse(`redis://${text}`)
  if (url === null || url.hostname === '') return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || port) }
}

/** Decodes `user:password`. Returns undefined if it cannot be decoded. */
function parseLogin (text = ''): Pick<RedisGroup, 'username' | 'password'> | undefined {
  const [user = '', ...rest] = text.split(':')
  try {
    const [username, password] = [user, rest.join(':')].map(decodeURIComponent)
    return { username: username || undefined, password: password || undefined }
  } catch {
    return undefined
  }
}
