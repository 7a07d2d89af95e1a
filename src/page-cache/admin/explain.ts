import type { FastifyRequest } from 'fastify'
import type { Cache, Entry, TagState } from '../../cache/index.ts'
import { formatCacheStatus } from '../http/cache-status.ts'
import type { Decision } from '../request/decision.ts'
import type { LookupResult } from '../request/lookup.ts'
import { describeKey } from '../key/key.ts'
import { headersAt, type PreparedPage, readMatchingPage } from '../stored-response.ts'
import { describeRule } from './rule-texts.ts'
import { CUSTOM_KEY } from '../key/variants.ts'

/** What a request would get, and why. It shows no body, and of request headers only what was asked with. */
export interface Explanation {
  readonly request: { readonly method: string, readonly url: string }
  /** The pattern of the route. */
  readonly route?: string
  readonly key?: {
    readonly name: string
    /** What of the URL is in it; each parameter with its value, null where it has no "=". */
    readonly parts: ReturnType<typeof describeKey>
    /** What the option `key` of the route adds. */
    readonly added: string | null
    /** The request headers by which pages of this URL vary, with what this request says in them; null: nothing. */
    readonly varies: Readonly<Record<string, string | null>>
  }
  /** Absent where nothing is stored for such a request. */
  readonly page?: ExplainedPage
  readonly outcome: {
    /** As `Cache-Status` would begin; absent where the cache would not be asked. */
    readonly cacheStatus?: string
    readonly runsHandler: boolean
    /** The rule that decides, in a sentence. */
    readonly rule: string
  }
}

/** Times are in seconds. */
export interface ExplainedPage extends ExplainedEntry {
  readonly status: number
  readonly etag: string
  readonly bodyBytes: number
  /** Less than zero where its life is over. */
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

/** Times are in seconds. */
export interface ExplainedEntry {
  /** ISO 8601. */
  readonly storedAt: string
  readonly age: number
  /** As it is kept. */
  readonly bytes: number
  readonly loadTook: number
  readonly tags: readonly TagState[]
  readonly tagCount: number
  /** The version clock when it was made; empty where it has no tags. */
  readonly stamp: string
}

interface Looked {
  request: FastifyRequest
  cache: Cache
  found: LookupResult
  decision: Decision
  /** Milliseconds since 1970. */
  now: number
}

export async function explainDecision ({ request, cache, found, decision, now }: Looked): Promise<Explanation> {
  const { route, target, customKey } = request.pageCache!
  const { location } = found
  const page = pageIn(found)
  const { varyNames, varyValues } = location.varyMatch
  const explained = page && await explainPageEntry(cache, page, now)
  const { status } = decision
  return {
    request: { method: request.method, url: target.url },
    route: route.url,
    key: {
      name: location.key,
      parts: describeKey(target, route),
      added: customKey,
      varies: Object.fromEntries(varyNames.flatMap((name, i) => name === CUSTOM_KEY ? [] : [[name, varyValues[i]!]]))
    },
    ...explained && { page: explained },
    outcome: {
      cacheStatus: formatCacheStatus(status, status.hit ? explained?.ttl : undefined),
      runsHandler: decision.act !== 'serve' && decision.act !== 'refuse',
      rule: describeRule(status, explained, varyNames)
    }
  }
}

/** What is known of any entry. */
export async function explainEntry (cache: Cache, entry: Entry, now: number): Promise<ExplainedEntry> {
  const { storedAt, payload, loadMs = 0, tags, stamp } = entry
  return {
    storedAt: new Date(storedAt).toISOString(),
    age: Math.max(0, (now - storedAt) / 1000),
    bytes: payload.length,
    loadTook: loadMs / 1000,
    tags: await cache.tagStates(entry),
    tagCount: tags.length,
    stamp
  }
}

async function explainPageEntry (cache: Cache, page: PreparedPage, now: number): Promise<ExplainedPage> {
  const { status, etag, body, staleWhileRevalidate, staleIfError } = page
  const { age, ttl } = headersAt(page, now)
  return { status, etag, bodyBytes: body.length, ...await explainEntry(cache, page.entry, now), age, ttl, staleWhileRevalidate, staleIfError }
}

/** The page that was found, also one that may not be used. */
function pageIn (found: LookupResult): PreparedPage | undefined {
  if ('page' in found) return found.page
  const { seen } = found.miss
  return seen && readMatchingPage(seen, found.location.varyMatch)
}
