import { deltaSeconds, parseCacheControl } from './cache-control.ts'
import type { Plan } from './options.ts'
import type { ReplyHeaders } from './page.ts'

/** Seconds that a response may be kept, or the rule that refuses it, as a token for `Cache-Status`. */
export type Verdict = { ttl: number } | { refused: string }

/**
 * Whether a response may be kept, and how long. The response's own refusal outranks the route's `ttl`, and so does
 * a shorter life. RFC 9111 sections 3, 4.2.1 and 5.2.2.
 *
 * @param now milliseconds since 1970
 */
export function judge (plan: Plan, status: number, headers: ReplyHeaders, now: number): Verdict {
  if (status !== 200) return { refused: `status-${status}` }
  if (headers['set-cookie'] !== undefined) return { refused: 'set-cookie' }
  // A compressed body is for one client's Accept-Encoding, which is not in the key.
  if (headers['content-encoding'] !== undefined && !plan.vary.includes('accept-encoding')) return { refused: 'content-encoding' }

  const uncovered = uncoveredVary(headers.vary, plan.vary)
  if (uncovered !== undefined) return { refused: uncovered }

  const control = parseCacheControl(text(headers['cache-control']))
  for (const directive of ['no-store', 'private', 'no-cache']) {
    if (control.has(directive)) return { refused: directive }
  }
  const own = deltaSeconds(control, 's-maxage') ?? deltaSeconds(control, 'max-age') ?? secondsUntil(headers.expires, now)
  if (own === undefined && plan.ttl === undefined) return { refused: 'no-lifetime' }
  const ttl = Math.min(own ?? Infinity, plan.ttl ?? Infinity)
  return ttl > 0 ? { ttl } : { refused: 'lifetime-over' }
}

/** Whether a status says that what is behind the handler failed, RFC 5861 section 4. */
export function isFailure (status: number): boolean {
  return status === 500 || isGatewayFailure(status)
}

/** Whether a failure may be told to all who wait for the same page: it is not the request's own, and for no one in particular. */
export function mayShare (status: number, headers: ReplyHeaders): boolean {
  return isGatewayFailure(status) && headers['set-cookie'] === undefined && headers['content-encoding'] === undefined &&
    !varyNames(headers.vary).includes('*') && !parseCacheControl(text(headers['cache-control'])).has('private')
}

/** 502, 503 and 504. */
function isGatewayFailure (status: number): boolean {
  return status >= 502 && status <= 504
}

/** Why the key does not tell apart what the response varies by; undefined when it does. */
function uncoveredVary (field: ReplyHeaders[string], covered: readonly string[]): string | undefined {
  const names = varyNames(field)
  if (names.includes('*')) return 'vary-any'
  return names.every((name) => covered.includes(name)) ? undefined : 'vary-uncovered'
}

/** The names in a `Vary` field, in lower case. */
export function varyNames (field: ReplyHeaders[string]): string[] {
  return text(field).toLowerCase().split(',').map((name) => name.trim()).filter(Boolean)
}

/** An `Expires` that is no date is in the past, RFC 9111 section 5.3. */
function secondsUntil (expires: ReplyHeaders[string], now: number): number | undefined {
  if (expires === undefined) return undefined
  const time = Date.parse(text(expires))
  return Number.isNaN(time) ? 0 : Math.max(0, (time - now) / 1000)
}

function text (field: ReplyHeaders[string]): string {
  return Array.isArray(field) ? field.join(', ') : String(field ?? '')
}
