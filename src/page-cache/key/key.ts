import crypto from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { RouteKeyError } from '../errors.ts'
import type { RouteCacheConfig } from '../options.ts'
import { normalizeEncoding, normalizeQuery, splitUrl } from './query.ts'
import { readUtf8, showUrl } from './shown-url.ts'
import type { RequestFields } from './variants.ts'

/** What identifies the target resource of a request, RFC 9110 section 7.1. */
export interface RequestTarget {
  /** The scheme and the host that Fastify trusts. */
  readonly protocol: string
  readonly host: string
  /** Path and query. */
  readonly url: string
  /** The URL that the client sent, if the application has rewritten it. */
  readonly originalUrl?: string | undefined
  /** The parameters in the path, if the router ignores the case of the rest of it. */
  readonly params?: ReadonlyArray<string | undefined> | undefined
}

interface MemoizedKey extends Omit<RequestTarget, 'url' | 'params'> { readonly key: string }

/** Keys of recent requests, by route and URL: computing one takes several microseconds. */
const memo = new WeakMap<RouteCacheConfig, Map<string, MemoizedKey>>()
/** Keys memoized for a route, and the longest URL and host (in characters, together) for which one is. */
const MAX_MEMOIZED = 1_000
const MAX_MEMOIZED_LENGTH = 500

/**
 * Computes the primary cache key of a request, RFC 9111 section 4.
 *
 * It shows the path and a digest of the query, so that keys can be found by them, and a digest of all parts, so that no
 * two different URLs of a route share a key.
 */
export function computeKey (target: RequestTarget, route: RouteCacheConfig, method: 'GET' | 'HEAD'): string {
  if (method === 'HEAD') return `${computeKey(target, route, 'GET')}:head`
  const { url, host, protocol, originalUrl } = target
  let keys = memo.get(route)
  const memoized = keys?.get(url)
  const isSame = memoized?.host === host && memoized.protocol === protocol && memoized.originalUrl === originalUrl
  if (isSame) return memoized.key
  const parts = describeKey(target, route)
  const digest = crypto.hash('sha256', JSON.stringify(Object.values(parts)), 'base64url')
  const key = `${computeKeyPrefix(target, route, parts)}${digest}`
  if (url.length + host.length + (originalUrl?.length ?? 0) > MAX_MEMOIZED_LENGTH) return key
  if (keys === undefined) memo.set(route, keys = new Map())
  if (keys.size >= MAX_MEMOIZED) keys.clear()
  keys.set(url, { host, protocol, originalUrl, key })
  return key
}

/** Returns how many keys of a route are memoized, for the test of the limit. */
export function countMemoizedKeys (route: RouteCacheConfig): number {
  return memo.get(route)?.size ?? 0
}

/**
 * Computes what all keys of a URL begin with, whatever its scheme, its host and the encoding of its characters.
 *
 * @param parts those of the target, if they are known
 */
export function computeKeyPrefix (target: RequestTarget, route: RouteCacheConfig, parts?: KeyParts): string {
  const url = readUtf8(target.url)
  const shown = parts !== undefined && url === target.url ? parts : describeKey({ ...target, url }, route)
  return route.keyPrefix + showUrl(shown)
}

export type KeyParts = ReturnType<typeof describeKey>

/** Returns the parts of a URL that are in its key, in a normal form. */
export function describeKey ({ protocol, host, url, originalUrl, params }: RequestTarget, { query }: RouteCacheConfig) {
  const [path, search] = splitUrl(url)
  return {
    protocol,
    host: normalizeHost(host, protocol),
    path: normalizePath(path, params === undefined),
    query: normalizeQuery(search, query),
    ...originalUrl !== undefined && { originalUrl },
    ...params !== undefined && { params }
  }
}

/** Writes paths that the router does not distinguish in the same way. */
export function normalizePath (path: string, isCaseSensitive: boolean): string {
  return isCaseSensitive ? normalizeEncoding(path) : decodePath(path).toLowerCase()
}

/** Decodes a path as the router does for text outside of parameters; it has refused what cannot be decoded. */
function decodePath (path: string): string {
  return decodeURI(path.replaceAll('%25', '%2525'))
}

/** Removes the port that the scheme implies, RFC 3986 section 6.2.3. */
export function normalizeHost (host: string, protocol: string): string {
  return host.toLowerCase().replace(protocol === 'https' ? /:443$/ : /:80$/, '')
}

/** Runs the option `key` of a route. */
export function customKey (
  request: FastifyRequest, key: NonNullable<RouteCacheConfig['key']>, { routeName }: RouteCacheConfig
): string {
  const text = key(request)
  // A promise, for one, would be the same text for every request.
  if (typeof text !== 'string') throw new RouteKeyError(routeName, typeof text)
  return text
}

/** Whether the key covers a request header already, because it repeats the host or scheme that Fastify trusts. */
export function isCoveredByKey (name: string, { sent, headers }: RequestFields, request: FastifyRequest): boolean {
  return [sent[name], headers[name]].every((value) => repeatsTarget(name, value, request))
}

function repeatsTarget (name: string, value: string | string[] | undefined, request: FastifyRequest): boolean {
  const trustsProxy = 'ips' in request // the option trustProxy
  switch (name) {
    case 'host': case ':authority': return value === undefined || value === request.host
    // Of several hosts Fastify takes the last one, but a handler may take another.
    case 'x-forwarded-host': return trustsProxy && (value === undefined || value === request.host)
    case 'x-forwarded-proto': return trustsProxy && (value === undefined || value === request.protocol)
    default: return false
  }
}
