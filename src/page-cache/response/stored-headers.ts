import type { Page, ReplyHeaders } from '../stored-response.ts'

/**
 * Headers that are not stored: they belong to one message or connection (RFC 9110 section 7.6.1), are set anew on each
 * reply, or are stored elsewhere.
 */
const NOT_STORED = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization',
  'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'age', 'content-length', 'set-cookie',
  'cache-status', 'server-timing', 'etag'
])

/** Headers about the content of a response, or about what a browser may do with it: a nonce, a language, a preload. */
const DESCRIBES_CONTENT =
  /^(?:content-.*|link|last-modified|sourcemap|refresh|reporting-endpoints|permissions-policy|document-policy)$/

/** Headers of one request, which the next request must not get even if the body shows them. */
const OF_ONE_REQUEST = /request-?id|correlation|trace|rate-?limit|^(?:retry-after|date|expires|vary|.*cache-control)$/

/** Headers that the cache sets itself, even if the handler has removed them. */
const SET_BY_CACHE = new Set(['cache-control', 'content-length', 'cache-status', 'server-timing'])

/** Characters of the shortest value, and of the shortest part of a value, that is searched for in a body. */
const MIN_VALUE = 6
const MIN_PART = 16

/** The headers of a response, by the reason to store them. */
export interface StoredHeaders {
  /** Those that the handler has set, and those that describe the content, whoever has set them. */
  readonly headers: Page['headers']
  /** Those that hooks have set before the handler ran: they are stored if the body contains their values. */
  readonly hookHeaders: Page['headers']
  /** The names of those that the handler has removed. */
  readonly removed: string[]
}

/**
 * Returns the headers that are stored with a response, RFC 9111 section 3.1.
 *
 * Hooks set their headers on each reply again, e.g. with a number of the request. But a body may depend on what a hook
 * has set for its request, e.g. on the nonce in `Content-Security-Policy`.
 *
 * @param before reply headers from before the handler ran
 * @param omitted names of headers that the response itself forbids to store
 */
export function selectStoredHeaders (
  headers: ReplyHeaders, before: ReplyHeaders, omitted: readonly string[] = []
): StoredHeaders {
  const ofConnection = String(headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim())
  const selected: StoredHeaders = { headers: {}, hookHeaders: {}, removed: [] }
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    if (NOT_STORED.has(name) || ofConnection.includes(name) || omitted.includes(name)) continue
    const isOfHook = value === before[name] && !DESCRIBES_CONTENT.test(name)
    selected[isOfHook ? 'hookHeaders' : 'headers'][name] = Array.isArray(value) ? value : String(value)
  }
  for (const [name, value] of Object.entries(before)) {
    if (value !== undefined && headers[name] === undefined && !SET_BY_CACHE.has(name)) selected.removed.push(name)
  }
  return selected
}

/** Returns the headers of hooks on which a body depends, because it contains their values. */
export function selectPrintedHeaders (hookHeaders: Page['headers'], body: Buffer): Page['headers'] {
  return Object.fromEntries(Object.entries(hookHeaders).filter(([name, value]) => {
    return !OF_ONE_REQUEST.test(name) && [value].flat().some((line) => isPrinted(line, body))
  }))
}

function isPrinted (value: string, body: Buffer): boolean {
  if (value.length >= MIN_VALUE && body.includes(value)) return true
  return value.split(/[\s,;="'<>]+/).some((part) => part.length >= MIN_PART && body.includes(part))
}

const POLICIES = ['content-security-policy', 'content-security-policy-report-only'] as const

/**
 * Whether a later hook has set a policy with a nonce that the stored body contains.
 *
 * On a hit, that hook would set another nonce. A hook that puts the nonce into the body on its way out is no problem.
 */
export function hasLaterNonce (headers: ReplyHeaders, { headers: stored }: Page, body: Buffer): boolean {
  return POLICIES.some((name) => {
    const value = String(headers[name] ?? '')
    if (value === String(stored[name] ?? '')) return false
    return [...value.matchAll(/'nonce-([^']+)'/g)].some(([, nonce]) => body.includes(nonce!))
  })
}
