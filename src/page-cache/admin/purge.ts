import { type CacheAdapter, checkNames, isMiss } from '../../cache/index.ts'
import type { CachedRoutes } from '../cached-routes.ts'
import { PurgeError } from '../errors.ts'
import { computeKeyPrefix } from '../key/key.ts'
import { allVariantKeys, isVariants } from '../key/variants.ts'
import { readContent } from '../stored-response.ts'
import { findKeys, findTargets } from './invalidate.ts'
import { readUrl } from './read-url.ts'
import { findKeyPrefixes } from './url-prefix.ts'

/** What to purge: exactly one of these. */
export type Purge =
  /** The responses of an absolute URL, with the scheme and the host that clients use; of a path, on all hosts. */
  | { readonly url: string, urlPrefix?: never, route?: never, tag?: never, tags?: never, all?: never }
  /** The responses of all URLs that begin with a path, on all hosts. */
  | { readonly urlPrefix: string, url?: never, route?: never, tag?: never, tags?: never, all?: never }
  /** The responses of a route, by its pattern, e.g. `/products/:id`. */
  | { readonly route: string, url?: never, urlPrefix?: never, tag?: never, tags?: never, all?: never }
  /** All entries with a tag, responses or not. */
  | { readonly tag: string, url?: never, urlPrefix?: never, route?: never, tags?: never, all?: never }
  /** All entries that have one of the tags. */
  | { readonly tags: readonly string[], url?: never, urlPrefix?: never, route?: never, tag?: never, all?: never }
  /** Everything in the cache. */
  | { readonly all: true, url?: never, urlPrefix?: never, route?: never, tag?: never, tags?: never }

/** An absolute URL that clients can write in one way only. */
const PLAIN_URL = /^https?:\/\/[^/?#]+[\w.~/-]*(\?(?!.*=[^&]*=)[\w.~=&-]*)?$/i

const KINDS = new Set(['url', 'urlPrefix', 'route', 'tag', 'tags', 'all'])

/**
 * Deletes stored responses, and returns how many entries there were.
 *
 * They are not served stale either, and loads in flight are not stored. Rejects if the store fails, and with a
 * `PurgeError` for an invalid URL or an unknown route.
 *
 * @internal
 */
export async function purge (cache: CacheAdapter, routes: CachedRoutes, what: Purge): Promise<number> {
  const [kind, value] = readPurge(what)
  switch (kind) {
    case 'all': return await cache.deleteMatching({ prefix: '' })
    case 'tag': return await cache.deleteMatching({ tags: [value as string] })
    case 'tags': return await cache.deleteMatching({ tags: value as string[] })
    case 'route': return await deletePrefixes(cache, findRoutes(routes, value as string))
    case 'urlPrefix': return await deletePrefixes(cache, findKeyPrefixes(routes, value as string))
    default: return await purgeUrl(cache, routes, value as string)
  }
}

/** Returns the one thing to purge. */
function readPurge (what: unknown): [kind: string, value: unknown] {
  const isObject = typeof what === 'object' && what !== null
  if (isObject) checkNames('purge()', what, KINDS, PurgeError)
  const [given, ...more] = isObject ? Object.entries(what).filter(([, value]) => value !== undefined) : []
  if (given !== undefined && more.length === 0 && isValid(...given)) return given
  throw new PurgeError('purge() expects exactly one of ' +
    '{ url }, { urlPrefix }, { route }, { tag }, { tags } or { all: true }.')
}

function isValid (kind: string, value: unknown): boolean {
  if (kind === 'all') return value === true
  return kind === 'tags' ? Array.isArray(value) : typeof value === 'string'
}

function findRoutes (routes: CachedRoutes, pattern: string): string[] {
  const found = routes.withPattern(pattern)
  if (found.length === 0) {
    throw new PurgeError('The route to purge must be the pattern of a route with a page cache, ' +
      `but is ${JSON.stringify(pattern)}.`)
  }
  return found.map(({ keyPrefix }) => keyPrefix)
}

/**
 * Purges a URL: by its keys, if they are known; else by what its keys on all hosts begin with.
 *
 * The keys of an absolute URL are not known if clients may encode its characters in several ways, or if the application
 * may have made it from another URL.
 */
async function purgeUrl (cache: CacheAdapter, routes: CachedRoutes, written: string): Promise<number> {
  const read = readUrl(written)
  if (read === undefined) {
    throw new PurgeError('The URL to purge must be a path that begins with /, or an absolute http or https URL, ' +
      `but is ${JSON.stringify(written)}.`)
  }
  const { text, url } = read
  const origin = { protocol: url.protocol.slice(0, -1), host: url.host }
  // As it is written, which is how a client may send it, and as browsers send it.
  const targets = [text, url.pathname + url.search].map((url) => ({ ...origin, url }))
  if (PLAIN_URL.test(text) && !routes.rewritesUrls) {
    const keys = new Set(targets.flatMap((target) => findKeys(routes, target)))
    return sum(await Promise.all(Array.from(keys, (key) => purgeKey(cache, key))))
  }
  return await deletePrefixes(cache, targets.flatMap((target) => findTargets(routes, target))
    .map(({ route, target }) => computeKeyPrefix(target, route)))
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

/** Deletes the entries whose keys begin with one of these, in one scan of the cache. */
async function deletePrefixes (cache: CacheAdapter, prefixes: readonly string[]): Promise<number> {
  const unique = [...new Set(prefixes)]
  if (unique.length === 0) return 0
  const prefix = unique.reduce(findCommonBeginning)
  return await cache.deleteMatching({ prefix, ...unique.length > 1 && { prefixes: unique } })
}

function findCommonBeginning (one: string, other: string): string {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return one.slice(0, length)
}

function sum (counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
