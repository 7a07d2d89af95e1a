import Type, { type Static, type TSchema } from 'typebox'
import { type CacheAdapter, isMiss, type Lookup } from '../../cache/index.ts'
import { ExplainError } from '../../errors.ts'
import { type ExplainedEntry, explainEntry, type Explanation, type ExplainQuestion } from '../../page-cache/index.ts'

const MAX_HEADERS = 20

const describe = (description: string, options = {}) => ({ description, ...options })

/** A request to explain (a URL, its method and headers), or a key. */
export const ExplainQuerySchema = Type.Object({
  url: Type.Optional(Type.String(describe(
    'A path of this service, or of the Host among the headers; or an http or https URL', { maxLength: 2_000 }))),
  key: Type.Optional(Type.String(describe('A key of the low-level cache, instead of a URL', { maxLength: 1_024 }))),
  method: Type.Optional(Type.Union([Type.Literal('GET'), Type.Literal('HEAD')], describe('Default GET'))),
  header: Type.Optional(Type.Array(Type.String({ maxLength: 1_000 }),
    describe('A header of the request, as "Name: value"', { maxItems: MAX_HEADERS })))
}, { additionalProperties: false })

export type ExplainQuery = Static<typeof ExplainQuerySchema>

const Nullable = <T extends TSchema>(type: T) => Type.Union([type, Type.Null()])

const entry = {
  storedAt: Type.String(describe('ISO 8601')),
  age: Type.Number(describe('Seconds since it was produced')),
  bytes: Type.Integer(describe('Bytes as stored')),
  loadTook: Type.Number(describe('Seconds')),
  tags: Type.Array(Type.Object({
    tag: Type.String(),
    version: Type.Optional(Type.String(describe('Differs after each change of the tag'))),
    changed: Type.Optional(Type.Boolean(describe('Whether the tag has changed since the entry was produced')))
  }), describe('The first hundred')),
  tagCount: Type.Integer(),
  stamp: Type.String(describe('The version clock when it was produced')),
  ttl: Nullable(Type.Number(describe('Seconds left, negative if it has expired; null: it does not expire')))
}

/** The explanation. It contains no bodies and no values. */
export const ExplanationSchema = Type.Object({
  request: Type.Optional(Type.Object({ method: Type.String(), url: Type.String() })),
  route: Type.Optional(Type.String(describe('The pattern of the route'))),
  key: Type.Optional(Type.Object({
    name: Type.String(),
    parts: Type.Optional(Type.Object({
      protocol: Type.String(),
      host: Type.String(),
      path: Type.String(),
      query: Type.Array(Type.Array(Nullable(Type.String())), describe('Parameters with values, null without "="')),
      originalUrl: Type.Optional(Type.String(describe('The requested URL, if the application has rewritten it')))
    })),
    added: Type.Optional(Nullable(Type.String(describe('The result of the route option `key`')))),
    varies: Type.Optional(Type.Record(Type.String(), Nullable(Type.String()),
      describe('The request headers by which pages of this URL vary')))
  })),
  page: Type.Optional(Type.Object({
    status: Type.Integer(),
    etag: Type.String(),
    bodyBytes: Type.Integer(),
    ...entry,
    staleWhileRevalidate: Type.Number(),
    staleIfError: Type.Number()
  }, describe('The page that is stored for such a request'))),
  entry: Type.Optional(Type.Object(entry, describe('The entry that is stored under the key'))),
  outcome: Type.Object({
    cacheStatus: Type.Optional(Type.String(describe('The beginning of Cache-Status'))),
    runsHandler: Type.Optional(Type.Boolean()),
    rule: Type.String(describe('The rule that decides, as a sentence'))
  })
})

/** The explanation of an entry of the low-level cache. */
export interface KeyExplanation {
  readonly key: { readonly name: string }
  readonly entry?: ExplainedEntry & { readonly ttl: number | null }
  readonly outcome: { readonly rule: string }
}

export type Explained = Explanation | KeyExplanation

export interface ExplainDeps {
  cache: CacheAdapter
  /** Milliseconds since 1970. */
  now: () => number
  /** The origin of paths, e.g. `https://shop.example`, unless the headers contain a Host. */
  origin: string
  explainPage: (question: ExplainQuestion) => Promise<Explanation>
}

/** Explains a request or a key. Rejects with an `ExplainError` if the query is not valid. */
export async function explain (
  { url, key, method, header = [] }: ExplainQuery, { cache, now, origin, explainPage }: ExplainDeps
): Promise<Explained> {
  if (!url === !key) throw new ExplainError('Give either `url` or `key`.')
  if (key && (method !== undefined || header.length > 0)) {
    throw new ExplainError('`method` and `header` cannot be combined with `key`.')
  }
  try {
    if (key) return await explainKey(key, cache, now)
    const headers = parseHeaders(header)
    const target = 'host' in headers ? url! : URL.parse(url!, origin)?.href ?? url!
    return await explainPage({ url: target, ...method && { method }, headers })
  } catch (error) {
    throw error instanceof TypeError ? new ExplainError(error.message) : error
  }
}

async function explainKey (key: string, cache: CacheAdapter, now: () => number): Promise<KeyExplanation> {
  const found = await cache.peek(key)
  const entry = isMiss(found) ? found.seen : found
  const ttl = (freshUntil: number) => freshUntil === Infinity ? null : (freshUntil - now()) / 1000
  return {
    key: { name: key },
    ...entry && { entry: { ...await explainEntry(cache, entry, now()), ttl: ttl(entry.freshUntil) } },
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
      throw new ExplainError(`header must be "Name: value" as HTTP allows it, got ${JSON.stringify(line)}.`)
    }
  }
  return Object.fromEntries(headers)
}
