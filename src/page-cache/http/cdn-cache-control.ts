import { type BareItem, type Dictionary, type InnerList, parseDictionary, Token } from 'structured-headers'
import { type CacheControl, LIFETIME_DIRECTIVES, parseCacheControl } from './cache-control.ts'
import { combineLines, type Fields } from './fields.ts'

/** What a response says to this cache. */
export interface Directives {
  readonly directives: CacheControl
  /** Whether they come from `CDN-Cache-Control`: then `Cache-Control` and `Expires` are for others. */
  readonly targeted: boolean
}

/** The directives that are meant for a shared cache beside the origin, RFC 9213 section 2.2. */
export function parseDirectives (headers: Fields): Directives {
  const targeted = parseTargeted(combineLines(headers['cdn-cache-control']))
  if (targeted !== undefined) return { directives: targeted, targeted: true }
  return { directives: parseCacheControl(headers['cache-control']), targeted: false }
}

/** RFC 9213 section 2.1: a field that is empty, or no Dictionary, counts as absent. */
function parseTargeted (field: string | undefined): CacheControl | undefined {
  if (field === undefined) return undefined
  let members: Dictionary
  try {
    members = parseDictionary(field)
  } catch {
    return undefined
  }
  if (members.size === 0) return undefined
  const directives = new Map<string, string | true>()
  for (const [name, [value]] of members) {
    const argument = argumentOf(name, value)
    if (argument !== undefined) directives.set(name, argument)
  }
  return directives
}

/**
 * The value of a member, as `Cache-Control` would have it. One of a type that no directive takes counts as none, which
 * of a lifetime makes zero, and of a list of names all; undefined: the member says that the directive does not hold.
 */
function argumentOf (name: string, value: BareItem | InnerList[0]): string | true | undefined {
  if (LIFETIME_DIRECTIVES.has(name)) return typeof value === 'number' ? String(value) : true
  if (value === false) return undefined
  return typeof value === 'string' || typeof value === 'number' || value instanceof Token ? String(value) : true
}
