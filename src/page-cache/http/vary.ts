import { combineLines, type FieldValue, isToken, toLowerCase, splitList, trimWhitespace } from './fields.ts'

/**
 * Parses a `Vary` field into names in lower case and alphabetical order, each once, RFC 9110 section 12.5.5.
 *
 * An element that is not a name might mean any header, as `*` does.
 */
export function parseVary (field: FieldValue): string[] {
  if (field === undefined) return []
  const names = splitList(toLowerCase(combineLines(field)!)).filter((name) => name !== '')
  if (names.some((name) => name === '*' || !isToken(name))) return ['*']
  return [...new Set(names)].sort()
}

/** Fields that are not lists: white space is part of their values. */
const SINGLE_VALUED: ReadonlySet<string> = new Set([
  'authorization', 'cookie', 'host', 'origin', 'referer', 'user-agent'
])

/** Normalizes the elements of fields for content negotiation, RFC 9110 section 12.5. */
const NEGOTIATION: ReadonlyMap<string, (elements: string[]) => string[]> = new Map([
  ['accept', (ranges: string[]) => ranges.map(normalizeMediaRange)],
  // By the RFC, the order of languages with the same weight means nothing. But servers break the tie by it, and a
  // reader of `de, en` would get the response for `en, de`, so it stays.
  ['accept-language', (ranges: string[]) => ranges.map(normalizeWeighted)],
  // Clients that send the same codings with the same weights can decode the same responses, in whatever order.
  ['accept-encoding', (codings: string[]) => sortIfUnique(codings.map(normalizeWeighted))],
  ['accept-charset', (charsets: string[]) => sortIfUnique(charsets.map(normalizeWeighted))]
])

/**
 * Normalizes the value by which a request header selects a response, RFC 9111 section 4.1; null if it is absent.
 *
 * Values that mean the same become equal. Values that are not known to mean the same stay different: in a list of
 * unknown grammar, an empty element may have a meaning.
 *
 * @param name in lower case
 */
export function normalizeVaryValue (name: string, value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null
  if (SINGLE_VALUED.has(name)) {
    return trimWhitespace(typeof value === 'string' ? value : value.join(name === 'cookie' ? '; ' : ', '))
  }
  const text = typeof value === 'string' ? value : value.join(',')
  // In a quoted string every character counts.
  const normalize = text.includes('"') ? undefined : NEGOTIATION.get(name)
  if (normalize !== undefined) return memoize(name, text, normalize)
  return text.includes(',') ? splitList(text).join(',') : trimWhitespace(text)
}

/** Normalized values, by name and text: browsers of one kind send the same texts. */
const memo = new Map<string, string>()
const MAX_MEMOIZED = 1_000
const MAX_MEMOIZED_LENGTH = 300

function memoize (name: string, text: string, normalize: (elements: string[]) => string[]): string {
  const key = `${name}:${text}`
  let normal = memo.get(key)
  if (normal !== undefined) return normal
  normal = normalize(splitList(text).filter((element) => element !== '')).join(',')
  if (memo.size === MAX_MEMOIZED) memo.clear()
  if (key.length <= MAX_MEMOIZED_LENGTH) memo.set(key, normal)
  return normal
}

/** Normalizes a language range, coding or charset, which are case-insensitive, with its weight. */
function normalizeWeighted (element: string): string {
  return toLowerCase(element.includes(';') ? element.split(';').map(trimWhitespace).join(';') : element)
}

/** Normalizes a media range; values of parameters are case-sensitive, RFC 9110 sections 8.3.1 and 12.5.1. */
function normalizeMediaRange (element: string): string {
  if (!element.includes(';')) return toLowerCase(element)
  const [type, ...parameters] = element.split(';').map(trimWhitespace)
  return [toLowerCase(type!), ...parameters.map((parameter) => parameter.replace(/^[^=]+/, toLowerCase))].join(';')
}

/** Sorts elements unless one is listed twice: then its weights may differ, and the order decides which one counts. */
function sortIfUnique (elements: string[]): string[] {
  const names = new Set(elements.map((element) => element.split(';', 1)[0]))
  return names.size === elements.length ? elements.sort() : elements
}
