import { type CacheControl, parseFieldNames } from '../http/cache-control.ts'
import { parseClientMaxAge, parseFreshnessLifetime, computeInitialAge, parseStaleWindows } from '../http/freshness.ts'
import type { HeaderTracker } from '../key/header-tracking.ts'
import type { RouteCacheConfig } from '../options.ts'
import type { Page, ReplyHeaders } from '../stored-response.ts'
import { parseDirectives } from '../http/cdn-cache-control.ts'
import { CUSTOM_KEY } from '../key/variants.ts'
import { parseVary } from '../http/vary.ts'

/** What is known of a response when it is to be judged. */
export interface ReceivedResponse {
  readonly plan: RouteCacheConfig
  readonly status: number
  readonly headers: ReplyHeaders
  readonly request: {
    readonly headerReads: Pick<HeaderTracker, 'sent' | 'headers' | 'readAll' | 'readClientAddress'>
    /** Fields that were read by name, and are not in the key. */
    readonly names: readonly string[]
  }
  /** Milliseconds since 1970: when the handler began, and when it had answered. */
  readonly requested: number
  readonly received: number
}

/** How a response may be kept. */
export interface StoragePolicy extends Pick<Page, 'age' | 'staleWhileRevalidate' | 'staleIfError' | 'allowsAuthorization'> {
  /** Seconds that it stays fresh; zero: it is to be confirmed each time. */
  readonly ttl: number
  /** Seconds after that for which it is kept. */
  readonly staleFor: number
  /** Names of the request fields that select it, and of what the route adds to the key. */
  readonly varyNames: readonly string[]
  /** Fields that are not to be kept with it. */
  readonly omitted: readonly string[]
  /** See `Page`. */
  readonly clientMaxAge: number | undefined
}

/** The terms, or the rule that refuses, as a token for `Cache-Status`. */
export type StorageDecision = StoragePolicy | { refused: string }

/** Seconds for which a page that the handler can confirm is kept after its life. */
const CONFIRMABLE_FOR = 3600

/** Final status codes whose meaning for caches is known here, RFC 9110 section 15. */
const UNDERSTOOD = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 421, 451, 500, 501, 502, 503, 504])

/** What is answered to the preconditions, the range or the expectation of one request, RFC 9110 sections 15.4.5 and 15.5. */
const OF_ONE_REQUEST = new Set([304, 412, 416, 417])

/**
 * Whether and how long a response may be kept by a shared cache. The response's own refusal outranks the route's `ttl`,
 * and so does a shorter life. RFC 9111 sections 3 and 4.2.
 */
export function decideStorage (response: ReceivedResponse): StorageDecision {
  const { plan, status, headers } = response
  const { directives, targeted } = parseDirectives(headers)
  const refused = reasonNotToStore(response, directives)
  if (refused !== undefined) return { refused }

  const confirmable = headers.etag !== undefined || headers['last-modified'] !== undefined
  const noCache = parseFieldNames(directives, 'no-cache')
  const own = noCache === 'all' ? 0 : parseFreshnessLifetime(headers, directives, targeted, response.received)
  const given = status === 200 ? plan.ttl : undefined
  if (own === undefined && given === undefined) return { refused: 'no-lifetime' }
  const { readAll, readClientAddress } = response.request.headerReads
  if (own === undefined && readAll) return { refused: 'all-headers-read' }
  if (own === undefined && readClientAddress) return { refused: 'client-address-read' }

  const age = computeInitialAge(headers, response)
  const ttl = Math.max(0, Math.min(own ?? Infinity, given ?? Infinity) - age)
  const { staleWhileRevalidate, staleIfError } = windowsOf(plan, directives)
  const keepFor = Math.max(staleWhileRevalidate, staleIfError, confirmable ? CONFIRMABLE_FOR : 0)
  if (ttl === 0 && (keepFor === 0 || (noCache === 'all' && !confirmable))) return { refused: noCache === 'all' ? 'no-cache' : 'lifetime-over' }

  const privateFields = parseFieldNames(directives, 'private')
  const omitted = [noCache, privateFields].flatMap((names) => Array.isArray(names) ? names : [])
  return { ttl, staleFor: keepFor, age, staleWhileRevalidate, staleIfError, allowsAuthorization: allowsAuthorization(directives), varyNames: listOf(response), omitted, clientMaxAge: parseClientMaxAge(headers, response.received) }
}

