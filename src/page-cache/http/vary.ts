import { combineLines, type FieldValue, isToken, toLowerCase, splitList, trimWhitespace } from './fields.ts'

/**
 * The names in a `Vary` field, in lower case and alphabetical order, each once. An element that is no name might mean
 * any of them, as `*` does, RFC 9110 section 12.5.5.
 */
export function parseVary (field: FieldValue): string[] {
  if (field === undefined) return []
  const names = splitList(toLowerCase(combineLines(field)!)).filter((name) => name !== '')
  if (names.some((name) => name === '*' || !isToken(name))) return ['*']
  return [...new Set(names)].sort()
}

/** Fields that are no lists: the white space in them belongs to them. */
const WHOLE: ReadonlySet<string> = new Set(['authorization', 'cookie', 'host', 'origin', 'referer', 'user-agent'])

/** How the elements of lists are written that have a grammar of their own, RFC 9110 section 12.5. */
const NEGOTIATION: ReadonlyMap<string, (elements: string[]) => string[]> = new Map([
  ['accept', (ranges: string[]) => ranges.map(mediaRange)],
  // By the letter, the order of languages with the same weight says nothing. But servers break the tie by it, and a
  // reader of `de, en` would get the page of one of `en, de`, so it stays.
  ['accept-language', (ranges: string[]) => ranges.map(weighted)],
  // Whoever sends the same codings with the same weights can read whichever a server takes, in any order.
  ['accept-encoding', (codings: string[]) => inAnyOrder(codings.map(weighted))],
  ['accept-charset', (charsets: string[]) => inAnyOrder(charsets.map(weighted))]
])

/**
 * The value by which a request field selects among responses, in a form that requests share which mean the same by it,
 * RFC 9111 section 4.1; null for an absent field. What is not known to mean the same stays apart: in a list of unknown
 * grammar an empty element may hold a place.
 *
 * @param name in lower case
 */
export function normalizeVaryValue (name: string, value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null
  if (WHOLE.has(name)) return trimWhitespace(typeof value === 'string' ? value : value.join(name === 'cookie' ? '; ' : ', '))
  const text = typeof value === 'string' ? value : value.join(',')
  // In a quoted string all counts.
  const normalise = text.includes('"') ? undefined : NEGOTIATION.get(name)
  if (normalise !== undefined) return remembered(name, text, normalise)
  return text.includes(',') ? splitList(text).join(',') : trimWhitespace(text)
}

/** Browsers of one make send the same texts, so that most have just been read. */
const known = new Map<string, string>()
const MAX_KNOWN = 1_000
const MAX_KNOWN_LENGTH = 300

function remembered (name: string, text: string, normalise: (elements: string[]) => string[]): string {
  const key = `${name}:${text}`
  let normal = known.get(key)
  if (normal !== undefined) return normal
  normal = normalise(splitList(text).filter((element) => element !== '')).join(',')
  if (known.size === MAX_KNOWN) known.clear()
  if (key.length <= MAX_KNOWN_LENGTH) known.set(key, normal)
  return normal
}

/** A range or coding, which is in any case, and its weight. */
function weighted (element: string): string {
  return toLowerCase(element.includes(';') ? element.split(';').map(trimWhitespace).join(';') : element)
}

/** A media range; the values of its parameters are not in any case. RFC 9110 sections 8.3.1 and 12.5.1. */
function mediaRange (element: string): string {
  if (!element.includes(';')) return toLowerCase(element)
  const [type, ...parameters] = element.split(';').map(trimWhitespace)
  return [toLowerCase(type!), ...parameters.map((parameter) => parameter.replace(/^[^=]+/, toLowerCase))].join(';')
}

/** Where one of them comes twice, with weights that may differ, the order tells which counts. */
function inAnyOrder (elements: string[]): string[] {
  const names = new Set(elements.map((element) => element.split(';', 1)[0]))
  return names.size === elements.length ? elements.sort() : elements
}
