import { inspect } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { type CacheAdapter, checkNames, type Entry, type TagState } from '../../cache/index.ts'
import { ExplainError } from '../errors.ts'
import { formatCacheStatus } from '../http/cache-status.ts'
import { describeKey } from '../key/key.ts'
import { describeReadRefusal } from '../key/read-refusals.ts'
import { CUSTOM_KEY } from '../key/variants.ts'
import type { LookupResult } from '../request/lookup.ts'
import { type ExplainedDecision, type ExplainRequest, runAs } from '../self-request.ts'
import { headersAt, type PreparedPage, readMatchingPage } from '../stored-response.ts'
import { readUrl } from './read-url.ts'
import { describeRule } from './rule-texts.ts'

/** The request to explain. */
export interface ExplainQuestion {
  /** Absolute, or a path with a query; then the header `host` completes it. */
  readonly url: string
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD'
  /** Headers of the request, by their names in lower case. Default none. */
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/** The parts of a URL in a key, in a normal form. */
export interface KeyParts {
  readonly protocol: string
  readonly host: string
  readonly path: string
  /** Each parameter with its value, null for one without "=". */
  readonly query: ReadonlyArray<readonly [name: string, value: string | null]>
  /** The URL that was requested, if the application has rewritten it. */
  readonly originalUrl?: string
  /** The parameters of the path, if the application ignores the case of the rest. */
  readonly params?: ReadonlyArray<string | undefined>
}

/** What a request would get, and why. It contains no body, and of request headers only those of the question. */
export interface Explanation {
  /** The request that was explained; its URL is absolute. */
  readonly request: { readonly method: string, readonly url: string }
  /** The pattern of the route. */
  readonly route?: string
  /** The key under which its response is stored; absent if no cached route matches. */
  readonly key?: {
    /** The key in the store. */
    readonly name: string
    /** The parts of the URL in it. */
    readonly parts: KeyParts
    /** The result of the route's option `key`. */
    readonly added: string | null
    /** The request headers by which responses of this URL vary, with their values in this request; null: absent. */
    readonly varies: Readonly<Record<string, string | null>>
  }
  /** Absent if no response is stored for such a request. */
  readonly page?: ExplainedPage
  /** What the cache would do. */
  readonly outcome: {
    /** The beginning of `Cache-Status`; absent if the request would not reach the cache. */
    readonly cacheStatus?: string
    /** Whether the handler of the route would run. */
    readonly runsHandler: boolean
    /** The rule that decides, in a sentence. */
    readonly rule: string
  }
}

/** A stored response. Times are in seconds. */
export interface ExplainedPage extends ExplainedEntry {
  /** The status code, e.g. 200. */
  readonly status: number
  /** Its `ETag`. */
  readonly etag: string
  /** Length of the body in bytes. */
  readonly bodyBytes: number
  /** Seconds until it expires; less than zero if it has expired. */
  readonly ttl: number
  /** Seconds after that in which it is served stale while it is revalidated. */
  readonly staleWhileRevalidate: number
  /** Seconds after that in which it is served stale if the handler fails. */
  readonly staleIfError: number
}

/** A cache entry. Times are in seconds. */
export interface ExplainedEntry {
  /** When it was stored, in ISO 8601. */
  readonly storedAt: string
  /** Seconds since then. */
  readonly age: number
  /** Bytes of its stored form. */
  readonly bytes: number
  /** Seconds that it took to produce. */
  readonly loadTook: number
  /** Its tags and whether they have changed, at most a hundred. */
  readonly tags: readonly TagState[]
  /** The number of all its tags. */
  readonly tagCount: number
  /** The version clock from before its load; empty without tags. */
  readonly stamp: string
}

const NAMES = new Set<string>(['url', 'method', 'headers'] satisfies Array<keyof ExplainQuestion>)

/** Milliseconds that the hooks before the lookup may take. */
const TIMEOUT_MS = 5_000

/**
 * Explains what a request would get now, and why.
 *
 * The request is made and passes the hooks of its route if that is cached, but no handler runs, and the cache counts
 * and changes nothing. Rejects with an `ExplainError` for an invalid question.
 *
 * @param now milliseconds since 1970
 * @internal
 */
export async function explainPage (
  app: FastifyInstance, now: () => number, question: ExplainQuestion
): Promise<Explanation> {
  const { url, isAbsolute, method, headers } = readQuestion(question)
  const path = url.pathname + url.search
  const withoutLookup = (runsHandler: boolean, rule: string): Explanation =>
    ({ request: { method, url: path }, outcome: { runsHandler, rule } })

  let explanation: Explanation | undefined
  const explainRequest: ExplainRequest = {
    encrypted: url.protocol === 'https:',
    onUncached () { explanation = withoutLookup(true, 'No route with a page cache answers to this URL.') },
    async onDecision (explained) { explanation = await explainDecision(explained, method, now()) }
  }
  // Rejects if a hook takes too long, or destroys the connection.
  const response = await runAs({ explainRequest }, () => app.inject({
    method,
    url: path,
    headers: { ...headers, ...isAbsolute && { host: url.host } },
    signal: AbortSignal.timeout(TIMEOUT_MS)
  })).catch(() => undefined)
  return explanation ?? withoutLookup(false, describeNoLookup(response?.statusCode, url.pathname))
}

/** @param status undefined: there was no response */
function describeNoLookup (status: number | undefined, path: string): string {
  if (status === undefined) {
    return `The hooks of the route do not answer within ${TIMEOUT_MS / 1000} s, so there is no lookup.`
  }
  if (status === 400 && !isDecodable(path)) {
    return 'The path of the URL is malformed, so the router answers with status 400.'
  }
  return `A hook, or Fastify itself, answers with status ${status} before the lookup.`
}

function isDecodable (path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/** A valid question. */
interface Question extends Required<Pick<ExplainQuestion, 'method' | 'headers'>> {
  readonly url: URL
  readonly isAbsolute: boolean
}

function readQuestion (question: unknown): Question {
  if (!isObject(question)) {
    throw new ExplainError(`explain() expects { url, method, headers }, but got ${inspect(question)}.`)
  }
  checkNames('explain()', question, NAMES, ExplainError)
  const { url: text, method = 'GET', headers = {} } = question as Partial<ExplainQuestion>
  const read = readUrl(text)
  if (read === undefined) {
    throw new ExplainError('The URL to explain must be a path that begins with /, or an absolute http or https URL, ' +
      `but is ${JSON.stringify(text)}.`)
  }
  if (method !== 'GET' && method !== 'HEAD') {
    throw new ExplainError(`The method to explain must be GET or HEAD, but is ${inspect(method)}.`)
  }
  if (!isObject(headers)) {
    throw new ExplainError(`The headers to explain must be an object, but are ${inspect(headers)}.`)
  }
  return { url: read.url, isAbsolute: !read.isPath, method, headers }
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

async function explainDecision (
  { cache, route, target, customKey, found, decision, unkeyedRead }: ExplainedDecision, method: string, now: number
): Promise<Explanation> {
  const { varyNames, varyValues } = found.location.varyMatch
  const page = findPage(found)
  const explained = page && await explainStored(cache, page, now)
  const { act, status } = decision
  return {
    request: { method, url: target.url },
    route: route.url,
    key: {
      name: found.location.key,
      parts: describeKey(target, route),
      added: customKey,
      varies: Object.fromEntries(varyNames.flatMap((name, i) => name === CUSTOM_KEY ? [] : [[name, varyValues[i]!]]))
    },
    ...explained && { page: explained },
    outcome: {
      cacheStatus: formatCacheStatus(status, status.hit ? explained?.ttl : undefined),
      runsHandler: act !== 'hit' && act !== 'gateway-timeout',
      rule: [describeRule(status, explained, varyNames), act === 'fetch' && describeReadRefusal(unkeyedRead)]
        .filter((text) => typeof text === 'string').join(' ')
    }
  }
}

/** Describes any entry. */
export async function explainEntry (cache: CacheAdapter, entry: Entry, now: number): Promise<ExplainedEntry> {
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

async function explainStored (cache: CacheAdapter, page: PreparedPage, now: number): Promise<ExplainedPage> {
  const { status, etag, body, staleWhileRevalidate, staleIfError, entry } = page
  const { age, ttl } = headersAt(page, now)
  const explained = await explainEntry(cache, entry, now)
  return { status, etag, bodyBytes: body.length, ...explained, age, ttl, staleWhileRevalidate, staleIfError }
}

/** Returns the response that was found, even if it may not be served. */
function findPage (found: LookupResult): PreparedPage | undefined {
  if ('page' in found) return found.page
  const { seen } = found.miss
  return seen && readMatchingPage(seen, found.location.varyMatch)
}
