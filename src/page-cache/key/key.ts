import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { RouteCacheConfig } from '../options.ts'
import type { RequestFields } from './variants.ts'

/** So many keys of a route are remembered, of URLs and hosts so long together. */
const MAX_KNOWN_KEYS = 1_000
const MAX_KNOWN_LENGTH = 500

/** What tells requests apart that share a route and its fields. */
export interface RequestTarget {
  /** Those that Fastify trusts. */
  readonly protocol: string
  readonly host: string
  /** Path and query. */
  readonly url: string
  /** As the client asked, where that is another one: the application has rewritten it. */
  readonly originalUrl?: string | undefined
}

/**
 * The key of a URL: a digest of a list, so that no two different URLs of a route have the same one. Parameters take part
 * in a normal order, those of one name in the order given.
 */
export function computeKey (target: RequestTarget, plan: RouteCacheConfig, method: 'GET' | 'HEAD'): string {
  if (method === 'HEAD') return `${computeKey(target, plan, 'GET')}:head`
  const { url, host, protocol, originalUrl } = target
  const known = plan.keys.get(url)
  if (known !== undefined && known.host === host && known.protocol === protocol && known.originalUrl === originalUrl) return known.key
  const key = `${plan.keyPrefix}${digestOf(target, plan)}`
  if (url.length + host.length + (originalUrl?.length ?? 0) <= MAX_KNOWN_LENGTH) {
    if (plan.keys.size >= MAX_KNOWN_KEYS) plan.keys.clear()
    plan.keys.set(url, { host, protocol, originalUrl, key })
  }
  return key
}

function digestOf (target: RequestTarget, plan: RouteCacheConfig): string {
  return hash('sha256', JSON.stringify(Object.values(describeKey(target, plan))), 'base64url')
}

/** What of a URL is in its key, in a normal form. */
export function describeKey ({ protocol, host, url, originalUrl }: RequestTarget, { query }: RouteCacheConfig) {
  const [path, search] = cut(url)
  return { protocol, host: normalizeHost(host, protocol), path: normalizeEncoding(path), query: normalizeQuery(search, query), ...originalUrl !== undefined && { originalUrl } }
}

/** Without a port that the scheme implies, RFC 3986 section 6.2.3. */
export function normalizeHost (host: string, protocol: string): string {
  return host.toLowerCase().replace(protocol === 'https' ? /:443$/ : /:80$/, '')
}

function cut (url: string): [path: string, search: string] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

/** The text that the option `key` of a route adds. */
export function customKey (request: FastifyRequest, key: NonNullable<RouteCacheConfig['key']>, { routeName }: RouteCacheConfig): string {
  const added = key(request)
  // A promise, for one, would read the same for every request.
  if (typeof added !== 'string') throw new TypeError(`key in cachePage of ${routeName} must return a string, got ${typeof added}`)
  return added
}

/** Whether what a request says in a field is in the key of its URL already, as Fastify's trusted host and scheme. */
export function isCoveredByKey (name: string, { sent, headers }: RequestFields, request: FastifyRequest): boolean {
  return [sent[name], headers[name]].every((value) => saysTheKey(name, value, request))
}

function saysTheKey (name: string, value: string | string[] | undefined, request: FastifyRequest): boolean {
  const trusting = 'ips' in request // with the option trustProxy
  switch (name) {
    case 'host': case ':authority': return value === undefined || value === request.host
    // Of several Fastify takes the last, but a handler may take another.
    case 'x-forwarded-host': return trusting && (value === undefined || value === request.host)
    case 'x-forwarded-proto': return trusting && (value === undefined || value === request.protocol)
    default: return false
  }
}

/** What of a URL is behind its question mark. */
export function parseSearch (url: string): string {
  return cut(url)[1]
}

/** A URL with those parameters alone that are listed. */
export function filterQuery (url: string, listed: ReadonlySet<string>): string {
  const [path, search] = cut(url)
  if (search === '') return url
  const pairs = search.split('&')
  const kept = pairs.filter((pair) => isListed(nameOf(pair), listed))
  if (kept.length === pairs.length) return url
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`
}

/** Whether a parameter is listed, by its whole name or by what stands before a bracket, as parsers of nested ones read it. */
function isListed (name: string, listed: ReadonlySet<string>): boolean {
  return listed.has(name) || listed.has(name.slice(0, Math.max(0, name.indexOf('['))))
}

/** The name of a parameter, decoded; as it is written, where it cannot be. */
function nameOf (pair: string): string {
  const [name] = split(pair)
  return decoded(name.replaceAll('+', ' ')) ?? name
}

function decoded (text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const UNRESERVED = /[A-Za-z0-9._~-]/

/**
 * Percent-encodings that mean the same are written the same, RFC 3986 section 6.2.2. What cannot be decoded is left alone,
 * since a handler gets to see it as it is.
 */
export function normalizeEncoding (text: string): string {
  if (!text.includes('%') || decoded(text) === undefined) return text
  return text.replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return UNRESERVED.test(char) ? char : encoded.toUpperCase()
  })
}

/** The parameters as name and value, sorted by name; a value of null is a name without "=". */
export function normalizeQuery (search: string, only?: ReadonlySet<string>): Array<[name: string, value: string | null]> {
  return search.split('&')
    .filter((pair) => pair !== '' && (only === undefined || isListed(nameOf(pair), only)))
    .map((pair) => split(pair).map((part) => part === null ? null : normalizeEncoding(part)) as [string, string | null])
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
}

function split (pair: string): [name: string, value: string | null] {
  const equals = pair.indexOf('=')
  return equals < 0 ? [pair, null] : [pair.slice(0, equals), pair.slice(equals + 1)]
}
