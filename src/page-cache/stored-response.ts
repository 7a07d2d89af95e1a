import { isAscii } from 'node:buffer'
import { decodeShared, DerivedValues, type Entry } from '../cache/index.ts'
import { type ClientLifetime, formatClientLifetime, resolveClientLifetime } from './client-lifetime.ts'
import { type CacheStatus, formatCacheStatus, HIT, UNTAGGED } from './http/cache-status.ts'
import { isVariants, matchesVary, type VaryMatch, type Variants } from './key/variants.ts'

/** Reply headers, by names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string | number | string[] | undefined>>

/** A whole response as it is stored. */
export interface Page {
  status: number
  /** The text after the status in HTTP/1, if the handler has set another one than usual. */
  statusMessage?: string
  headers: Record<string, string | string[]>
  /** The names of headers that hooks set and the handler has removed; absent if there are none. */
  removed?: string[]
  body: Uint8Array
  /** Empty if there is none. */
  etag: string
  /** Whether the handler itself has set the entity tag, so that it can validate it. */
  ownEtag: boolean
  /** The response's own `Cache-Control`; present if the cache replaces it, see `resolveClientLifetime`. */
  cacheControl?: string
  /** Seconds from its date for which clients may store it, if the response says so beside the `ttl` of the route. */
  clientMaxAge?: number
  /** The option `clientTtl` of the route. */
  clientTtl?: number
  /** Its age in seconds when it was stored: corrected_initial_age, RFC 9111 section 4.2.3. */
  age: number
  /** Seconds for which it may be served stale: while it is revalidated, and in place of a failure. */
  staleWhileRevalidate: number
  staleIfError: number
  /** Whether requests with `Authorization` may get it, RFC 9111 section 3.5. */
  allowsAuthorization: boolean
  /** The values of the request headers by which it varies. */
  varyValues: VaryMatch['varyValues']
  /** Present if it has no tags although there is a version clock, and its route does not say that it needs none. */
  untagged?: true
}

/** How a response may be stored. */
export interface StoragePolicy
  extends Pick<Page, 'age' | 'staleWhileRevalidate' | 'staleIfError' | 'allowsAuthorization'> {
  /** Seconds for which it stays fresh; zero: each request has to validate it. */
  readonly ttl: number
  /** Seconds after that for which it stays in the store. */
  readonly staleFor: number
  /** The request headers that select it, and the key of the route's option `key`. */
  readonly varyNames: readonly string[]
  /** Headers that must not be stored with it. */
  readonly omitted: readonly string[]
  /** See `Page`. */
  readonly clientMaxAge: number | undefined
}

/** A stored response prepared for serving: everything that is the same for all replies is computed once. */
export interface PreparedPage extends Page {
  readonly body: Buffer
  /** The body to send: Node and Fastify send a short text faster as a string, together with the headers. */
  readonly payload: Buffer | string
  /** Its security policies: hooks set others on each reply, which may not fit the body. */
  readonly policies: ReadonlyArray<readonly [name: string, value: string | string[]]>
  /** Undefined if the response's own `Cache-Control` is sent unchanged. */
  readonly clientLifetime: ClientLifetime | undefined
  /** When it was generated, in milliseconds since 1970. */
  readonly date: number
  readonly lastModified: string | undefined
  /** Seconds from its date for which it is fresh; Infinity if it never expires. */
  readonly freshnessLifetime: number
  readonly entry: Entry
  /** Its headers in the last second in which it was requested. */
  atAge: ResponseAtAge | undefined
}

/** A stored response at a certain age. */
export interface ResponseAtAge {
  /** Seconds. */
  readonly age: number
  /** Seconds for which it stays fresh; negative if it is stale. */
  readonly ttl: number
  readonly headers: Record<string, string | string[]>
  /** What `cacheStatus` says. */
  readonly status: CacheStatus
  /** `Cache-Status` of a hit. */
  readonly cacheStatus: string
  /** The head of the last hit that was written directly. */
  head: HitHead | undefined
}

/** The head of a hit, for all replies on which hooks have set the same headers. */
export interface HitHead {
  /** The headers that hooks have set, and how many. */
  readonly fromHooks: Record<string, ReplyHeaders[string]>
  readonly hookCount: number
  /** All headers of the reply. */
  readonly headers: Record<string, ReplyHeaders[string]>
  /** The same as Node takes them: each name is followed by its value. */
  readonly fields: unknown[]
  /** Where the value of `Server-Timing` belongs among the fields. */
  readonly timingIndex: number
}

