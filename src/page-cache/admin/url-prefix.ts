import type { CachedRoutes } from '../cached-routes.ts'
import { PurgeError } from '../errors.ts'
import { normalizePath } from '../key/key.ts'
import type { RouterOptions } from '../key/request-target.ts'
import { listPathEnds, readUtf8, showPath } from '../key/shown-url.ts'
import { PAGE_PREFIX } from '../options.ts'

/**
 * Returns what the keys of all URLs that begin with a path begin with: prefixes for each route that may answer.
 *
 * @param text the path, which may end anywhere, e.g. within a name
 */
export function findKeyPrefixes (routes: CachedRoutes, text: string): string[] {
  const { routerOptions } = routes
  const paths = readPaths(text, routerOptions)
  // All pages have it.
  if (paths.includes('/')) return [PAGE_PREFIX]
  return paths.flatMap((path) => {
    const shown = listShown(path, routerOptions)
    return routes.list()
      .filter(({ url }) => mayAnswer(url, path, routerOptions))
      .flatMap(({ keyPrefix }) => shown.map((beginning) => keyPrefix + beginning))
  })
}

/** Reads a path as it is written, which is how a client may send it, and as browsers send it. */
function readPaths (text: string, options: RouterOptions): string[] {
  const ends = options.useSemicolonDelimiter ? /[?#;]/ : /[?#]/
  try {
    if (!text.startsWith('/') || ends.test(text)) throw new URIError()
    decodeURIComponent(text)
    // With a letter after it, since the name in which it ends may go on.
    const sent = new URL(`http://localhost${text}x`).pathname.slice(0, -1)
    return [...new Set([text, sent].map((path) => {
      return normalizePath(combineSlashes(readUtf8(path), options), options.caseSensitive)
    }))]
  } catch {
    throw new PurgeError('The URL prefix to purge must be a path without a query and with whole encoded characters, ' +
      `such as /products/, but is ${JSON.stringify(text)}. It counts for all hosts.`)
  }
}

/** Lists what keys show for URLs that begin with a path. */
function listShown (path: string, { ignoreTrailingSlash }: RouterOptions): string[] {
  // The router reads a URL with a slash at its end as one without.
  const ends = ignoreTrailingSlash && path.endsWith('/') ? listPathEnds(path.slice(0, -1)) : []
  return [showPath(path), ...ends]
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
