import { hash } from 'node:crypto'
import type { FastifyRequest, RouteOptions } from 'fastify'
import { checkTags } from '../cache/index.ts'
import { MAX_DELTA } from './http/cache-control.ts'
import { isToken } from './http/fields.ts'

/** What a route says in `config.cachePage`; a bare number is its `ttl`. */
export interface CachePageOptions {
  /**
   * Seconds that a page is kept, at most: a shorter `max-age` of the response wins. Zero: not kept. Unset: the
   * response's own `Cache-Control` and `Expires` decide, as for any shared cache. Default that of the plugin.
   */
  ttl?: number
  /** Seconds after its life for which an old page is answered at once, while one request of our own renews it. */
  staleWhileRevalidate?: number
  /** Seconds after its life for which an old page is answered in place of a status of 500, 502, 503 or 504, RFC 5861 section 4. */
  staleIfError?: number
  /** Seconds to wait for the handler, where an old page may be answered instead. Default: as long as it takes. */
  timeout?: number
  /** Renews a page in the background shortly before its life ends, if it is asked for often. Default false. */
  refreshAhead?: boolean
  /** Names that `cache.invalidateTags` can call the pages by. */
  tags?: string[]
  /** Request headers by which the page varies, whatever it says itself; they are added to its `Vary`. */
  vary?: string[]
  /**
   * Request headers that are read while the page is made and do not shape it, e.g. by a hook that writes a log. Any other
   * that is read makes the page vary by it.
   */
  ignoreHeaders?: string[]
  /** Query parameters that take part in the key, and that the handler gets to see. Default all. */
  query?: string[]
  /** A longer body is sent but not kept. Default 1 MiB. */
  maxBytes?: number
  /** Adds to the key, e.g. a language or a tenant. */
  key?: (request: FastifyRequest) => string
  /**
   * Whether clients may ask for newer or older pages by `Cache-Control` and `Pragma` in requests, RFC 9111 section 5.2.1. Then any
   * client can make the handler run. Default false.
   */
  requestDirectives?: boolean
}

/** The options of one route, resolved once. */
export interface RouteCacheConfig {
  readonly ttl: number | undefined
  readonly tags: readonly string[]
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly timeout: number | undefined
  readonly refreshAhead: boolean
  /** In lower case. */
  readonly vary: readonly string[]
  /** In lower case. */
  readonly ignoreHeaders: ReadonlySet<string>
  readonly query: ReadonlySet<string> | undefined
  readonly maxBytes: number
  readonly key: ((request: FastifyRequest) => string) | undefined
  readonly requestDirectives: boolean
  /** With which the keys of its pages begin. */
  readonly keyPrefix: string
  /** The pattern of the route's URL. */
  readonly url: string
  /** Tells routes apart that share a URL, e.g. by a version constraint. */
  readonly routeName: string
}

/** With which the key of every page begins. */
export const PAGE_PREFIX = 'page:'

const DEFAULT_MAX_BYTES = 1024 * 1024

const SECONDS = 'a number of seconds from 0 to 2147483648'
const areSeconds = (value: unknown) => typeof value === 'number' && value >= 0 && value <= MAX_DELTA

const checks: { [name in keyof CachePageOptions]-?: [takes: string, check: (value: unknown) => boolean] } = {
  ttl: [SECONDS, areSeconds],
  staleWhileRevalidate: [SECONDS, areSeconds],
  staleIfError: [SECONDS, areSeconds],
  timeout: [SECONDS, areSeconds],
  refreshAhead: ['true or false', (value) => typeof value === 'boolean'],
  tags: ['an array of names that a tag may have', (value) => areTags(value)],
  vary: ['an array of header names', (value) => isStrings(value) && value.every((name) => isToken(name) && name !== '*')],
  ignoreHeaders: ['an array of header names', (value) => isStrings(value) && value.every((name) => isToken(name))],
  query: ['an array of parameter names', (value) => isStrings(value)],
  maxBytes: ['a positive integer', (value) => Number.isSafeInteger(value) && value as number > 0],
  key: ['a function', (value) => typeof value === 'function'],
  requestDirectives: ['true or false', (value) => typeof value === 'boolean']
}

/** Returns a name that distinguishes a route from others with the same pattern. */
export function nameRoute ({ url, constraints = {} }: RouteOptions): string {
  const parts = Object.entries(constraints as Record<string, unknown>).map(([name, value]) => {
    if (!['string', 'number', 'boolean'].includes(typeof value) && !(value instanceof RegExp)) {
      throw new TypeError(`The constraint ${name} of ${url}, a route with a page cache, must be a string, a number, ` +
        'a boolean or a regular expression.')
    }
    return [name, value instanceof RegExp ? 'pattern' : typeof value, String(value)]
  })
  return parts.length === 0 ? url : `${url} ${JSON.stringify(parts)}`
}

/** Resolves the options of a route; throws a TypeError that names the route and the option that is wrong. */
export function resolveRouteConfig (
  route: string, given: CachePageOptions | number, defaultTtl: number | undefined, url: string = route, alsoIgnored: readonly string[] = []
): RouteCacheConfig {
  const options = typeof given === 'number' ? { ttl: given } : given
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`cachePage of ${route} must be a number of seconds or an object`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) throw new TypeError(`cachePage of ${route} has the unknown option ${name}`)
    const check = checks[name as keyof CachePageOptions]
    if (value !== undefined && !check[1](value)) throw new TypeError(`${name} in cachePage of ${route} must be ${check[0]}`)
  }
  const ttl = options.ttl ?? defaultTtl
  return {
    ttl,
    tags: options.tags ?? [],
    staleWhileRevalidate: options.staleWhileRevalidate ?? 0,
    staleIfError: options.staleIfError ?? 0,
    timeout: options.timeout,
    refreshAhead: options.refreshAhead ?? false,
    vary: lowerCase(options.vary).sort(),
    ignoreHeaders: new Set(lowerCase([...options.ignoreHeaders ?? [], ...alsoIgnored])),
    query: options.query && new Set(options.query),
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    key: options.key,
    requestDirectives: options.requestDirectives ?? false,
    keyPrefix: `${PAGE_PREFIX}${hash('sha256', route, 'base64url').slice(0, 12)}:`,
    url,
    routeName: route
  }
}

/** Throws a TypeError unless an option of the plugin is one that a route may have. */
export function checkOption (name: 'ttl' | 'ignoreHeaders', value: unknown): void {
  const [takes, check] = checks[name]
  if (value !== undefined && !check(value)) throw new TypeError(`the option ${name} of the page cache must be ${takes}`)
}

function lowerCase (names: readonly string[] = []): string[] {
  return names.map((name) => name.toLowerCase())
}

function areTags (value: unknown): boolean {
  try {
    checkTags(value)
    return true
  } catch {
    return false
  }
}

function isStrings (value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')
}
