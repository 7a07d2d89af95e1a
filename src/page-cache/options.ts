import crypto from 'node:crypto'
import { inspect } from 'node:util'
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import {
  checkNames, checkTags, type Duration, type Milliseconds, OptionError, toMilliseconds, toSeconds
} from '../cache/index.ts'
import { RouteOptionError } from './errors.ts'
import { MAX_DELTA } from './http/cache-control.ts'
import { isToken } from './http/fields.ts'
import { nameCookie } from './key/cookies.ts'

/** The resolved options of a route, in its config. */
export const ROUTE = Symbol('larder.page-route')

declare module 'fastify' {
  interface FastifyContextConfig {
    [ROUTE]?: RouteCacheConfig
    /** Caches whole responses of this route. A bare duration is the `ttl`. */
    cachePage?: CachePageOptions | Duration
  }
}

/** A request of any route: its schemas and types are not known here. */
export type AnyRequest = Omit<FastifyRequest, 'params' | 'query'> & { readonly params: any, readonly query: any }

/** Returns the tags of a response. */
export type FindTags = (request: AnyRequest, reply: FastifyReply) => readonly string[] | Promise<readonly string[]>

/** The route option `config.cachePage`; a bare number is its `ttl`. */
export interface CachePageOptions {
  /**
   * Freshness lifetime in seconds: a shorter `max-age` of the response wins. Zero: nothing is stored. Unset: the
   * response's own `Cache-Control` and `Expires` decide, as for any shared cache. Default that of the plugin.
   */
  ttl?: Duration
  /**
   * Seconds from its date for which clients may reuse a response without a request; a shorter `max-age` of the response
   * wins. Unset: they have to validate a response with tags each time, and reuse any other until it expires. Default
   * that of the plugin.
   */
  clientTtl?: Duration
  /** Seconds for which an expired response is served at once, while one self-request revalidates it. Default 0. */
  staleWhileRevalidate?: Duration
  /** Seconds for which an expired response replaces a 500, 502, 503 or 504 (RFC 5861 section 4). Default 0. */
  staleIfError?: Duration
  /** Seconds to wait for the handler if a stale response can be served instead. Default: as long as it takes. */
  timeout?: Duration
  /**
   * Milliseconds for which one check of the version clock serves all requests: then a response may be served for so
   * long after its data has changed. Default that of the plugin, or 0: each request is checked.
   */
  maxStaleness?: Milliseconds
  /** Refreshes a response in the background shortly before it expires, if it is requested often. Default false. */
  refreshAhead?: boolean
  /**
   * Tags of the responses, for `cache.invalidateTags`: a list, or a function that returns the tags of one response. It
   * runs before a response is stored, never on a hit. What it reads counts as read for the response. An empty list says
   * that nothing in the database shapes them. Without the option, a response whose reads were not tracked is reported
   * as `untagged`.
   */
  tags?: string[] | FindTags
  /** Request headers by which the response varies, whatever its `Vary` says; they are added to it. */
  vary?: string[]
  /**
   * Request headers that do not shape the response although they are read, e.g. by a hook that writes a log. The
   * response varies by any other header that is read.
   */
  ignoreHeaders?: string[]
  /**
   * Whether hooks may read the address of the client (`request.ip` and `request.ips`), and code that runs outside of
   * routes the connection, although they do not shape the response: e.g. to count requests, or to keep a list of
   * connections. Without it such a response is stored only if it states its own lifetime. Default that of the plugin.
   */
  ignoreAddress?: boolean
  /** Cookies by which alone the response varies; the handler sees no others. Default those that are read. */
  cookies?: string[]
  /** Query parameters that are part of the key; the handler sees no others. Default all. */
  query?: string[]
  /** Bytes; a longer body is sent but not stored. Default 1 MiB. */
  maxBytes?: number
  /** Returns a text to add to the key, e.g. a language or a tenant. */
  key?: (request: AnyRequest) => string
  /**
   * Whether clients may request newer or older responses by `Cache-Control` and `Pragma` (RFC 9111 section 5.2.1).
   * Then any client can make the handler run. Default false.
   */
  requestDirectives?: boolean
}

