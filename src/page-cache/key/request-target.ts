import type { FastifyRequest } from 'fastify'
import type { RouteCacheConfig } from '../options.ts'
import type { HeaderTracker } from './header-tracking.ts'
import { normalizeHost, type RequestTarget } from './key.ts'
import { type QuerystringParser, removeUnkeyedParams } from './query.ts'
import type { Detail } from '../http/details.ts'

type Raw = FastifyRequest['raw'] & { originalUrl?: string }

/** How the router of an application reads URLs, as far as it reads different ones as the same. */
export interface RouterOptions {
  readonly caseSensitive: boolean
  readonly ignoreTrailingSlash: boolean
  readonly ignoreDuplicateSlashes: boolean
  readonly useSemicolonDelimiter: boolean
}

/**
 * Makes the URL that hooks and the handler see agree with the key: in origin-form, and without unkeyed parameters.
 *
 * @param parse the querystring parser of the application
 * @returns why the key cannot cover the request, as the `detail` of `Cache-Status`; undefined if it does
 */
export function normalizeRequest (
  request: FastifyRequest, { query }: RouteCacheConfig, { sent }: Pick<HeaderTracker, 'sent'>, options: RouterOptions,
  parse: QuerystringParser
): Detail | undefined {
  const raw = request.raw as Raw
  const { url, originalUrl } = raw
  if (isUnusual(url!, options) || (originalUrl !== undefined && isUnusual(originalUrl, options))) {
    const hosts = [sent.host, request.host].map((host) => normalizeHost(String(host), 'http'))
    if (![url, originalUrl].every((text) => namesHost(text, hosts))) return 'request-target'
    raw.url = toOriginForm(url!, options)
    if (originalUrl !== undefined) raw.originalUrl = toOriginForm(originalUrl, options)
    // Fastify memoizes it on first use.
    Object.defineProperty(request, 'originalUrl', { value: raw.originalUrl ?? raw.url, configurable: true })
  }
  if (query !== undefined && !removeUnkeyedParams(request, query, parse)) return 'query-parser'
  return undefined
}

/** Returns the target of a request. */
export function readTarget (request: FastifyRequest, protocol: string, options: RouterOptions): RequestTarget {
  const { raw, host, params } = request
  const url = toOriginForm(raw.url!, options)
  const originalUrl = (raw as Raw).originalUrl === raw.url ? undefined : (raw as Raw).originalUrl
  return normalizeTarget({ protocol, host, url, originalUrl }, params as Record<string, string>, options)
}

/**
 * Writes targets that the router does not distinguish in the same way.
 *
 * @param params those of the path, whose case counts always
 */
export function normalizeTarget (
  target: RequestTarget, params: Readonly<Record<string, string | undefined>>, options: RouterOptions
): RequestTarget {
  const { caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes } = options
  if (caseSensitive && !ignoreTrailingSlash && !ignoreDuplicateSlashes) return target
  const mark = target.url.indexOf('?')
  let path = mark < 0 ? target.url : target.url.slice(0, mark)
  if (ignoreDuplicateSlashes) path = path.replace(/\/{2,}/g, '/')
  if (ignoreTrailingSlash && path.length > 1 && path.endsWith('/')) path = path.slice(0, -1)
  return {
    ...target,
    url: mark < 0 ? path : path + target.url.slice(mark),
    ...!caseSensitive && { params: Object.values(params) }
  }
}

/** Whether a URL is not in origin-form, or has another delimiter than "?" before its query. */
function isUnusual (url: string, { useSemicolonDelimiter }: RouterOptions): boolean {
  return url.charCodeAt(0) !== 47 || url.includes('#') || (useSemicolonDelimiter && url.includes(';'))
}

/** Writes a URL in origin-form, RFC 9112 section 3.2.1, with "?" before its query. */
export function toOriginForm (url: string, options: RouterOptions): string {
  if (!isUnusual(url, options)) return url
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/')
  return path.replace(options.useSemicolonDelimiter ? /[?#;]/ : /[?#]/, '?')
}

/** Whether a URL in absolute-form names one of these hosts; any other URL names none, and so the right one. */
function namesHost (url: string | undefined, hosts: readonly string[]): boolean {
  const match = /^https?:\/\/([^/?#]*)/i.exec(url ?? '')
  return match === null || hosts.includes(normalizeHost(match[1]!, match[0].startsWith('https') ? 'https' : 'http'))
}
