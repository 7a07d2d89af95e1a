import { type CacheAdapter, isMiss } from '../../cache/index.ts'
import type { CachedRoutes } from '../cached-routes.ts'
import { PurgeError } from '../errors.ts'
import type { RequestTarget } from '../key/key.ts'
import { allVariantKeys, isVariants } from '../key/variants.ts'
import type { RouteCacheConfig } from '../options.ts'
import { readContent } from '../stored-response.ts'
import { findKeys } from './invalidate.ts'

/** What to purge. */
export type Purge =
  /** The responses of an absolute URL, with the scheme and the host that clients use. */
  | { readonly url: string }
  /** The responses of a route, by its pattern, e.g. `/products/:id`. */
  | { readonly route: string }
  /** All entries with a tag, responses or not. */
  | { readonly tag: string }
  /** Everything in the cache. */
  | { readonly all: true }

/**
 * Deletes stored responses, and returns how many entries there were.
 *
 * They are not served stale either, and loads in flight are not stored. Rejects if the store fails, and with a
 * TypeError for an invalid URL or an unknown route.
 */
export async function purge (cache: CacheAdapter, routes: CachedRoutes, what: Purge): Promise<number> {
  const { all, tag, route, url } = (what ?? {}) as { all?: unknown, tag?: string, route?: string, url?: string }
  if (all === true) return await cache.deleteMatching({ prefix: '' })
  if (typeof tag === 'string') return await cache.deleteMatching({ tags: [tag] })
  if (typeof route === 'string') {
    return await sum(findRoutes(routes, route).map(({ keyPrefix }) => cache.deleteMatching({ prefix: keyPrefix })))
  }
  if (typeof url === 'string') return await sum(findKeys(routes, parseTarget(url)).map((key) => purgeKey(cache, key)))
  throw new PurgeError('purge() expects exactly one of { url }, { route }, { tag } or { all: true }.')
}

function findRoutes (routes: CachedRoutes, pattern: string): readonly RouteCacheConfig[] {
  const found = routes.withPattern(pattern)
  if (found.length === 0) {
    throw new PurgeError('The route to purge must be the pattern of a route with a page cache, ' +
      `but is ${JSON.stringify(pattern)}.`)
  }
  return found
}

function parseTarget (text: string): RequestTarget {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new PurgeError(`The URL to purge must be an absolute http or https URL, but is ${JSON.stringify(text)}.`)
  }
  return { protocol: url.protocol.slice(0, -1), host: url.host, url: url.pathname + url.search }
}

/** Deletes all responses under the primary key of a URL. */
async function purgeKey (cache: CacheAdapter, key: string): Promise<number> {
  const found = await cache.lookup(key)
  const entry = isMiss(found) ? found.seen : found
  const content = entry && readContent(entry)
  // The index of variants goes first, so that no lookup finds one of them meanwhile.
  const deleted = await cache.delete(key)
  if (content === undefined || !isVariants(content)) return Number(deleted)
  return await cache.deleteMany(allVariantKeys(key, content))
}

async function sum (counts: Array<Promise<number>>): Promise<number> {
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
