import { decodeShared, type Entry } from '../cache/index.ts'
import { formatCacheStatus, HIT } from './cache-status.ts'
import { directivesBeforeMaxAge, parseCacheControl } from './cache-control.ts'

/** The fields of an answer, by names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string | number | string[] | undefined>>

/** A whole response, as it is kept. */
export interface Page {
  headers: Record<string, string | string[]>
  body: Uint8Array
  etag: string
  /** What the response said of its own life; present where the route has a `ttl`, which is then rewritten each time. */
  cacheControl?: string
}

/** A page as it is served: what can be made once is made once. */
export interface ReadyPage {
  readonly headers: Record<string, string | string[]>
  readonly body: Buffer
  readonly etag: string
  /** `Cache-Control` up to the number of its `max-age`; undefined where the response's own is sent as it is. */
  readonly beforeMaxAge: string | undefined
  readonly expires: string
  /** Whole seconds of its life; Infinity when it never expires. */
  readonly life: number
  readonly entry: Entry
  /** Of the last second in which it was asked for. */
  moment: PageMoment | undefined
}

/** A page in one second of its life. */
export interface PageMoment {
  readonly age: number
  /** Seconds that it stays fresh, less than zero where it no longer is. */
  readonly ttl: number
  readonly fields: Record<string, string | string[]>
  /** `Cache-Status` of a hit. */
  readonly hit: string
}

/** @param now milliseconds since 1970 */
export function momentOf (page: ReadyPage, now: number): PageMoment {
  const age = Math.max(0, Math.floor((now - page.entry.storedAt) / 1000))
  if (page.moment?.age === age) return page.moment
  const ttl = page.life - age
  const fields: PageMoment['fields'] = { ...page.headers, etag: page.etag, age: String(age) }
  if (page.beforeMaxAge !== undefined) {
    fields['cache-control'] = page.beforeMaxAge + Math.max(0, ttl)
    fields.expires = page.expires
  }
  page.moment = { age, ttl, fields, hit: formatCacheStatus(HIT, ttl) }
  return page.moment
}

/** Belongs to one message or one connection (RFC 9110 section 7.6.1), is made anew each time, or is kept elsewhere. */
const NOT_KEPT = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'age', 'date', 'content-length', 'set-cookie', 'cache-status', 'server-timing', 'etag'
])

/**
 * The headers of a response that are kept with it.
 *
 * @param before those that stood before the handler ran: hooks of the application set them on every answer anew
 */
export function keptHeaders (headers: ReplyHeaders, before: ReplyHeaders): Page['headers'] {
  const named = String(headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim())
  const kept: Page['headers'] = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_KEPT.has(name) || named.includes(name) || value === before[name]) continue
    kept[name] = Array.isArray(value) ? value : String(value)
  }
  return kept
}

const ready = new WeakMap<Entry, ReadyPage>()

/** The page in an entry; undefined where it holds none. */
export function pageOf (entry: Entry): ReadyPage | undefined {
  const known = ready.get(entry)
  if (known !== undefined) return known
  let page: Page
  try {
    page = decodeShared(entry.payload) as Page
  } catch {
    return undefined
  }
  const { headers, body, etag, cacheControl } = page
  if (!(body instanceof Uint8Array) || typeof headers !== 'object' || typeof etag !== 'string') return undefined
  const made = {
    headers,
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    etag,
    beforeMaxAge: cacheControl === undefined ? undefined : directivesBeforeMaxAge(parseCacheControl(cacheControl)),
    expires: new Date(entry.freshUntil).toUTCString(),
    life: Math.floor((entry.freshUntil - entry.storedAt) / 1000),
    entry,
    moment: undefined
  }
  ready.set(entry, made)
  return made
}

/** The bytes of a payload that is whole; undefined for a stream. */
export function bodyOf (payload: unknown): Buffer | undefined {
  if (typeof payload === 'string') return Buffer.from(payload)
  if (Buffer.isBuffer(payload)) return payload
  return payload === null || payload === undefined ? Buffer.alloc(0) : undefined
}
