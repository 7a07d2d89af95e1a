import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Plan } from './options.ts'

/** So many keys of a route are remembered, of URLs and hosts so long together. */
const MAX_KNOWN_KEYS = 1_000
const MAX_KNOWN_LENGTH = 500

/** What tells requests apart that share a route and its fields. */
export interface Target {
  /** Those that Fastify trusts. */
  readonly protocol: string
  readonly host: string
  /** Path and query. */
  readonly url: string
}

/**
 * The key of a URL: a digest of a list, so that no two different URLs of a route have the same one. Parameters take part
 * in a normal order, those of one name in the order given.
 */
export function pageKey (target: Target, plan: Plan, method: 'GET' | 'HEAD'): string {
  if (method === 'HEAD') return `${pageKey(target, plan, 'GET')}:head`
  const { url, host, protocol } = target
  const known = plan.keys.get(url)
  if (known !== undefined && known.host === host && known.protocol === protocol) return known.key
  const key = `${plan.keyPrefix}${digestOf(target, plan)}`
  if (url.length + host.length <= MAX_KNOWN_LENGTH) {
    if (plan.keys.size >= MAX_KNOWN_KEYS) plan.keys.clear()
    plan.keys.set(url, { host, protocol, key })
  }
  return key
}

function digestOf (target: Target, plan: Plan): string {
  return hash('sha256', JSON.stringify(Object.values(keyParts(target, plan))), 'base64url')
}

/** What of a URL is in its key, in a normal form. */
export function keyParts ({ protocol, host, url }: Target, { query }: Plan) {
  const [path, search] = cut(url)
  return { protocol, host: normalHost(host, protocol), path: normalPath(path), query: normalQuery(search, query) }
}

/** Without a port that the scheme implies, RFC 3986 section 6.2.3. */
function normalHost (host: string, protocol: string): string {
  return host.toLowerCase().replace(protocol === 'https' ? /:443$/ : /:80$/, '')
}

function cut (url: string): [path: string, search: string] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

/** The text that the option `key` of a route adds. */
export function addedKey (request: FastifyRequest, key: NonNullable<Plan['key']>, { route }: Plan): string {
  const added = key(request)
  // A promise, for one, would read the same for every request.
  if (typeof added !== 'string') throw new TypeError(`key in cachePage of ${route} must return a string, got ${typeof added}`)
  return added
}

/** Whether what a request says in a field is in the key of its URL already, as Fastify's trusted host and scheme. */
export function isInKey (name: string, value: string | string[] | undefined, request: FastifyRequest): boolean {
  const trusting = 'ips' in request && request.ips !== undefined // with the option trustProxy
  switch (name) {
    case 'host': case ':authority': return value === undefined || value === request.host
    // Of several Fastify takes the last, but a handler may take another.
    case 'x-forwarded-host': return trusting && (value === undefined || value === request.host)
    case 'x-forwarded-proto': return trusting && (value === undefined || value === request.protocol)
    default: return false
  }
}

/** A URL with those parameters alone that are listed. */
export function onlyListed (url: string, listed: ReadonlySet<string>): string {
  const [path, search] = cut(url)
  if (search === '') return url
  const pairs = search.split('&')
  const kept = pairs.filter((pair) => isListed(nameOf(pair), listed))
  if (kept.length === pairs.length) return url
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`
}

/** Whether a parameter is listed, by its whole name or by what stands before a bracket, as parsers of nested ones read it. */
export function isListed (name: Part, listed: ReadonlySet<string>): boolean {
  return typeof name === 'string' && (listed.has(name) || listed.has(name.slice(0, Math.max(0, name.indexOf('[')))))
}

function nameOf (pair: string): Part {
  const equals = pair.indexOf('=')
  return decodePart(equals < 0 ? pair : pair.slice(0, equals))
}

const UNRESERVED = /[A-Za-z0-9._~-]/

/** Percent-encodings that mean the same are written the same, RFC 3986 section 6.2.2. */
export function normalPath (path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return UNRESERVED.test(char) ? char : encoded.toUpperCase()
  })
}

/** A decoded text, or in an array the text that could not be decoded, which equals no decoded one. */
type Part = string | [string]

/** The parameters as name and value, sorted by name; a value of null is a name without "=". */
export function normalQuery (query: string, only?: ReadonlySet<string>): Array<[name: Part, value: Part | null]> {
  const pairs: Array<[Part, Part | null]> = []
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = nameOf(pair)
    if (only !== undefined && !isListed(name, only)) continue
    pairs.push([name, equals < 0 ? null : decodePart(pair.slice(equals + 1))])
  }
  const text = (name: Part) => typeof name === 'string' ? name : name[0]
  return pairs.sort(([a], [b]) => text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0)
}

function decodePart (encoded: string): Part {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return [encoded]
  }
}
