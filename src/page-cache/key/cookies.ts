import type { IncomingHttpHeaders } from 'node:http'
import { TrackingProxy } from './tracking-proxy.ts'

/** Begins the name of a single cookie in a list of header names. No header has a space in its name. */
const PREFIX = 'cookie '

/** Returns how a cookie is named in a list of header names. */
export function nameCookie (cookie: string): string {
  return PREFIX + cookie
}

/** Whether an element of a list of header names is a single cookie. */
export function isCookie (name: string): boolean {
  return name.startsWith(PREFIX)
}

/** Returns the header in which an element of a list of header names is sent; undefined if it is no header. */
export function toFieldName (name: string): string | undefined {
  // The custom key, and the pseudo-headers of HTTP/2, which are in the key of every cache, begin with a colon.
  return isCookie(name) ? 'cookie' : name.startsWith(':') ? undefined : name
}

/** Returns the value of a single cookie, named by `nameCookie`; null if the request does not send it. */
export function readCookie ({ cookie }: IncomingHttpHeaders, name: string): string | null {
  if (cookie === undefined) return null
  const wanted = name.slice(PREFIX.length)
  // A cookie may be sent more than once, and parsers differ in which one they take.
  const values = splitCookies(cookie).filter((pair) => parseName(pair) === wanted)
  return values.length === 0 ? null : values.join(';')
}

/** Returns a `Cookie` header with only the listed cookies; undefined if none is left. */
export function filterCookies (cookie: string, listed: ReadonlySet<string>): string | undefined {
  const pairs = splitCookies(cookie).filter((pair) => listed.has(parseName(pair)))
  return pairs.length === 0 ? undefined : pairs.join('; ')
}

/** Returns `rawHeaders` with only the listed cookies. */
export function filterRawCookies (rawHeaders: readonly string[], listed: ReadonlySet<string>): string[] {
  const filtered: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name, value] = [rawHeaders[i]!, rawHeaders[i + 1]!]
    const shown = name.toLowerCase() === 'cookie' ? filterCookies(value, listed) : value
    if (shown !== undefined) filtered.push(name, shown)
  }
  return filtered
}

function splitCookies (cookie: string): string[] {
  return cookie.split(';').map((pair) => pair.trim())
}

function parseName (pair: string): string {
  const equals = pair.indexOf('=')
  return equals < 0 ? pair : pair.slice(0, equals).trim()
}

/** Notices which parsed cookies are read. */
export interface CookieObserver {
  recordCookie (cookie: string): void
  /** Notices a read of all cookies together. */
  recordAllCookies (): void
}

/** Shows parsed cookies, and reports which of them are read. */
export class CookieProxy extends TrackingProxy<object> {
  readonly #observer: CookieObserver

  constructor (cookies: object, observer: CookieObserver) {
    super(cookies)
    this.#observer = observer
  }

  override recordRead (cookie: string): void {
    this.#observer.recordCookie(cookie)
  }

  override recordAll (): void {
    this.#observer.recordAllCookies()
  }
}
