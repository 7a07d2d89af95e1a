import { combineLines, type FieldValue, isToken, toLowerCase, splitList } from './fields.ts'

/** The directives of a `Cache-Control` field, RFC 9111 section 5.2. A directive without an argument is `true`. */
export type CacheControl = ReadonlyMap<string, string | true>

const DIRECTIVE = /^([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?$/

/** Directives whose argument is a number of seconds, RFC 9111 section 5.2.2 and RFC 5861. */
export const LIFETIME_DIRECTIVES: ReadonlySet<string> = new Set([
  'max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'
])
/** Directives whose argument is a list of field names, RFC 9111 sections 5.2.2.4 and 5.2.2.7. */
const QUALIFIED: ReadonlySet<string> = new Set(['no-cache', 'private'])
/** Directives that restrict caching without an argument: they apply even in an element that is malformed. */
const RESTRICTIONS: ReadonlySet<string> = new Set([
  ...LIFETIME_DIRECTIVES, ...QUALIFIED, 'no-store', 'must-revalidate', 'proxy-revalidate'
])

/** Parses a field. If a directive is repeated, the stricter one applies, RFC 9111 section 4.2.1. */
export function parseCacheControl (field: FieldValue): CacheControl {
  const directives = new Map<string, string | true>()
  // Each line separately, so that a quote that is not closed does not hide the next line.
  for (const line of typeof field === 'object' ? field : [combineLines(field) ?? '']) {
    for (const element of splitList(line)) addElement(directives, element)
  }
  return directives
}

function addElement (directives: Map<string, string | true>, element: string): void {
  const parts = DIRECTIVE.exec(element)
  if (parts !== null) return add(directives, parts[1]!, parts[2] ?? parts[3]?.replace(/\\(.)/g, '$1') ?? true)
  for (const [name] of element.matchAll(/[\w-]+/g)) {
    if (RESTRICTIONS.has(toLowerCase(name))) add(directives, name, true)
  }
}

function add (directives: Map<string, string | true>, writtenName: string, value: string | true): void {
  const name = toLowerCase(writtenName)
  const earlier = directives.get(name)
  directives.set(name, earlier === undefined ? value : pickStricter(name, earlier, value))
}

function pickStricter (name: string, first: string | true, second: string | true): string | true {
  if (LIFETIME_DIRECTIVES.has(name)) return toSeconds(second) < toSeconds(first) ? second : first
  if (!QUALIFIED.has(name)) return first
  return parseNames(first) === 'all' || parseNames(second) === 'all' ? true : `${first}, ${second}`
}

/** The largest delta-seconds that a cache has to support, RFC 9111 section 1.2.2. */
export const MAX_DELTA = 2 ** 31

/** Returns the seconds of a directive; undefined if it is absent, 0 if it is not a number: stale is the safe side. */
export function parseDeltaSeconds (directives: CacheControl, name: string): number | undefined {
  const value = directives.get(name)
  return value === undefined ? undefined : toSeconds(value)
}

function toSeconds (value: string | true): number {
  return value !== true && /^\d+$/.test(value) ? Math.min(Number(value), MAX_DELTA) : 0
}

/** Returns the field names of a `no-cache` or `private`, in lower case; undefined if the directive is absent. */
export function parseFieldNames (directives: CacheControl, name: string): string[] | 'all' | undefined {
  const value = directives.get(name)
  return value === undefined ? undefined : parseNames(value)
}

/** A list that is empty, or has an element that is not a name, means all fields. */
function parseNames (value: string | true): string[] | 'all' {
  if (value === true) return 'all'
  const names = splitList(toLowerCase(value)).filter((name) => name !== '')
  return names.length > 0 && names.every(isToken) ? names : 'all'
}

/** Formats the directives with a new `max-age` at the end, up to its number, which the caller appends. */
export function formatBeforeMaxAge (directives: CacheControl): string {
  let field = ''
  for (const [name, value] of directives) {
    if (name === 'max-age' || name === 's-maxage') continue
    field += value === true ? `${name}, ` : `${name}=${formatArgument(name, value)}, `
  }
  return `${field}max-age=`
}

/** Formats an argument. A list of names is quoted even if it has one name only. */
function formatArgument (name: string, value: string): string {
  return isToken(value) && !QUALIFIED.has(name) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}
