import { isAscii } from 'node:buffer'
import { decodeShared, type Entry } from '../cache/index.ts'
import { formatBeforeMaxAge, parseCacheControl } from './http/cache-control.ts'
import { formatCacheStatus, HIT } from './http/cache-status.ts'
import { matchesVary, isVariants, type VaryMatch, type Variants } from './key/variants.ts'

/** The fields of an answer, by names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string | number | string[] | undefined>>

/** A whole response, as it is kept. */
export interface Page {
  status: number
  headers: Record<string, string | string[]>
  body: Uint8Array
  /** Empty where it has none. */
  etag: string
  /** Whether the entity tag is the handler's own, so that it knows what to make of it. */
  ownEtag: boolean
  /** What the response said of its own life; present where the route has a `ttl`, which is then rewritten each time. */
  cacheControl?: string
  /** Seconds from when it was made for which the response lets clients keep it, where it says so beside a `ttl` of the route. */
  clientMaxAge?: number
  /** Seconds that it was old when it was kept, RFC 9111 section 4.2.3. */
  age: number
  /** Seconds after its life for which it is answered at once while it is renewed, and in place of a failure. */
  staleWhileRevalidate: number
  staleIfError: number
  /** Whether it says that it is for all, also for who sends `Authorization`, RFC 9111 section 3.5. */
  allowsAuthorization: boolean
  /** What the request said in the fields by which the page varies. */
  varyValues: VaryMatch['varyValues']
}

/** A page as it is served: what can be made once is made once. */
export interface PreparedPage extends Page {
  readonly body: Buffer
  /** The body as it is sent: Node and Fastify send a short text faster as a string, in one piece with the head. */
  readonly payload: Buffer | string
  /** `Cache-Control` up to the number of its `max-age`; undefined where the response's own is sent as it is. */
  readonly cacheControlPrefix: string | undefined
  readonly expires: string
  /** When it was made, in milliseconds since 1970. */
  readonly date: number
  readonly lastModified: string | undefined
  /** Seconds from when it was made to the end of its life; Infinity when it never ends. */
  readonly freshnessLifetime: number
  readonly entry: Entry
  /** Of the last second in which it was asked for. */
  atAge: ResponseAtAge | undefined
}

/** A page in one second of its life. */
export interface ResponseAtAge {
  readonly age: number
  /** Seconds that it stays fresh, less than zero where it no longer is. */
  readonly ttl: number
  readonly headers: Record<string, string | string[]>
  /** `Cache-Status` of a hit. */
  readonly cacheStatus: string
}

/** @param now milliseconds since 1970 */
export function headersAt (page: PreparedPage, now: number): ResponseAtAge {
  const age = ageOf(page, now)
  if (page.atAge?.age === age) return page.atAge
  const ttl = Math.floor(page.freshnessLifetime) - age
  const fields: ResponseAtAge['headers'] = { ...page.headers, ...page.etag !== '' && { etag: page.etag }, age: String(age) }
  if (page.cacheControlPrefix !== undefined) {
    fields['cache-control'] = page.cacheControlPrefix + Math.max(0, Math.min(ttl, Math.floor(page.clientMaxAge ?? Infinity) - age))
    fields.expires = page.expires
  }
  page.atAge = { age, ttl, headers: fields, cacheStatus: formatCacheStatus(HIT, ttl) }
  return page.atAge
}

/** Whole seconds since it was made, RFC 9111 section 4.2.3. */
function ageOf ({ date }: PreparedPage, now: number): number {
  return Math.max(0, Math.floor((now - date) / 1000))
}

/** Whether a page may be answered in place of a failure, RFC 5861 section 4. */
export function mayServeStaleIfError ({ entry, staleIfError }: PreparedPage, now: number): boolean {
  return now < entry.freshUntil + staleIfError * 1000
}

/** Belongs to one message or one connection (RFC 9110 section 7.6.1), is made anew each time, or is kept elsewhere. */
const NOT_KEPT = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization', 'proxy-connection',
  'te', 'trailer', 'transfer-encoding', 'upgrade', 'age', 'content-length', 'set-cookie', 'cache-status', 'server-timing', 'etag'
])

/**
 * The headers of a response that are kept with it, RFC 9111 section 3.1.
 *
 * @param before those that stood before the handler ran: hooks of the application set them on every answer anew
 * @param omitted names that the response itself forbids to keep
 */
export function storedHeaders (headers: ReplyHeaders, before: ReplyHeaders, omitted: readonly string[] = []): Page['headers'] {
  const named = String(headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim())
  const kept: Page['headers'] = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_KEPT.has(name) || named.includes(name) || omitted.includes(name) || value === before[name]) continue
    kept[name] = Array.isArray(value) ? value : String(value)
  }
  return kept
}

/** Bytes of a body that is held as a string too. */
const LONGEST_STRING = 64 * 1024

const ready = new WeakMap<Entry, PreparedPage | Variants>()

/** What is kept for a page or a URL; undefined where the entry holds neither. */
export function readContent (entry: Entry): PreparedPage | Variants | undefined {
  const known = ready.get(entry)
  if (known !== undefined) return known
  let content: unknown
  try {
    content = decodeShared(entry.payload)
  } catch {
    return undefined
  }
  if (typeof content !== 'object' || content === null) return undefined
  const made = isVariants(content) ? content : readyPage(content as Page, entry)
  if (made !== undefined) ready.set(entry, made)
  return made
}

/** The page in an entry; undefined where it holds none. */
export function readPage (entry: Entry): PreparedPage | undefined {
  const content = readContent(entry)
  return content === undefined || isVariants(content) ? undefined : content
}

/** The same, where it is the page of a selection: that of another one may have its place. */
export function readMatchingPage (entry: Entry, selection: VaryMatch): PreparedPage | undefined {
  const page = readPage(entry)
  return page !== undefined && matchesVary(page, selection) ? page : undefined
}

function readyPage (page: Page, entry: Entry): PreparedPage | undefined {
  const { headers, body, etag, varyValues, cacheControl } = page
  if (!(body instanceof Uint8Array) || typeof headers !== 'object' || typeof etag !== 'string' || !Array.isArray(varyValues)) return undefined
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const date = entry.storedAt - page.age * 1000
  return {
    ...page,
    body: bytes,
    payload: bytes.length <= LONGEST_STRING && isAscii(bytes) ? bytes.toString('latin1') : bytes,
    cacheControlPrefix: cacheControl === undefined ? undefined : formatBeforeMaxAge(parseCacheControl(cacheControl)),
    expires: new Date(Math.min(entry.freshUntil, date + (page.clientMaxAge ?? Infinity) * 1000)).toUTCString(),
    date,
    lastModified: headers['last-modified'] as string | undefined,
    freshnessLifetime: page.age + (entry.freshUntil - entry.storedAt) / 1000,
    entry,
    atAge: undefined
  }
}
