import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { CookieProxy, filterCookies, filterRawCookies } from './cookies.ts'
import { EXEMPT_IN_HANDLER } from './exempt-headers.ts'
import { HeaderProxy } from './header-proxy.ts'
import { RequestReads } from './request-reads.ts'
import { findObserver, isStillObserved, type MessageObserver, observe, stopObserving } from './tracked-message.ts'
import { observeResponse } from './tracked-response.ts'

/**
 * Shows a request to hooks and the handler, and records what they read while a response is built.
 *
 * The response varies by the request headers that are read, whatever its `Vary` says. If it depends on something that
 * no header shows, such as the connection, it is not stored unless it states its own lifetime.
 */
export class HeaderTracker extends RequestReads implements MessageObserver {
  readonly #message: IncomingMessage
  readonly #startedLate: boolean
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
    super(message.headers)
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

  /** Begins the handler. @param headers those that it sees in place of the client's */
  beginHandler (headers: IncomingHttpHeaders): void {
    this.endListing()
    this.#proxy = new HeaderProxy(headers, this)
    this.phase = 'handler'
    this.exempt = EXEMPT_IN_HANDLER
    this.byFastify = []
  }

  /** Stops tracking. */
  end (): void {
    stopObserving(this.#message)
  }

  /** Hides all cookies but the listed ones from what follows. */
  hideCookies (listed: ReadonlySet<string>): void {
    if (this.#mayShowAllCookies) this.recordAllCookies()
    this.names.shownCookies = listed
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
    if (this.names.shownCookies !== undefined) return cookies
    // The header was read to parse it. From now on the single cookies count.
    if (isByPlugin && this.lastRead === 'cookie') this.names.removeParsing()
    return new CookieProxy(cookies, this).shown
  }

  showHeaders (own: IncomingHttpHeaders): IncomingHttpHeaders {
    return (this.#proxy ??= new HeaderProxy(own, this)).shown
  }

  showRawHeaders (own: string[]): string[] {
    this.recordReadAll()
    return this.names.shownCookies === undefined ? own : filterRawCookies(own, this.names.shownCookies)
  }

  replaceHeaders (headers: IncomingHttpHeaders): void {
    this.beforeChange()
    this.#mayShowAllCookies ||= this.#proxy !== undefined
    if (this.phase !== 'handler') this.headers = headers
    this.#proxy = new HeaderProxy(headers, this)
  }

  /** Keeps the headers of the client before a hook changes them. */
  override beforeChange (): void {
    if (this.phase !== 'handler') this.#sent ??= { ...this.headers }
  }
}

/** Returns the tracker of a request that is tracked. */
export function findTracker (message: IncomingMessage): HeaderTracker | undefined {
  return findObserver(message) as HeaderTracker | undefined
}
