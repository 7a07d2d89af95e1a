import { type Cache, isMiss } from '../../cache/index.ts'
import { findKeys } from './invalidate.ts'
import type { RouteCacheConfig } from '../options.ts'
import { readContent } from '../stored-response.ts'
import type { CachedRoutes } from '../cached-routes.ts'
import { allVariantKeys, isVariants } from '../key/variants.ts'

/** What is to be purged. */
export type Purge =
  /** The pages of an absolute URL, with the scheme and the host that clients use. */
  | { readonly url: string }
  /** The pages of a route, by its pattern, e.g. `/products/:id`. */
  | { readonly route: string }
  /** What carries a tag, be it a page or not. */
  | { readonly tag: string }
  /** Everything in the cache. */
  | { readonly all: true }

/**
 * Deletes what is kept, for good: it is not answered in place of a failure either, and loads under way are not kept. Answers
 * how many entries there were. Rejects where the store fails, and with a TypeError for a URL or a route that is none.
 */
export async function purge (cache: Cache, plans: CachedRoutes, what: Purge): Promise<number> {
  const { all, tag, route, url } = (what ?? {}) as { all?: unknown, tag?: string, route?: string, url?: string }
  if (all === true) return await sweep(cache, '')
  if (typeof tag === 'string') return await cache.deleteMatching({ tags: [tag] })
  if (typeof route === 'string') return await sum(plansOf(plans, route).map(({ keyPrefix }) => sweep(cache, keyPrefix)))
  if (typeof url === 'string') return await sum(findKeys(plans, targetOf(url)).map((key) => purgeUnder(cache, key)))
  throw new TypeError('what is to be purged must be one of { url }, { route }, { tag } and { all: true }')
}

function plansOf (plans: CachedRoutes, pattern: string): readonly RouteCacheConfig[] {
  const found = plans.withPattern(pattern)
  if (found.length === 0) throw new TypeError(`route must be the pattern of a route whose pages are kept, got ${JSON.stringify(pattern)}`)
  return found
}

function targetOf (text: string) {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new TypeError(`url must be an absolute http or https URL, got ${JSON.stringify(text)}`)
  return { protocol: url.protocol.slice(0, -1), host: url.host, url: url.pathname + url.search }
}

/** Deletes all pages under the key of a URL. */
async function purgeUnder (cache: Cache, key: string): Promise<number> {
  const found = await cache.lookup(key)
  const entry = isMiss(found) ? found.seen : found
  const content = entry && readContent(entry)
  // First what says where to look, so that no page is found while the others go.
  const deleted = await cache.delete(key)
  return content !== undefined && isVariants(content) ? await cache.deleteMany(allVariantKeys(key, content)) : Number(deleted)
}

async function sweep (cache: Cache, prefix: string): Promise<number> {
  return await cache.deleteMatching({ prefix })
}

async function sum (counts: Array<Promise<number>>): Promise<number> {
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
