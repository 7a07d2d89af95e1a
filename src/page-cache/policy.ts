import { type CacheControl, fieldNamesOf } from './rules/cache-control.ts'
import { clientLifetime, explicitLifetime, initialAge, staleWindows } from './rules/freshness.ts'
import type { HeaderReads } from './header-reads.ts'
import type { Plan } from './options.ts'
import type { Page, ReplyHeaders } from './page.ts'
import { directivesOf } from './rules/targeted.ts'
import { ADDED_KEY } from './variants.ts'
import { varyNames } from './rules/vary.ts'

/** What is known of a response when it is to be judged. */
export interface Response {
  readonly plan: Plan
  readonly status: number
  readonly headers: ReplyHeaders
  readonly request: {
    readonly headerReads: Pick<HeaderReads, 'sent' | 'headers' | 'all' | 'address'>
    /** Fields that were read by name, and are not in the key. */
    readonly names: readonly string[]
  }
  /** Milliseconds since 1970: when the handler began, and when it had answered. */
  readonly requested: number
  readonly received: number
}

/** How a response may be kept. */
export interface Terms extends Pick<Page, 'age' | 'staleWhileRevalidate' | 'staleIfError' | 'forAll'> {
  /** Seconds that it stays fresh; zero: it is to be confirmed each time. */
  readonly ttl: number
  /** Seconds after that for which it is kept. */
  readonly keepFor: number
  /** Names of the request fields that select it, and of what the route adds to the key. */
  readonly list: readonly string[]
  /** Fields that are not to be kept with it. */
  readonly omitted: readonly string[]
  /** See `Page`. */
  readonly clientLife: number | undefined
}

/** The terms, or the rule that refuses, as a token for `Cache-Status`. */
export type Verdict = Terms | { refused: string }

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
export function judge (response: Response): Verdict {
  const { plan, status, headers } = response
  const { directives, targeted } = directivesOf(headers)
  const refused = refusalOf(response, directives)
  if (refused !== undefined) return { refused }

  const confirmable = headers.etag !== undefined || headers['last-modified'] !== undefined
  const noCache = fieldNamesOf(directives, 'no-cache')
  const own = noCache === 'all' ? 0 : explicitLifetime(headers, directives, targeted, response.received)
  const given = status === 200 ? plan.ttl : undefined
  if (own === undefined && given === undefined) return { refused: 'no-lifetime' }
  const { all, address } = response.request.headerReads
  if (own === undefined && all) return { refused: 'all-headers-read' }
  if (own === undefined && address) return { refused: 'client-address-read' }

  const age = initialAge(headers, response)
  const ttl = Math.max(0, Math.min(own ?? Infinity, given ?? Infinity) - age)
  const { staleWhileRevalidate, staleIfError } = windowsOf(plan, directives)
  const keepFor = Math.max(staleWhileRevalidate, staleIfError, confirmable ? CONFIRMABLE_FOR : 0)
  if (ttl === 0 && (keepFor === 0 || (noCache === 'all' && !confirmable))) return { refused: noCache === 'all' ? 'no-cache' : 'lifetime-over' }

  const privateFields = fieldNamesOf(directives, 'private')
  const omitted = [noCache, privateFields].flatMap((names) => Array.isArray(names) ? names : [])
  return { ttl, keepFor, age, staleWhileRevalidate, staleIfError, forAll: isForAll(directives), list: listOf(response), omitted, clientLife: clientLifetime(headers, response.received) }
}

/** The rule that forbids to keep a response at all. */
function refusalOf ({ plan, status, headers, request }: Response, directives: CacheControl): string | undefined {
  if (status === 206) return 'partial-content'
  if (OF_ONE_REQUEST.has(status)) return `status-${status}`
  if (isEventStream(headers)) return 'event-stream'
  if (status !== 200 && plan.ttl !== undefined && !hasOwnLife(headers, directives)) return `status-${status}`
  const understood = UNDERSTOOD.has(status)
  if (directives.has('must-understand') && !understood) return 'must-understand'
  // RFC 9111 section 5.2.2.3: who understands the status takes no heed of the `no-store` beside it.
  if (directives.has('no-store') && !directives.has('must-understand')) return 'no-store'
  if (fieldNamesOf(directives, 'private') === 'all') return 'private'
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  if (varyNames(headers.vary).includes('*')) return 'vary-any'
  return personalRefusal(request, directives, [...plan.vary, ...varyNames(headers.vary)])
}

