import Type, { type Static, type TSchema } from 'typebox'
import { type Cache, isMiss } from '../../cache/index.ts'
import { ExplainError } from '../../errors.ts'
import { type ExplainedEntry, explainEntry, type Explanation, type Question } from '../../page-cache/index.ts'

const MAX_HEADERS = 20

/** What somebody asks of the caches: a URL and what to ask for it with, or a key. */
export const ExplainQuerySchema = Type.Object({
  url: Type.Optional(Type.String({ maxLength: 2_000, description: 'A path of this service or of the Host among the headers, or an http or https URL' })),
  key: Type.Optional(Type.String({ maxLength: 1_024, description: 'The key of an entry of the low-level cache, in place of a URL' })),
  method: Type.Optional(Type.Union([Type.Literal('GET'), Type.Literal('HEAD')], { description: 'Default GET' })),
  header: Type.Optional(Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: MAX_HEADERS, description: 'A request header to ask with, as "Name: value"' }))
}, { additionalProperties: false })

export type ExplainQuery = Static<typeof ExplainQuerySchema>

const Nullable = <T extends TSchema>(type: T) => Type.Union([type, Type.Null()])

const entry = {
  storedAt: Type.String({ description: 'ISO 8601' }),
  age: Type.Number({ description: 'Seconds since it was made' }),
  bytes: Type.Integer({ description: 'As it is kept' }),
  loadTook: Type.Number({ description: 'Seconds' }),
  tags: Type.Array(Type.Object({
    tag: Type.String(),
    version: Type.Optional(Type.String({ description: 'Another one after each move' })),
    changed: Type.Optional(Type.Boolean({ description: 'Whether it has moved since the entry was made' }))
  }), { description: 'The first hundred' }),
  tagCount: Type.Integer(),
  stamp: Type.String({ description: 'The version clock when it was made' }),
  ttl: Nullable(Type.Number({ description: 'Seconds left, less than zero where its life is over; null: it does not expire' }))
}

/** What the caches know of it. Bodies and values are not among it. */
export const ExplanationSchema = Type.Object({
  request: Type.Optional(Type.Object({ method: Type.String(), url: Type.String() })),
  route: Type.Optional(Type.String({ description: 'The pattern of the route' })),
  key: Type.Optional(Type.Object({
    name: Type.String(),
    parts: Type.Optional(Type.Object({
      protocol: Type.String(),
      host: Type.String(),
      path: Type.String(),
      query: Type.Array(Type.Array(Nullable(Type.String())), { description: 'Each parameter with its value, null where it has no "="' }),
      originalUrl: Type.Optional(Type.String({ description: 'As the client asked, where the application has rewritten it' }))
    })),
    added: Type.Optional(Nullable(Type.String({ description: 'What the route adds' }))),
    varies: Type.Optional(Type.Record(Type.String(), Nullable(Type.String()), { description: 'Request headers by which pages of this URL vary' }))
  })),
  page: Type.Optional(Type.Object({
    status: Type.Integer(),
    etag: Type.String(),
    bodyBytes: Type.Integer(),
    ...entry,
    staleWhileRevalidate: Type.Number(),
    staleIfError: Type.Number()
  }, { description: 'The page that is stored for such a request' })),
  entry: Type.Optional(Type.Object(entry, { description: 'What is stored under the key' })),
  outcome: Type.Object({
    cacheStatus: Type.Optional(Type.String({ description: 'As Cache-Status would begin' })),
    runsHandler: Type.Optional(Type.Boolean()),
    rule: Type.String({ description: 'The rule that decides, in a sentence' })
  })
})

/** What is known of an entry of the low-level cache. */
export interface KeyExplanation {
  readonly key: { readonly name: string }
  readonly entry?: ExplainedEntry & { readonly ttl: number | null }
  readonly outcome: { readonly rule: string }
}

export type Explained = Explanation | KeyExplanation

export interface ExplainDeps {
  cache: Cache
  /** Milliseconds since 1970. */
  now: () => number
  /** Of the request that asks, e.g. `https://shop.example`: a path is of the same, as long as no Host is asked with. */
  origin: string
  explainPage: (question: Question) => Promise<Explanation>
}

/** Answers a question. Rejects with an `ExplainError` where it cannot be understood. */
export async function explain ({ url, key, method, header = [] }: ExplainQuery, { cache, now, origin, explainPage }: ExplainDeps): Promise<Explained> {
  if (!url === !key) throw new ExplainError('Ask for a url or for a key, and for one of them only')
  if (key && (method !== undefined || header.length > 0)) throw new ExplainError('A key is asked for without method and header')
  try {
    if (key) return await explainKey(key, cache, now)
    const headers = headersOf(header)
    const target = 'host' in headers ? url! : URL.parse(url!, origin)?.href ?? url!
    return await explainPage({ url: target, ...method && { method }, headers })
  } catch (error) {
    throw error instanceof TypeError ? new ExplainError(error.message) : error
  }
}

const RULES = {
  absent: 'Nothing is stored under this key.',
  expired: 'Its life is over, so a read loads it anew.',
  invalidated: 'What it was made of has changed since, so a read loads it anew.',
  corrupt: 'What is stored cannot be read, so a read loads it anew.',
  unavailable: 'The store or the version clock does not answer.'
}

async function explainKey (key: string, cache: Cache, now: () => number): Promise<KeyExplanation> {
  const found = await cache.peek(key)
  const entry = isMiss(found) ? found.seen : found
  return {
    key: { name: key },
    ...entry && { entry: { ...await explainEntry(cache, entry, now()), ttl: entry.freshUntil === Infinity ? null : (entry.freshUntil - now()) / 1000 } },
    outcome: { rule: isMiss(found) ? RULES[found.miss] : 'It is fresh, and nothing that it was made of has changed, so a read gets it.' }
  }
}

function headersOf (lines: readonly string[]): Record<string, string> {
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    try {
      headers.append(line.slice(0, Math.max(0, colon)), line.slice(colon + 1)) // an empty name is refused
    } catch {
      throw new ExplainError(`header must be "Name: value" as HTTP allows it, got ${JSON.stringify(line)}`)
    }
  }
  return Object.fromEntries(headers)
}