/** The options of one route, resolved once. */
export interface RouteCacheConfig {
  readonly ttl: number | undefined
  readonly clientTtl: number | undefined
  /** Those of every response. */
  readonly tags: readonly string[]
  /** Returns those of one response. */
  readonly findTags: FindTags | undefined
  /** Whether the route has the option `tags`. Then it is no mistake if its responses have none. */
  readonly namesTags: boolean
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly timeout: number | undefined
  /** Milliseconds. */
  readonly maxStaleness: number
  readonly refreshAhead: boolean
  /** Request headers in lower case, and the names of single cookies. */
  readonly vary: readonly string[]
  /** In lower case. */
  readonly ignoreHeaders: ReadonlySet<string>
  readonly ignoreAddress: boolean
  readonly cookies: ReadonlySet<string> | undefined
  readonly query: ReadonlySet<string> | undefined
  readonly maxBytes: number
  readonly key: ((request: FastifyRequest) => string) | undefined
  readonly requestDirectives: boolean
  /** The prefix of the keys of its responses. */
  readonly keyPrefix: string
  /** The pattern of the route's URL. */
  readonly url: string
  /** A name that distinguishes routes with the same pattern, e.g. with different version constraints. */
  readonly routeName: string
}

/** The prefix of the keys of all responses. */
export const PAGE_PREFIX = 'page:'

const DEFAULT_MAX_BYTES = 1024 * 1024

const SECONDS = 'a number of seconds from 0 to 2147483648, or a text such as "5m"'
const isSeconds = (value: unknown) => {
  const seconds = toSeconds(value)
  return typeof seconds === 'number' && seconds >= 0 && seconds <= MAX_DELTA
}

const isMilliseconds = (value: unknown) => isSeconds(toMilliseconds(value))

/** What each option takes, and how to check it. */
const OPTIONS: { [name in keyof CachePageOptions]-?: [expected: string, check: (value: unknown) => boolean] } = {
  ttl: [SECONDS, isSeconds],
  clientTtl: [SECONDS, isSeconds],
  staleWhileRevalidate: [SECONDS, isSeconds],
  staleIfError: [SECONDS, isSeconds],
  timeout: [SECONDS, isSeconds],
  maxStaleness: ['a number of milliseconds from 0 to 2147483648, or a text such as "50ms"', isMilliseconds],
  refreshAhead: ['true or false', (value) => typeof value === 'boolean'],
  tags: ['an array of valid tags, or a function', (value) => typeof value === 'function' || isTags(value)],
  vary: ['an array of header names', (value) => isHeaderNames(value) && !value.includes('*')],
  ignoreHeaders: ['an array of header names', isHeaderNames],
  ignoreAddress: ['true or false', (value) => typeof value === 'boolean'],
  cookies: ['an array of cookie names', (value) => isStrings(value) && value.every((name) => isToken(name))],
  query: ['an array of parameter names', (value) => isStrings(value)],
  maxBytes: ['a positive integer', (value) => Number.isSafeInteger(value) && value as number > 0],
  key: ['a function', (value) => typeof value === 'function'],
  requestDirectives: ['true or false', (value) => typeof value === 'boolean']
}

const OPTION_NAMES = new Set(Object.keys(OPTIONS))

/** Returns a name that distinguishes a route from others with the same pattern. */
export function nameRoute ({ url, constraints = {} }: Pick<RouteOptions, 'url' | 'constraints'>): string {
  const parts = Object.entries(constraints as Record<string, unknown>).map(([name, value]) => {
    if (!['string', 'number', 'boolean'].includes(typeof value) && !(value instanceof RegExp)) {
      throw new RouteOptionError(`The constraint ${name} of ${url}, a route with a page cache, must be a string, ` +
        'a number, a boolean or a regular expression.')
    }
    return [name, value instanceof RegExp ? 'pattern' : typeof value, String(value)]
  })
  return parts.length === 0 ? url : `${url} ${JSON.stringify(parts)}`
}

