import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'

/** Parses the query string of a URL, without its question mark, as the option `querystringParser` of Fastify does. */
export type QuerystringParser = (search: string) => Record<string, unknown>

/**
 * Removes the query parameters that are not listed from what hooks and the handler see: they are not in the key.
 *
 * @param listed the option `query` of the route
 * @param parse the parser of the application
 * @returns whether the request now agrees with its key; false if the application uses another parser than `parse`
 */
export function removeUnkeyedParams (
  request: FastifyRequest, listed: ReadonlySet<string>, parse: QuerystringParser
): boolean {
  const raw = request.raw as FastifyRequest['raw'] & { originalUrl?: string }
  const url = filterQuery(raw.url!, listed)
  const original = raw.originalUrl === undefined ? url : filterQuery(raw.originalUrl, listed)
  if (url === raw.url && original === (raw.originalUrl ?? url)) return true
  if (!isDeepStrictEqual({ ...parse(splitUrl(raw.url!)[1]) }, { ...request.query as object })) return false
  raw.url = url
  if (raw.originalUrl !== undefined) raw.originalUrl = original
  // Fastify memoizes it on first use.
  Object.defineProperty(request, 'originalUrl', { value: original })
  request.query = parse(splitUrl(url)[1])
  return true
}

/** Returns a URL with only the listed query parameters. */
export function filterQuery (url: string, listed: ReadonlySet<string>): string {
  const [path, search] = splitUrl(url)
  if (search === '') return url
  const all = search.split('&')
  const pairs = all.filter((pair) => isListed(decodeName(pair), listed))
  if (pairs.length === all.length) return url
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}

/** Whether a parameter is listed, by its name or by the part before a bracket, as parsers of nested objects do. */
function isListed (name: string, listed: ReadonlySet<string>): boolean {
  return listed.has(name) || listed.has(name.slice(0, Math.max(0, name.indexOf('['))))
}

/** Decodes the name of a parameter; returns it as written if it cannot be decoded. */
function decodeName (pair: string): string {
  const [name] = splitPair(pair)
  return decode(name.replaceAll('+', ' ')) ?? name
}

/** Decodes a text; returns undefined if it cannot be decoded. */
export function decode (text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const UNRESERVED = /[A-Za-z0-9._~-]/

/**
 * Writes equivalent percent-encodings the same way, RFC 3986 section 6.2.2.
 *
 * A text that cannot be decoded stays as it is, because a handler sees it as it is.
 */
export function normalizeEncoding (text: string): string {
  if (!text.includes('%') || decode(text) === undefined) return text
  return text.replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return UNRESERVED.test(char) ? char : encoded.toUpperCase()
  })
}

/**
 * Splits a query into names and values, sorted by name; those of one name keep their order.
 *
 * @param listed the parameters to return; default all
 * @returns pairs; a value of null is a name without "="
 */
export function normalizeQuery (
  search: string, listed?: ReadonlySet<string>
): Array<[name: string, value: string | null]> {
  return search.split('&')
    .filter((pair) => pair !== '' && (listed === undefined || isListed(decodeName(pair), listed)))
    .map((pair): [string, string | null] => {
      const [name, value] = splitPair(pair)
      return [normalizeEncoding(name), value === null ? null : normalizeEncoding(value)]
    })
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
}

/** Splits a URL at its question mark. */
export function splitUrl (url: string): [path: string, search: string] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

function splitPair (pair: string): [name: string, value: string | null] {
  const equals = pair.indexOf('=')
  return equals < 0 ? [pair, null] : [pair.slice(0, equals), pair.slice(equals + 1)]
}
