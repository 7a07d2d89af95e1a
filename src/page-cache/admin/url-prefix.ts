import type { CachedRoutes } from '../cached-routes.ts'
import { PurgeError } from '../errors.ts'
import { cutUrl, normalizePath } from '../key/key.ts'
import type { RouterOptions } from '../key/request-target.ts'

/**
 * Returns what the keys of all URLs that begin with a path begin with: one prefix for each route that may answer.
 *
 * @param text the path, which may end anywhere, e.g. within a name
 */
export function findKeyPrefixes (routes: CachedRoutes, text: string): string[] {
  const { routerOptions } = routes
  const path = readPath(text, routerOptions)
  return routes.list()
    .filter(({ url }) => mayAnswer(url, path, routerOptions))
    .map(({ keyPrefix }) => keyPrefix + cutUrl(path))
}

/** Reads a path, and writes it as keys show it. */
function readPath (text: string, options: RouterOptions): string {
  const url = URL.parse(`http://localhost${text}`)
  try {
    if (!text.startsWith('/') || url === null || url.search !== '' || url.hash !== '') throw new URIError()
    return normalizePath(combineSlashes(url.pathname, options), options.caseSensitive)
  } catch {
    throw new PurgeError('The URL prefix to purge must be a path without a query, such as /products/, ' +
      `but is ${JSON.stringify(text)}. It counts for all hosts.`)
  }
}

/** Whether a route may answer to a URL that begins with a path. */
function mayAnswer (pattern: string, path: string, options: RouterOptions): boolean {
  const [beforeParameters] = combineSlashes(pattern, options).split(/[:*(]/, 1) as [string]
  // They may be encoded in different ways.
  if (/[^!-$&-~]/.test(beforeParameters + path)) return true
  const fixed = options.caseSensitive ? beforeParameters : beforeParameters.toLowerCase()
  return fixed.startsWith(path) || path.startsWith(fixed)
}

function combineSlashes (path: string, { ignoreDuplicateSlashes }: RouterOptions): string {
  return ignoreDuplicateSlashes ? path.replace(/\/{2,}/g, '/') : path
}