/**
 * Returns the headers of a stored response at its current age.
 *
 * @param now milliseconds since 1970
 * @param status of a hit
 */
export function headersAt (page: PreparedPage, now: number, status: CacheStatus = HIT): ResponseAtAge {
  const age = currentAge(page, now)
  if (page.atAge?.age === age && page.atAge.status === status) return page.atAge
  const { etag, clientLifetime, freshnessLifetime, untagged } = page
  const ttl = Math.floor(freshnessLifetime) - age
  const headers: ResponseAtAge['headers'] = { ...page.headers, ...etag !== '' && { etag }, age: String(age) }
  if (clientLifetime !== undefined) {
    delete headers.expires // that of the handler, which counts after a 304 only
    Object.assign(headers, formatClientLifetime(clientLifetime, age))
  }
  const cacheStatus = formatCacheStatus(untagged ? { ...UNTAGGED, ...status } : status, ttl)
  page.atAge = { age, ttl, headers, status, cacheStatus, head: undefined }
  return page.atAge
}

/** The current_age of RFC 9111 section 4.2.3, in whole seconds. */
function currentAge ({ date }: PreparedPage, now: number): number {
  return Math.max(0, Math.floor((now - date) / 1000))
}

/** Whether a stored response may be served in place of a failure, RFC 5861 section 4. */
export function mayServeStaleIfError ({ entry, staleIfError }: PreparedPage, now: number): boolean {
  return now < entry.freshUntil + staleIfError * 1000
}

/** The longest body in bytes that is converted to a string once. */
const LONGEST_STRING = 64 * 1024

/** The decoded content of entries. Decoding and preparing a response takes longer than the rest of a hit. */
const contents = new DerivedValues<PreparedPage | Variants>('content')

/** What a prepared response takes beside its body, with the headers and the head of a hit, as measured on Node 24. */
const PREPARED_BYTES = 1_800

/** Returns the response or the index of variants in an entry; undefined if the entry holds neither. */
export function readContent (entry: Entry): PreparedPage | Variants | undefined {
  const memoized = contents.get(entry)
  if (memoized !== undefined) return memoized
  let value: unknown
  try {
    value = decodeShared(entry.payload)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const content = isVariants(value) ? value : preparePage(value as Page, entry)
  if (content !== undefined) contents.set(entry, content, measureContent(content, entry))
  return content
}

/** Returns the bytes that the content of an entry takes beside the entry: its body is a view of the entry. */
function measureContent (content: PreparedPage | Variants, { payload }: Entry): number {
  if (isVariants(content)) return 4 * payload.length
  const { body } = content
  const text = typeof content.payload === 'string' ? content.payload.length : 0
  return PREPARED_BYTES + text + 2 * (payload.length - body.length)
}

/** Returns the response in an entry; undefined if the entry holds none. */
export function readPage (entry: Entry): PreparedPage | undefined {
  const content = readContent(entry)
  return content === undefined || isVariants(content) ? undefined : content
}

/** Returns the response in an entry if these header values select it: one of other values may share its key. */
export function readMatchingPage (entry: Entry, varyMatch: VaryMatch): PreparedPage | undefined {
  const page = readPage(entry)
  return page !== undefined && matchesVary(page, varyMatch) ? page : undefined
}

/** Returns the security policies among the headers of a response. */
export function selectPolicies (headers: Page['headers']): PreparedPage['policies'] {
  return Object.entries(headers).filter(([name]) => name.startsWith('content-security-policy'))
}

function preparePage (page: Page, entry: Entry): PreparedPage | undefined {
  const { headers, body, etag, varyValues, cacheControl } = page
  const isBroken = !(body instanceof Uint8Array) || typeof headers !== 'object' || typeof etag !== 'string'
  if (isBroken || !Array.isArray(varyValues)) return undefined
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const date = entry.storedAt - page.age * 1000
  const freshnessLifetime = page.age + (entry.freshUntil - entry.storedAt) / 1000
  return {
    ...page,
    body: bytes,
    payload: bytes.length <= LONGEST_STRING && isAscii(bytes) ? bytes.toString('latin1') : bytes,
    policies: selectPolicies(headers),
    clientLifetime: cacheControl === undefined
      ? undefined
      : resolveClientLifetime({ ...page, cacheControl, freshnessLifetime, date, hasTags: entry.tags.length > 0 }),
    date,
    lastModified: headers['last-modified'] as string | undefined,
    freshnessLifetime,
    entry,
    atAge: undefined
  }
}