/** The rule that forbids to keep a response at all. */
function reasonNotToStore ({ plan, status, headers, request }: ReceivedResponse, directives: CacheControl): string | undefined {
  if (status === 206) return 'partial-content'
  if (OF_ONE_REQUEST.has(status)) return `status-${status}`
  if (isEventStream(headers)) return 'event-stream'
  if (status !== 200 && plan.ttl !== undefined && !hasOwnLife(headers, directives)) return `status-${status}`
  const understood = UNDERSTOOD.has(status)
  if (directives.has('must-understand') && !understood) return 'must-understand'
  // RFC 9111 section 5.2.2.3: who understands the status takes no heed of the `no-store` beside it.
  if (directives.has('no-store') && !directives.has('must-understand')) return 'no-store'
  if (parseFieldNames(directives, 'private') === 'all') return 'private'
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  if (parseVary(headers.vary).includes('*')) return 'vary-any'
  return personalRefusal(request, directives, [...plan.vary, ...parseVary(headers.vary)])
}

/**
 * Why a response may be meant for the one who asked, and nobody else.
 *
 * @param varies fields by which it is known to vary
 */
function personalRefusal ({ headerReads: { sent, headers, readAll }, names }: ReceivedResponse['request'], directives: CacheControl, varies: readonly string[]): string | undefined {
  const has = (name: string) => sent[name] !== undefined || headers[name] !== undefined
  // RFC 9111 section 3.5
  if (has('authorization') && !allowsAuthorization(directives)) return 'authorization'
  const saw = (name: string) => has(name) && (readAll || names.includes(name))
  if (saw('cookie') && !varies.includes('cookie') && !directives.has('public') && !directives.has('s-maxage')) return 'cookie'
  // What a client says of the road it came by is not to be believed, and a page that a proxy passes it on to may show it.
  if (readAll && Object.keys({ ...sent, ...headers }).some((name) => name === 'forwarded' || (name.startsWith('x-forwarded-') && name !== 'x-forwarded-for'))) return 'forwarded'
  return undefined
}

/** What a response says of its life, to tell whether it says something else later. */
export function describeLifetime (headers: ReplyHeaders): string {
  return `${String(headers['cdn-cache-control'])}\n${String(headers['cache-control'])}`
}

/**
 * The rule that forbids to keep a response that was to be kept, by what hooks have added to it since.
 *
 * @param control see `controlOf`, of before
 */
export function forbiddenByLaterHooks (headers: ReplyHeaders, control: string): string | undefined {
  if (describeLifetime(headers) !== control) {
    const { directives } = parseDirectives(headers)
    if (directives.has('no-store')) return 'no-store'
    if (parseFieldNames(directives, 'private') === 'all') return 'private'
  }
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  return parseVary(headers.vary).includes('*') ? 'vary-any' : undefined
}

/** It has no end that anybody could wait for. */
function isEventStream (headers: ReplyHeaders): boolean {
  return /^text\/event-stream\b/i.test(String(headers['content-type'] ?? ''))
}

function hasOwnLife (headers: ReplyHeaders, directives: CacheControl): boolean {
  return headers.expires !== undefined || directives.has('max-age') || directives.has('s-maxage') || directives.has('no-cache')
}

/** RFC 9111 section 3.5: also for who sends `Authorization`. */
function allowsAuthorization (directives: CacheControl): boolean {
  return directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')
}

/** RFC 5861: the response's own word outranks the route's. */
function windowsOf (plan: RouteCacheConfig, directives: CacheControl): Pick<Page, 'staleWhileRevalidate' | 'staleIfError'> {
  const windows = parseStaleWindows(directives)
  if (windows === 'forbidden') return { staleWhileRevalidate: 0, staleIfError: 0 }
  return { staleWhileRevalidate: windows.whileRevalidate ?? plan.staleWhileRevalidate, staleIfError: windows.ifError ?? plan.staleIfError }
}

/** What selects a response: what it names itself, what was read to make it, and what the route adds. */
function listOf ({ plan, headers, request }: ReceivedResponse): string[] {
  const list = new Set([...parseVary(headers.vary), ...plan.vary, ...request.names])
  if (headers['content-encoding'] !== undefined) list.add('accept-encoding')
  if (plan.key !== undefined) list.add(CUSTOM_KEY)
  return [...list].sort()
}

/** Whether a status says that what is behind the handler failed, RFC 5861 section 4. */
export function isFailure (status: number): boolean {
  return status === 500 || isGatewayFailure(status)
}

/** Whether a failure may be told to all who wait for the same page: it is not the request's own, and for no one in particular. */
export function isSharedFailure (status: number, headers: ReplyHeaders): boolean {
  return isGatewayFailure(status) && headers['set-cookie'] === undefined && headers['content-encoding'] === undefined &&
    !parseVary(headers.vary).includes('*') && !parseDirectives(headers).directives.has('private')
}

/** 502, 503 and 504. */
function isGatewayFailure (status: number): boolean {
  return status >= 502 && status <= 504
}
