import { type BareItem, type Dictionary, type InnerList, parseDictionary, Token } from 'structured-headers'
import { type CacheControl, LIFETIME_DIRECTIVES, parseCacheControl } from './cache-control.ts'
import { combineLines, type Fields } from './fields.ts'

/** The cache directives of a response that apply to this cache. */
export interface Directives {
  readonly directives: CacheControl
  /** Whether they are from `CDN-Cache-Control`: then `Cache-Control` and `Expires` are for other caches. */
  readonly targeted: boolean
}

/** Parses the directives for a shared cache next to the origin, RFC 9213 section 2.2. */
export function parseDirectives (headers: Fields): Directives {
  const targeted = parseTargeted(combineLines(headers['cdn-cache-control']))
  if (targeted !== undefined) return { directives: targeted, targeted: true }
  return { directives: parseCacheControl(headers['cache-control']), targeted: false }
}

/** Parses a targeted field; one that is empty or not a Dictionary counts as absent, RFC 9213 section 2.1. */
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
    const argument = formatArgument(name, value)
    if (argument !== undefined) directives.set(name, argument)
  }
  return directives
}

/**
 * Converts the value of a member into the argument of a `Cache-Control` directive.
 *
 * A value of a type that no directive takes counts as no argument: a lifetime is zero then, and a list has all names.
 *
 * @returns undefined: the member says that the directive does not apply
 */
function formatArgument (name: string, value: BareItem | InnerList[0]): string | true | undefined {
  if (LIFETIME_DIRECTIVES.has(name)) return typeof value === 'number' ? String(value) : true
  if (value === false) return undefined
  return typeof value === 'string' || typeof value === 'number' || value instanceof Token ? String(value) : true
}