/**
 * Resolves the options of a route. Throws an error that names the route and the invalid option.
 *
 * @param defaultTtl the option `ttl` of the plugin
 * @param url the pattern of the route; default its name
 * @param defaults the other options of the plugin
 */
export function resolveRouteConfig (
  route: string, given: CachePageOptions | Duration, defaultTtl: Duration | undefined, url: string = route,
  defaults: Pick<CachePageOptions, 'clientTtl' | 'maxStaleness' | 'ignoreHeaders' | 'ignoreAddress'> = {}
): RouteCacheConfig {
  const options = typeof given === 'object' ? given : { ttl: given }
  if (options === null) throw new RouteOptionError(`The option cachePage of ${route} must be a duration or an object.`)
  checkNames(`cachePage of ${route}`, options, OPTION_NAMES, RouteOptionError)
  for (const [name, value] of Object.entries(options)) {
    const [expected, check] = OPTIONS[name as keyof CachePageOptions]
    if (value === undefined || check(value)) continue
    throw new RouteOptionError(
      `The option ${name} in cachePage of ${route} must be ${expected}, but is ${inspect(value)}.`)
  }
  const seconds = (value: Duration | undefined) => toSeconds(value) as number | undefined
  const ignoreHeaders = new Set(lowerCase([...options.ignoreHeaders ?? [], ...defaults.ignoreHeaders ?? []]))
  return {
    ttl: seconds(options.ttl ?? defaultTtl),
    clientTtl: seconds(options.clientTtl ?? defaults.clientTtl),
    tags: typeof options.tags === 'function' ? [] : options.tags ?? [],
    findTags: typeof options.tags === 'function' ? options.tags : undefined,
    namesTags: options.tags !== undefined,
    staleWhileRevalidate: seconds(options.staleWhileRevalidate) ?? 0,
    staleIfError: seconds(options.staleIfError) ?? 0,
    timeout: seconds(options.timeout),
    maxStaleness: toMilliseconds(options.maxStaleness ?? defaults.maxStaleness ?? 0) as number,
    refreshAhead: options.refreshAhead ?? false,
    vary: [...lowerCase(options.vary), ...(options.cookies ?? []).map(nameCookie)].sort(),
    ignoreHeaders,
    // Behind a proxy that header is the address.
    ignoreAddress: options.ignoreAddress ?? defaults.ignoreAddress ?? ignoreHeaders.has('x-forwarded-for'),
    cookies: options.cookies && new Set(options.cookies),
    query: options.query && new Set(options.query),
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    key: options.key,
    requestDirectives: options.requestDirectives ?? false,
    keyPrefix: `${PAGE_PREFIX}${crypto.hash('sha256', route, 'base64url').slice(0, 12)}:`,
    url,
    routeName: route
  }
}

/** Checks an option of the plugin that routes have too. */
export function checkOption (
  name: 'ttl' | 'clientTtl' | 'maxStaleness' | 'ignoreHeaders' | 'ignoreAddress', value: unknown
): void {
  const [expected, check] = OPTIONS[name]
  if (value === undefined || check(value)) return
  throw new OptionError(`The option ${name} of the page cache must be ${expected}, but is ${inspect(value)}.`)
}

function lowerCase (names: readonly string[] = []): string[] {
  return names.map((name) => name.toLowerCase())
}

function isTags (value: unknown): boolean {
  try {
    checkTags(value)
    return true
  } catch {
    return false
  }
}

/** Whether a value is an array of texts that are not empty. */
export function isStrings (value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')
}

function isHeaderNames (value: unknown): value is string[] {
  return isStrings(value) && value.every((name) => isToken(name))
}
