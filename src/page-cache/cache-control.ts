/** The directives of a Cache-Control field; a directive without an argument is `true`. RFC 9111 section 5.2. */
export type CacheControl = ReadonlyMap<string, string | true>

const DIRECTIVE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g

/** Reads a field. Names come out in lower case; of a directive that comes twice the first counts. */
export function parseCacheControl (field: string): CacheControl {
  const directives = new Map<string, string | true>()
  for (const [, name, quoted, token] of field.matchAll(DIRECTIVE)) {
    const key = name!.toLowerCase()
    if (!directives.has(key)) directives.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token ?? true)
  }
  return directives
}

/** Largest delta-seconds that a cache must understand, RFC 9111 section 1.2.2. */
const MAX_DELTA = 2 ** 31

/** The seconds of a directive; undefined when it is not there, 0 when it is not a number, since stale is the safe side. */
export function deltaSeconds (directives: CacheControl, name: string): number | undefined {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return typeof value === 'string' && /^\d+$/.test(value) ? Math.min(Number(value), MAX_DELTA) : 0
}

/** The field up to the number of a `max-age` of our own, to which that number is to be added. */
export function directivesBeforeMaxAge (directives: CacheControl): string {
  let field = ''
  for (const [name, value] of directives) {
    if (name === 'max-age' || name === 's-maxage') continue
    field += value === true ? `${name}, ` : `${name}=${/^[\w-]+$/.test(value) ? value : JSON.stringify(value)}, `
  }
  return `${field}max-age=`
}
