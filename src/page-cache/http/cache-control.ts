import { combineLines, type FieldValue, isToken, toLowerCase, splitList } from './fields.ts'

/** The directives of a Cache-Control field; a directive without an argument is `true`. RFC 9111 section 5.2. */
export type CacheControl = ReadonlyMap<string, string | true>

const DIRECTIVE = /^([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?$/

/** Directives whose argument is a number of seconds, RFC 9111 section 5.2.2 and RFC 5861. */
export const LIFETIME_DIRECTIVES: ReadonlySet<string> = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'])
/** Directives whose argument is a list of field names, RFC 9111 sections 5.2.2.4 and 5.2.2.7. */
const QUALIFIED: ReadonlySet<string> = new Set(['no-cache', 'private'])
/** All that an element counts for that is not by the grammar: without an argument, each of them restricts. */
const RESTRICTIONS: ReadonlySet<string> = new Set([...LIFETIME_DIRECTIVES, ...QUALIFIED, 'no-store', 'must-revalidate', 'proxy-revalidate'])

/**
 * Reads a field. Names come out in lower case; of a directive that comes twice the stricter one counts, RFC 9111
 * section 4.2.1.
 */
export function parseCacheControl (field: FieldValue): CacheControl {
  const directives = new Map<string, string | true>()
  // Each line by itself, so that a quote that is not closed hides nothing of the next.
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

function add (directives: Map<string, string | true>, written: string, value: string | true): void {
  const name = toLowerCase(written)
  const earlier = directives.get(name)
  directives.set(name, earlier === undefined ? value : stricter(name, earlier, value))
}

function stricter (name: string, first: string | true, second: string | true): string | true {
  if (LIFETIME_DIRECTIVES.has(name)) return secondsOf(second) < secondsOf(first) ? second : first
  if (!QUALIFIED.has(name)) return first
  return namesIn(first) === 'all' || namesIn(second) === 'all' ? true : `${first}, ${second}`
}

/** Largest delta-seconds that a cache must understand, RFC 9111 section 1.2.2. */
export const MAX_DELTA = 2 ** 31

/** The seconds of a directive; undefined when it is not there, 0 when it is not a number, since stale is the safe side. */
export function parseDeltaSeconds (directives: CacheControl, name: string): number | undefined {
  const value = directives.get(name)
  return value === undefined ? undefined : secondsOf(value)
}

function secondsOf (value: string | true): number {
  return value !== true && /^\d+$/.test(value) ? Math.min(Number(value), MAX_DELTA) : 0
}

/** The fields that a `no-cache` or `private` is for, in lower case; undefined when it is not there. */
export function parseFieldNames (directives: CacheControl, name: string): string[] | 'all' | undefined {
  const value = directives.get(name)
  return value === undefined ? undefined : namesIn(value)
}

/** A list that is empty, or holds what is no name, leaves nothing out. */
function namesIn (value: string | true): string[] | 'all' {
  if (value === true) return 'all'
  const names = splitList(toLowerCase(value)).filter((name) => name !== '')
  return names.length > 0 && names.every(isToken) ? names : 'all'
}

/** The field up to the number of a `max-age` of our own, to which that number is to be added. */
export function formatBeforeMaxAge (directives: CacheControl): string {
  let field = ''
  for (const [name, value] of directives) {
    if (name === 'max-age' || name === 's-maxage') continue
    field += value === true ? `${name}, ` : `${name}=${written(name, value)}, `
  }
  return `${field}max-age=`
}

/** Lists of names are to be quoted, even a list of one. */
function written (name: string, value: string): string {
  return isToken(value) && !QUALIFIED.has(name) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}
