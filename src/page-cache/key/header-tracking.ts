import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { EXEMPT_BEFORE_HOOKS, EXEMPT_IN_HANDLER, EXEMPT_IN_HOOKS } from './exempt-headers.ts'

/** The names that clients can send, as Node writes them. */
const HEADER_NAME = /^:?[a-z0-9!#$%&'*+.^_`|~-]+$/

const TRACKER = Symbol('larder.header-tracker')

type Raw = FastifyRequest['raw'] & { [TRACKER]?: HeaderTracker }

const NO_NAMES: ReadonlySet<string> = new Set()

/**
 * Records which request headers are read while a response is built.
 *
 * The response varies by them, whatever its `Vary` says. The tracker is the handler of a proxy in place of the headers.
 */
export class HeaderTracker implements ProxyHandler<IncomingHttpHeaders> {
  /** The headers as hooks have left them. */
  readonly headers: IncomingHttpHeaders
  readonly #raw: Raw
  readonly #rawHeaders: string[]
  #ignored = NO_NAMES
  /** Headers whose reads do not count in the present phase. */
  #exempt = EXEMPT_BEFORE_HOOKS
  #inHandler = false
  #readByName: Set<string> | undefined
  #keyHeaders: Set<string> | undefined
  #isBuildingKey = false
  #readAll = false
  #readClientAddress = false
  #listing: Listing | undefined
  /** The headers from before the first change by a hook. */
  #sent: IncomingHttpHeaders | undefined

  /** Begins to track a request, unless it is tracked already. */
  static track (raw: Raw): HeaderTracker {
    return raw[TRACKER] ?? (raw[TRACKER] = new HeaderTracker(raw))
  }

  private constructor (raw: Raw) {
    this.headers = raw.headers
    this.#raw = raw
    this.#rawHeaders = raw.rawHeaders
    this.#replaceRawHeaders(new Proxy(raw.rawHeaders, new RawHeaderTracker(this)))
    this.#replaceHeaders(new Proxy(raw.headers, this))
  }

  /** The headers as the client sent them. */
  get sent (): IncomingHttpHeaders {
    return this.#sent ?? this.headers
  }

  /**
   * The headers that were read by name, without those that the key covers.
   *
   * A key function may have read one cookie of many, so it does not cover the cookies.
   */
  get readByName (): string[] {
    this.#endListing()
    return [...this.#readByName ?? []]
      .filter((name) => !this.#ignored.has(name) && (name === 'cookie' || this.#keyHeaders?.has(name) !== true))
  }

  /** The headers that were read to build the custom key. */
  get keyHeaders (): string[] {
    return [...this.#keyHeaders ?? []].filter((name) => !this.#ignored.has(name))
  }

  /** Whether all headers were read together, as a proxy does to forward them. */
  get readAll (): boolean {
    return this.#readAll
  }

  /** Whether the address of the client was read in the handler. */
  get readClientAddress (): boolean {
    return this.#readClientAddress
  }

  /** A number that increases with each read of something that was not read before. */
  get readCount (): number {
    return this.readByName.length + Number(this.#readAll) + Number(this.#readClientAddress)
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

  /**
   * Begins the hooks of a cached route. Reads of all headers until now were for a log.
   *
   * @param ignored names of headers whose reads do not count
   */
  beginHooks (ignored: ReadonlySet<string>): void {
    this.#exempt = EXEMPT_IN_HOOKS
    this.#ignored = ignored
    this.#readAll = false
    this.#endListing()
  }

  /** Begins the handler. @param headers those that it sees in place of the client's */
  beginHandler (headers: IncomingHttpHeaders): void {
    this.#exempt = EXEMPT_IN_HANDLER
    this.#inHandler = true
    this.#endListing()
    this.#replaceHeaders(new Proxy(headers, this))
  }

  /** Stops tracking. */
  end (): void {
    this.#replaceHeaders(this.headers)
    this.#replaceRawHeaders(this.#rawHeaders)
  }

  recordReadAll (): void {
    this.#readAll ||= !this.#isBuildingKey
  }

  recordReadClientAddress (): void {
    this.#readClientAddress = true
  }

  recordRead (name: string): void {
    // JavaScript itself reads names such as toJSON. But hooks may add headers with any name.
    if (!HEADER_NAME.test(name) && !Object.hasOwn(this.headers, name)) return
    if (this.#exempt.has(name)) return
    if (this.#isBuildingKey) (this.#keyHeaders ??= new Set()).add(name)
    else (this.#readByName ??= new Set()).add(name)
  }

  // Two methods, since an assignment to a computed name is slow, and every request needs both. HTTP/2 has no setters.

  #replaceHeaders (headers: Raw['headers']): void {
    if (this.#raw.httpVersionMajor < 2) this.#raw.headers = headers
    else Object.defineProperty(this.#raw, 'headers', { value: headers, configurable: true, writable: true })
  }

  #replaceRawHeaders (headers: Raw['rawHeaders']): void {
    if (this.#raw.httpVersionMajor < 2) this.#raw.rawHeaders = headers
    else Object.defineProperty(this.#raw, 'rawHeaders', { value: headers, configurable: true, writable: true })
  }

  /** Listing the headers and then reading all of them is a copy. Listing them and reading some depends on those. */
  #endListing (): void {
    if (this.#listing === undefined) return
    const { read, unread } = this.#listing
    if (![...unread].every((name) => this.#readByName?.has(name))) for (const name of read) this.recordRead(name)
    this.#listing = undefined
  }

  /** Keeps the headers of the client before a hook changes them. */
  #copySent (): void {
    if (!this.#inHandler) this.#sent ??= { ...this.headers }
  }

  // The traps of the proxy

  get (headers: IncomingHttpHeaders, name: string | symbol): unknown {
    if (typeof name === 'string') {
      if (this.#listing?.unread.delete(name) === true) this.#listing.read.push(name)
      else this.recordRead(name)
    }
    return headers[name as string]
  }

  has (headers: IncomingHttpHeaders, name: string | symbol): boolean {
    if (typeof name === 'string') this.recordRead(name)
    return name in headers
  }

  getOwnPropertyDescriptor (headers: IncomingHttpHeaders, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'string' && this.#listing?.undescribed.delete(name) !== true) this.recordRead(name)
    return Object.getOwnPropertyDescriptor(headers, name)
  }

  ownKeys (headers: IncomingHttpHeaders): Array<string | symbol> {
    this.recordReadAll()
    this.#endListing()
    const names = Object.keys(headers)
    this.#listing = { unread: new Set(names), undescribed: new Set(names), read: [] }
    return Reflect.ownKeys(headers)
  }

  set (headers: IncomingHttpHeaders, name: string, value: string): boolean {
    this.#copySent()
    headers[name] = value
    return true
  }

  deleteProperty (headers: IncomingHttpHeaders, name: string): boolean {
    this.#copySent()
    return Reflect.deleteProperty(headers, name)
  }

  defineProperty (headers: IncomingHttpHeaders, name: string, descriptor: PropertyDescriptor): boolean {
    this.#copySent()
    return Reflect.defineProperty(headers, name, descriptor)
  }
}

/** Records a read of `rawHeaders` as one of all headers. */
class RawHeaderTracker implements ProxyHandler<string[]> {
  readonly #tracker: HeaderTracker

  constructor (tracker: HeaderTracker) {
    this.#tracker = tracker
  }

  get (rawHeaders: string[], name: string | symbol): unknown {
    this.#tracker.recordReadAll()
    return rawHeaders[name as keyof typeof rawHeaders]
  }
}

/** The names of all headers have been listed, and code may go through them. */
interface Listing {
  readonly unread: Set<string>
  /** Names whose property descriptor has not been read, as `Object.keys` does for each. */
  readonly undescribed: Set<string>
  readonly read: string[]
}