/**
 * Why a response may be meant for the one who asked, and nobody else.
 *
 * @param varies fields by which it is known to vary
 */
function personalRefusal ({ headerReads: { sent, headers, all }, names }: Response['request'], directives: CacheControl, varies: readonly string[]): string | undefined {
  const has = (name: string) => sent[name] !== undefined || headers[name] !== undefined
  // RFC 9111 section 3.5
  if (has('authorization') && !isForAll(directives)) return 'authorization'
  const saw = (name: string) => has(name) && (all || names.includes(name))
  if (saw('cookie') && !varies.includes('cookie') && !directives.has('public') && !directives.has('s-maxage')) return 'cookie'
  // What a client says of the road it came by is not to be believed, and a page that a proxy passes it on to may show it.
  if (all && Object.keys({ ...sent, ...headers }).some((name) => name === 'forwarded' || (name.startsWith('x-forwarded-') && name !== 'x-forwarded-for'))) return 'forwarded'
  return undefined
}

/** What a response says of its life, to tell whether it says something else later. */
export function controlOf (headers: ReplyHeaders): string {
  return `${String(headers['cdn-cache-control'])}\n${String(headers['cache-control'])}`
}

/**
 * The rule that forbids to keep a response that was to be kept, by what hooks have added to it since.
 *
 * @param control see `controlOf`, of before
 */
export function refusedByHooks (headers: ReplyHeaders, control: string): string | undefined {
  if (controlOf(headers) !== control) {
    const { directives } = directivesOf(headers)
    if (directives.has('no-store')) return 'no-store'
    if (fieldNamesOf(directives, 'private') === 'all') return 'private'
  }
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  return varyNames(headers.vary).includes('*') ? 'vary-any' : undefined
}

/** It has no end that anybody could wait for. */
function isEventStream (headers: ReplyHeaders): boolean {
  return /^text\/event-stream\b/i.test(String(headers['content-type'] ?? ''))
}

function hasOwnLife (headers: ReplyHeaders, directives: CacheControl): boolean {
  return headers.expires !== undefined || directives.has('max-age') || directives.has('s-maxage') || directives.has('no-cache')
}

/** RFC 9111 section 3.5: also for who sends `Authorization`. */
function isForAll (directives: CacheControl): boolean {
  return directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')
}

/** RFC 5861: the response's own word outranks the route's. */
function windowsOf (plan: Plan, directives: CacheControl): Pick<Page, 'staleWhileRevalidate' | 'staleIfError'> {
  const windows = staleWindows(directives)
  if (windows === 'forbidden') return { staleWhileRevalidate: 0, staleIfError: 0 }
  return { staleWhileRevalidate: windows.whileRevalidate ?? plan.staleWhileRevalidate, staleIfError: windows.ifError ?? plan.staleIfError }
}

/** What selects a response: what it names itself, what was read to make it, and what the route adds. */
function listOf ({ plan, headers, request }: Response): string[] {
  const list = new Set([...varyNames(headers.vary), ...plan.vary, ...request.names])
  if (headers['content-encoding'] !== undefined) list.add('accept-encoding')
  if (plan.key !== undefined) list.add(ADDED_KEY)
  return [...list].sort()
}

/** Whether a status says that what is behind the handler failed, RFC 5861 section 4. */
export function isFailure (status: number): boolean {
  return status === 500 || isGatewayFailure(status)
}

/** Whether a failure may be told to all who wait for the same page: it is not the request's own, and for no one in particular. */
export function mayShare (status: number, headers: ReplyHeaders): boolean {
  return isGatewayFailure(status) && headers['set-cookie'] === undefined && headers['content-encoding'] === undefined &&
    !varyNames(headers.vary).includes('*') && !directivesOf(headers).directives.has('private')
}

/** 502, 503 and 504. */
function isGatewayFailure (status: number): boolean {
  return status >= 502 && status <= 504
}
