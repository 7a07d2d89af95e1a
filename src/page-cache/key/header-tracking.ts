import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { RouteCacheConfig } from '../options.ts'
import { ConnectionReads } from './connection-reads.ts'
import { CookieTracker, filterCookies, filterRawCookies } from './cookies.ts'
import { addEarly, ALL_HEADERS, CONNECTION, listReadsOfApplication } from './early-reads.ts'
import { EXEMPT_IN_HANDLER, EXEMPT_IN_HOOKS } from './exempt-headers.ts'
import { HeaderProxy, type HeaderReads } from './header-proxy.ts'
import { ReadNames } from './read-names.ts'
import { findObserver, isStillObserved, type MessageObserver, observe, stopObserving } from './tracked-message.ts'
import { observeResponse } from './tracked-response.ts'

/** The names that clients can send, as Node writes them. */
const HEADER_NAME = /^:?[a-z0-9!#$%&'*+.^_`|~-]+$/

/**
 * Records what is read from a request while a response is built.
 *
 * The response varies by the request headers that are read, whatever its `Vary` says. If it depends on something that
 * no header shows, such as the connection, it is not stored unless it states its own lifetime.
 */
export class HeaderTracker implements MessageObserver, HeaderReads {
  /** The headers as hooks have left them. */
  headers: IncomingHttpHeaders
  /** Whether listeners of the server run, and no hook. */
  isArriving = false
  /** Whether all headers were read together, as a proxy does to forward them. */
  readAll = false
  /** Whether all headers were read together before the option `cookies` has hidden any cookie. */
  readAllCookies = false
  readonly connection = new ConnectionReads()
  readonly #message: IncomingMessage
  readonly #startedLate: boolean
  readonly #names = new ReadNames()
  #phase: 'before-hooks' | 'hooks' | 'handler' = 'before-hooks'
  #isPaused = false
  #isBuildingKey = false
  /** What was read before the hooks: by the application, and by Fastify for itself and its log. */
  #early: string[] | undefined = []
  #exempt = EXEMPT_IN_HOOKS
  /** The header that was read last. */
  #lastRead: string | undefined
  /** Whether code may have kept headers that a hook has replaced, in which no cookies are hidden. */
  #mayShowAllCookies = false
  #proxy: HeaderProxy | undefined
  /** The headers from before the first change by a hook. */
  #sent: IncomingHttpHeaders | undefined

  /**
   * Begins to track a request, unless it is tracked already.
   *
   * @param response that of the request
   * @param late whether code of the application may have read it before
   */
  static track (message: IncomingMessage, response?: object, late = false): HeaderTracker {
    const tracker = findTracker(message)
    if (tracker !== undefined) return tracker
    if (response !== undefined) observeResponse(response)
    return new HeaderTracker(message, late)
  }

  private constructor (message: IncomingMessage, late: boolean) {
    this.headers = message.headers
    this.#startedLate = late
    this.#message = message
    observe(message, this)
  }

  /** Whether code of the application may have read the request while it was not tracked. */
  get mayHaveMissed (): boolean {
    return this.#startedLate || !isStillObserved(this.#message)
  }

  /** The headers as the client sent them. */
  get sent (): IncomingHttpHeaders {
    return this.#sent ?? this.headers
  }

  /** The headers and single cookies that were read by name, without those that the key covers. */
  get readByName (): string[] {
    this.#proxy?.endListing()
    return this.#names.forResponse
  }

  /** The headers and single cookies that were read to build the custom key. */
  get keyHeaders (): string[] {
    return this.#names.forKey
  }

  /** What was read that no key can cover, as a token for `Cache-Status`. */
  get unkeyedRead (): string | undefined {
    return this.connection.unkeyed
  }

  /** A number that increases with each read of something that was not read before. */
  get readCount (): number {
    return (this.#early?.length ?? 0) + this.readByName.length + Number(this.readAll) + this.connection.count
  }

  /** Runs `work`, whose reads do not count, e.g. because they are for a log. */
  pause<T> (work: () => T): T {
    const wasPaused = this.#isPaused
    this.#isPaused = true
    try {
      return work()
    } finally {
      this.#isPaused = wasPaused
    }
  }

  /** Runs `work`, which builds the custom key: the response need not vary by the headers that it reads. */
  whileBuildingKey<T> (work: () => T): T {
    this.#isBuildingKey = true
    try {
      return work()
    } finally {
      this.#isBuildingKey = false
    }
  }

  /** Begins the hooks of a cached route. @param requestIdHeader see `listReadsOfApplication` */
  beginHooks (
    { ignoreHeaders, ignoreAddress }: Pick<RouteCacheConfig, 'ignoreHeaders' | 'ignoreAddress'>,
    requestIdHeader?: string | false
  ): void {
    this.#proxy?.endListing()
    const early = this.#early!
    this.#early = undefined
    this.#phase = 'hooks'
    this.#names.ignored = ignoreHeaders
    this.connection.ignoresAddress = ignoreAddress
    for (const name of listReadsOfApplication(early, requestIdHeader)) {
      if (name === ALL_HEADERS) this.recordReadAll()
      else if (name === CONNECTION) this.connection.outsideRoutes = true
      else this.recordRead(name)
    }
  }

  /** Begins the handler. @param headers those that it sees in place of the client's */
  beginHandler (headers: IncomingHttpHeaders): void {
    this.#proxy?.endListing()
    this.#proxy = new HeaderProxy(headers, this)
    this.#phase = 'handler'
    this.#exempt = EXEMPT_IN_HANDLER
  }

  /** Stops tracking. */
  end (): void {
    stopObserving(this.#message)
  }

  /** Hides all cookies but the listed ones from what follows. */
  hideCookies (listed: ReadonlySet<string>): void {
    if (this.#mayShowAllCookies) this.recordAllCookies()
    this.#names.shownCookies = listed
    const { cookie } = this.headers
    if (cookie === undefined) return
    this.beforeChange()
    const shown = filterCookies(cookie, listed)
    if (shown === undefined) delete this.headers.cookie
    else this.headers.cookie = shown
  }

  /**
   * Returns parsed cookies so that reads of them are tracked. The application has parsed them just now.
   *
   * @param isByPlugin whether a plugin parses the header for each request
   */
  trackCookies (cookies: object, isByPlugin: boolean): object {
    // They were parsed from a header with the listed cookies only.
    if (this.#names.shownCookies !== undefined) return cookies
    // The header was read to parse it. From now on the single cookies count.
    if (isByPlugin && this.#lastRead === 'cookie') this.#names.removeParsing()
    return new Proxy(cookies, new CookieTracker(this))
  }

  recordReadAll (): void {
    if (this.#isPaused) return
    if (this.#early !== undefined) return addEarly(this.#early, ALL_HEADERS)
    if (this.#isBuildingKey) return
    this.readAll = true
    this.readAllCookies ||= this.#names.shownCookies === undefined
  }

  recordRead (name: string): void {
    if (this.#isPaused) return
    if (this.#early !== undefined) return addEarly(this.#early, name)
    // JavaScript itself reads names such as toJSON. But hooks may add headers with any name.
    if (!HEADER_NAME.test(name) && !Object.hasOwn(this.headers, name)) return
    this.#lastRead = name
    if (!this.#exempt.has(name)) this.#names.add(name, this.#isBuildingKey)
  }

  recordCookie (cookie: string): void {
    if (!this.#isPaused) this.#names.addCookie(cookie, this.#isBuildingKey)
  }

  recordAllCookies (): void {
    if (!this.#isPaused) this.#names.addAllCookies(this.#isBuildingKey)
  }

  /** Runs `read`, which reads the address of the client. */
  readAddress<T> (read: () => T): T {
    if (this.#phase === 'hooks' && this.connection.ignoresAddress) return this.pause(read)
    if (!this.#isPaused) this.connection.recordAddress(this.#phase)
    return this.ignoreConnection(read)
  }

  /** Runs `read`, which reads the connection for something that is recorded otherwise. */
  ignoreConnection<T> (read: () => T): T {
    return this.connection.ignore(read)
  }

  recordConnection (): void {
    if (this.#isPaused || this.connection.isIgnored) return
    if (this.#early !== undefined) addEarly(this.#early, CONNECTION)
    else if (this.isArriving) this.connection.outsideRoutes = true
    else this.connection.rest = true
  }

  showHeaders (own: IncomingHttpHeaders): IncomingHttpHeaders {
    return (this.#proxy ??= new HeaderProxy(own, this)).headers
  }

  showRawHeaders (own: string[]): string[] {
    this.recordReadAll()
    return this.#names.shownCookies === undefined ? own : filterRawCookies(own, this.#names.shownCookies)
  }

  replaceHeaders (headers: IncomingHttpHeaders): void {
    this.beforeChange()
    this.#mayShowAllCookies ||= this.#proxy !== undefined
    if (this.#phase !== 'handler') this.headers = headers
    this.#proxy = new HeaderProxy(headers, this)
  }

  /** Keeps the headers of the client before a hook changes them. */
  beforeChange (): void {
    if (this.#phase !== 'handler') this.#sent ??= { ...this.headers }
  }

  hasRead (name: string): boolean {
    return this.#names.has(name)
  }
}

/** Returns the tracker of a request that is tracked. */
export function findTracker (message: IncomingMessage): HeaderTracker | undefined {
  return findObserver(message) as HeaderTracker | undefined
}
