import { type CacheAdapter, isMiss, type Lookup } from '../cache/index.ts'
import {
  type ExplainedEntry, type ExplainedPage, explainEntry, type Explanation, type ExplainQuestion
} from '../page-cache/index.ts'
import { ExplainError } from './errors.ts'

/** A question about a request (a URL, its method and headers) or about a key, as the query of a URL has it. */
export interface ExplainQuery {
  /** A path of the application, or of the Host among the headers; or an http or https URL. */
  readonly url: string
  /** A key of the low-level cache, instead of a URL. */
  readonly key: string
  readonly method: string | undefined
  /** Headers of the request, each as "Name: value". */
  readonly header: readonly string[]
}

/** The explanation of a request or of a key. It contains no bodies and no values. */
export interface Explained {
  readonly request?: Explanation['request']
  readonly route?: string
  readonly key?: { readonly name: string } & Partial<NonNullable<Explanation['key']>>
  readonly page?: ExplainedPage
  /** The entry that is stored under the key. Its `ttl` is the seconds left; null: it does not expire. */
  readonly entry?: ExplainedEntry & { readonly ttl: number | null }
  readonly outcome: { readonly rule: string } & Partial<Explanation['outcome']>
}

const NAMES: ReadonlySet<string> = new Set<keyof ExplainQuery>(['url', 'key', 'method', 'header'])
const MAX_HEADERS = 20
const MAX_LENGTH = 2_000

/** Reads the query of a URL. Throws an `ExplainError` if it is not valid. */
export function parseExplainQuery (search: string): ExplainQuery {
  const params = new URLSearchParams(search)
  for (const [name, value] of params) {
    if (!NAMES.has(name)) throw new ExplainError(`There is no parameter ${JSON.stringify(name)}.`)
    if (value.length > MAX_LENGTH) {
      throw new ExplainError(`The parameter ${name} must have at most ${MAX_LENGTH} characters.`)
    }
    if (name !== 'header' && params.getAll(name).length > 1) {
      throw new ExplainError(`The parameter ${name} must be given once.`)
    }
  }
  const header = params.getAll('header')
  if (header.length > MAX_HEADERS) throw new ExplainError(`There must be at most ${MAX_HEADERS} header parameters.`)
  const read = (name: keyof ExplainQuery) => params.get(name) ?? undefined
  return { url: read('url') ?? '', key: read('key') ?? '', method: read('method'), header }
}

/** Reads the query of the form, which has all headers in one field. */
export function parseForm (search: string): ExplainQuery {
  const { header, ...query } = parseExplainQuery(search)
  const lines = header.flatMap((text) => text.split(/\r?\n/))
  return { ...query, header: lines.filter((line) => line.trim() !== '') }
}

export interface ExplainTools {
  readonly cache: CacheAdapter
  /** The origin of paths, e.g. `https://shop.example`, unless the headers contain a Host. */
  readonly origin: string
  readonly explain: (question: ExplainQuestion) => Promise<Explanation>
}

/** Explains a request or a key. Rejects with an `ExplainError` if the query is not valid. */
export async function explainQuery (
  { url, key, method, header }: ExplainQuery, { cache, origin, explain }: ExplainTools
): Promise<Explained> {
  if (!url === !key) throw new ExplainError('Give either `url` or `key`.')
  if (key && (method !== undefined || header.length > 0)) {
    throw new ExplainError('The parameters `method` and `header` cannot be combined with `key`.')
  }
  if (method !== undefined && method !== 'GET' && method !== 'HEAD') {
    throw new ExplainError('The method must be GET or HEAD.')
  }
  try {
    if (key) return await explainKey(key, cache)
    const headers = parseHeaders(header)
    const path = url.trim()
    const target = path.startsWith('/') && !('host' in headers) ? URL.parse(origin + path)?.href ?? path : url
    return await explain({ url: target, ...method && { method }, headers })
  } catch (error) {
    throw error instanceof TypeError ? new ExplainError(error.message) : error
  }
}

async function explainKey (key: string, cache: CacheAdapter): Promise<Explained> {
  const found = await cache.peek(key)
  const entry = isMiss(found) ? found.seen : found
  const now = cache.now()
  const ttl = (freshUntil: number) => freshUntil === Infinity ? null : (freshUntil - now) / 1000
  return {
    key: { name: key },
    ...entry && { entry: { ...await explainEntry(cache, entry, now), ttl: ttl(entry.freshUntil) } },
    outcome: { rule: explainLookup(found) }
  }
}

const RULES = {
  absent: 'Nothing is stored under this key.',
  expired: 'The entry has expired, so a read loads it again.',
  corrupt: 'The entry cannot be decoded, so a read loads it again.',
  unavailable: 'The store or the version clock is unavailable.'
}

function explainLookup (found: Lookup): string {
  if (!isMiss(found)) return 'The entry is fresh and none of its tags has changed, so a read returns it.'
  if (found.miss !== 'invalidated') return RULES[found.miss]
  return `The tag ${found.changedTag} has changed since it was stored, so a read loads it again.`
}

function parseHeaders (lines: readonly string[]): Record<string, string> {
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    try {
      headers.append(line.slice(0, Math.max(0, colon)), line.slice(colon + 1)) // throws for an empty name
    } catch {
      throw new ExplainError(`The header must be "Name: value" as HTTP allows it, but is ${JSON.stringify(line)}.`)
    }
  }
  return Object.fromEntries(headers)
}
