import { type CacheControl, parseFieldNames } from '../http/cache-control.ts'
import { parseDirectives } from '../http/cdn-cache-control.ts'
import {
  computeInitialAge, parseClientMaxAge, parseFreshnessLifetime, parseStaleWindows
} from '../http/freshness.ts'
import { parseVary } from '../http/vary.ts'
import { isCookie, readCookie } from '../key/cookies.ts'
import type { HeaderTracker } from '../key/header-tracking.ts'
import { CUSTOM_KEY } from '../key/variants.ts'
import type { RouteCacheConfig } from '../options.ts'
import type { Page, ReplyHeaders, StoragePolicy } from '../stored-response.ts'
import type { Detail } from '../http/details.ts'

/** A response of a handler, and the request that it is for. */
export interface ReceivedResponse {
  readonly route: RouteCacheConfig
  readonly status: number
  readonly headers: ReplyHeaders
  /** Its own `Vary`, without the names that the page cache has added. */
  readonly ownVary: ReplyHeaders[string]
  /** Bytes of the body; of a stream as its `Content-Length` says, 0 if it does not. */
  readonly size: number
  readonly request: {
    readonly headerTracker: Pick<HeaderTracker, 'sent' | 'headers' | 'readAll' | 'readAllCookies' | 'unkeyedRead'> &
      Partial<Pick<HeaderTracker, 'mayHaveMissed'>>
    /** Request headers and single cookies that were read by name and that the key does not cover. */
    readonly headersRead: readonly string[]
  }
  /** When the handler began and when it had replied, in milliseconds since 1970. */
  readonly requested: number
  readonly received: number
}

/** Whether a response may be stored: how, or why not, as the `detail` of `Cache-Status`. */
export type StorageDecision =
  | { readonly store: true, readonly policy: StoragePolicy }
  | { readonly store: false, readonly reason: Detail }

/** Seconds after its freshness lifetime for which a response with a validator stays in the store, to be validated. */
const VALIDATABLE_FOR = 3600

/** Final status codes that this cache understands, RFC 9110 section 15. */
const UNDERSTOOD = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 421, 451, 500, 501, 502, 503, 504
])

/** Status codes about the conditions, range or expectation of one request, RFC 9110 sections 15.4.5 and 15.5. */
const ABOUT_ONE_REQUEST = new Set([304, 412, 416, 417])

/**
 * Decides whether a shared cache may store a response, and for how long, RFC 9111 sections 3 and 4.2.
 *
 * If the response forbids it or has a shorter lifetime, that outranks the route's `ttl`.
 */
export function decideStorage (response: ReceivedResponse): StorageDecision {
  const { route, status, headers, received } = response
  const { directives, targeted } = parseDirectives(headers)
  const reason = reasonNotToStore(response, directives)
  if (reason !== undefined) return { store: false, reason }

  const noCache = parseFieldNames(directives, 'no-cache')
  const ownLifetime = noCache === 'all' ? 0 : parseFreshnessLifetime(headers, directives, targeted, received)
  const routeLifetime = status === 200 ? route.ttl : undefined
  if (ownLifetime === undefined) {
    if (routeLifetime === undefined) return { store: false, reason: 'no-lifetime' }
    const { readAll, unkeyedRead } = response.request.headerTracker
    if (readAll) return { store: false, reason: 'all-headers-read' }
    if (unkeyedRead !== undefined) return { store: false, reason: unkeyedRead }
  }

  const age = computeInitialAge(headers, response)
  const ttl = Math.max(0, Math.min(ownLifetime ?? Infinity, routeLifetime ?? Infinity) - age)
  const hasValidator = headers.etag !== undefined || headers['last-modified'] !== undefined
  const windows = resolveStaleWindows(route, directives)
  const staleFor = Math.max(windows.staleWhileRevalidate, windows.staleIfError, hasValidator ? VALIDATABLE_FOR : 0)
  if (ttl === 0 && (staleFor === 0 || (noCache === 'all' && !hasValidator))) {
    return { store: false, reason: noCache === 'all' ? 'no-cache' : 'lifetime-over' }
  }
  if (response.size > route.maxBytes) return { store: false, reason: 'too-large' }

  const privateFields = parseFieldNames(directives, 'private')
  return {
    store: true,
    policy: {
      ttl,
      staleFor,
      age,
      ...windows,
      allowsAuthorization: allowsAuthorization(directives),
      varyNames: listVaryNames(response),
      omitted: [noCache, privateFields].flatMap((names) => Array.isArray(names) ? names : []),
      clientMaxAge: parseClientMaxAge(headers, received)
    }
  }
}

/** Returns the rule that forbids to store a response, however long it is fresh. */
function reasonNotToStore (
  { route, status, headers, ownVary, request }: ReceivedResponse, directives: CacheControl
): Detail | undefined {
  if (status === 206) return 'partial-content'
  if (ABOUT_ONE_REQUEST.has(status)) return `status-${status}`
  if (isEventStream(headers)) return 'event-stream'
  // The ttl of a route applies to the status 200 only.
  if (status !== 200 && route.ttl !== undefined && !hasOwnLifetime(headers, directives)) return `status-${status}`
  const mustUnderstand = directives.has('must-understand')
  if (mustUnderstand && !UNDERSTOOD.has(status)) return 'must-understand'
  // RFC 9111 section 5.2.2.3: a cache that understands the status ignores the `no-store` beside `must-understand`.
  if (directives.has('no-store') && !mustUnderstand) return 'no-store'
  if (parseFieldNames(directives, 'private') === 'all') return 'private'
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  const vary = parseVary(ownVary)
  if (vary.includes('*')) return 'vary-any'
  if (request.headerTracker.mayHaveMissed) return 'tracked-late'
  return reasonWhyPersonal(request, directives, [...route.vary, ...vary])
}

/**
 * Returns why a response may be meant for one client only.
 *
 * @param varyNames headers by which the response is known to vary
 */
function reasonWhyPersonal (
  { headerTracker: { sent, headers, readAll, readAllCookies }, headersRead }: ReceivedResponse['request'],
  directives: CacheControl, varyNames: readonly string[]
): Detail | undefined {
  const has = (name: string) => sent[name] !== undefined || headers[name] !== undefined
  // RFC 9111 section 3.5
  if (has('authorization') && !allowsAuthorization(directives)) return 'authorization'
  const hasCookie = (name: string) => readCookie(sent, name) !== null || readCookie(headers, name) !== null
  const readCookies = (has('cookie') && (readAllCookies || headersRead.includes('cookie'))) ||
    headersRead.some((name) => isCookie(name) && !varyNames.includes(name) && hasCookie(name))
  const isForAll = directives.has('public') || directives.has('s-maxage')
  if (readCookies && !varyNames.includes('cookie') && !isForAll) return 'cookie'
  // A client can forge these headers, and a page may show them, for example in absolute URLs.
  const isForwarding = (name: string) => {
    return name === 'forwarded' || (name.startsWith('x-forwarded-') && name !== 'x-forwarded-for')
  }
  return readAll && Object.keys({ ...sent, ...headers }).some(isForwarding) ? 'forwarded' : undefined
}

/** Returns the headers that say how long a response may be stored, to notice when a later hook changes them. */
export function describeLifetime (headers: ReplyHeaders): string {
  return `${String(headers['cdn-cache-control'])}\n${String(headers['cache-control'])}`
}

/**
 * Returns the rule by which headers that later hooks have added forbid to store a response.
 *
 * @param lifetime the result of `describeLifetime` before these hooks
 */
export function forbiddenByLaterHooks (headers: ReplyHeaders, lifetime: string): Detail | undefined {
  if (describeLifetime(headers) !== lifetime) {
    const { directives } = parseDirectives(headers)
    if (directives.has('no-store')) return 'no-store'
    if (parseFieldNames(directives, 'private') === 'all') return 'private'
  }
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  return parseVary(headers.vary).includes('*') ? 'vary-any' : undefined
}

/** Server-sent events have no end that another request could wait for. */
function isEventStream (headers: ReplyHeaders): boolean {
  return /^text\/event-stream\b/i.test(String(headers['content-type'] ?? ''))
}

function hasOwnLifetime (headers: ReplyHeaders, directives: CacheControl): boolean {
  return headers.expires !== undefined || ['max-age', 's-maxage', 'no-cache'].some((name) => directives.has(name))
}

/** Whether a response may be sent to requests with `Authorization`, RFC 9111 section 3.5. */
function allowsAuthorization (directives: CacheControl): boolean {
  return ['public', 's-maxage', 'must-revalidate'].some((name) => directives.has(name))
}

/** Returns the stale windows of the response, or else those of the route, RFC 5861. */
function resolveStaleWindows (
  route: RouteCacheConfig, directives: CacheControl
): Pick<Page, 'staleWhileRevalidate' | 'staleIfError'> {
  const windows = parseStaleWindows(directives)
  if (windows === 'forbidden') return { staleWhileRevalidate: 0, staleIfError: 0 }
  return {
    staleWhileRevalidate: windows.whileRevalidate ?? route.staleWhileRevalidate,
    staleIfError: windows.ifError ?? route.staleIfError
  }
}

/** Lists what selects a response: its `Vary`, the headers read to make it, and the options `vary` and `key`. */
function listVaryNames ({ route, headers, request }: ReceivedResponse): string[] {
  const names = new Set([...parseVary(headers.vary), ...route.vary, ...request.headersRead])
  // The other cookies are hidden, unless they were read before.
  const readsHidden = request.headerTracker.readAllCookies || request.headersRead.includes('cookie')
  if (route.cookies !== undefined) names[readsHidden ? 'add' : 'delete']('cookie')
  if (headers['content-encoding'] !== undefined) names.add('accept-encoding')
  if (route.key !== undefined) names.add(CUSTOM_KEY)
  return [...names].sort()
}

/** Whether a status means that the handler or its upstream failed, RFC 5861 section 4. */
export function isFailure (status: number): boolean {
  return status === 500 || isGatewayFailure(status)
}

/** Whether a failure may be sent to all requests that wait for the same response: it concerns none in particular. */
export function isSharedFailure (status: number, headers: ReplyHeaders): boolean {
  return isGatewayFailure(status) &&
    headers['set-cookie'] === undefined && headers['content-encoding'] === undefined &&
    !parseVary(headers.vary).includes('*') && !parseDirectives(headers).directives.has('private')
}

/** Whether a status is 502, 503 or 504. */
function isGatewayFailure (status: number): boolean {
  return status >= 502 && status <= 504
}
