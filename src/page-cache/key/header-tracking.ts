import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'

/** Fields that shape no page while hooks read them: they are about the message or the connection, or the cache deals with them. */
const OF_MESSAGE = new Set([
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'content-length', 'content-type',
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range',
  'cache-control', 'pragma', 'accept-version'
])
/** Fields that a handler does not get to see as they were sent, and that the rules for errors deal with. */
const OF_CONDITIONS = new Set(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'])
/** Fields that hooks read to tell requests apart in logs. A handler that reads them puts them into its page. */
const OF_TRACES = new Set(['x-request-id', 'request-id', 'x-correlation-id', 'traceparent', 'tracestate', 'baggage'])
/** Fields that Fastify's log of an incoming request is made of, which is written before any hook. */
const OF_LOGS = new Set([...OF_TRACES, 'x-forwarded-for'])

/** As clients can send it, and Node writes it. */
const FIELD_NAME = /^:?[a-z0-9!#$%&'*+.^_`|~-]+$/

const READS = Symbol('larder.header-reads')

type Raw = FastifyRequest['raw'] & { [READS]?: HeaderTracker }

const NONE: ReadonlySet<string> = new Set()

/**
 * Notes which request fields are read while a page is made: the page varies by them, whatever its `Vary` says. Stands in
 * the place of a request's headers.
 */
export class HeaderTracker implements ProxyHandler<IncomingHttpHeaders> {
  /** As hooks have left them. */
  readonly headers: IncomingHttpHeaders
  readonly #raw: Raw
  readonly #lines: string[]
  #ignored = NONE
  #phase: 'before' | 'hooks' | 'handler' = 'before'
  #names: Set<string> | undefined
  /** Where what is read goes to meanwhile. */
  #covered: Set<string> | undefined
  #covering = false
  #all = false
  #address = false
  #walk: Walk | undefined
  /** As they were before a hook changed them. */
  #sent: IncomingHttpHeaders | undefined

  /** Begins to watch a request, if it is not watched already. */
  static track (raw: Raw): HeaderTracker {
    return raw[READS] ?? (raw[READS] = new HeaderTracker(raw))
  }

  private constructor (raw: Raw) {
    this.headers = raw.headers
    this.#raw = raw
    this.#lines = raw.rawHeaders
    this.#showLines(new Proxy(raw.rawHeaders, new LineReads(this)))
    this.#show(new Proxy(raw.headers, this))
  }

  /** As the client sent them. */
  get sent (): IncomingHttpHeaders {
    return this.#sent ?? this.headers
  }

  /** What was read by name, but for what the key covers. It may have taken one cookie of many, so it covers none of them. */
  get readByName (): string[] {
    this.#endWalk()
    return [...this.#names ?? []].filter((name) => !this.#ignored.has(name) && (name === 'cookie' || this.#covered?.has(name) !== true))
  }

  /** What was read to make a key. */
  get keyHeaders (): string[] {
    return [...this.#covered ?? []].filter((name) => !this.#ignored.has(name))
  }

  /** Whether all fields were taken together, as by a proxy that passes them on. */
  get readAll (): boolean {
    return this.#all
  }

  /** Whether the handler asked where the client is. */
  get readClientAddress (): boolean {
    return this.#address
  }

  /** A number that is another one after each read of something that was not read before. */
  get readCount (): number {
    return this.readByName.length + Number(this.#all) + Number(this.#address)
  }

  /** Runs what makes a key: the page need not vary besides by what it reads. */
  whileBuildingKey<T> (work: () => T): T {
    this.#covering = true
    try {
      return work()
    } finally {
      this.#covering = false
    }
  }

  /**
   * The hooks of a cached route begin. What took all fields until now wrote a log.
   *
   * @param ignored names whose reads do not count
   */
  beginHooks (ignored: ReadonlySet<string>): void {
    this.#phase = 'hooks'
    this.#ignored = ignored
    this.#all = false
    this.#endWalk()
  }

  /** The handler begins. @param headers what it is shown in place of what the client sent */
  beginHandler (headers: IncomingHttpHeaders): void {
    this.#phase = 'handler'
    this.#endWalk()
    this.#show(new Proxy(headers, this))
  }

  /** Nobody asks any more. */
  end (): void {
    this.#show(this.headers)
    this.#showLines(this.#lines)
  }

  recordReadAll (): void {
    this.#all ||= !this.#covering
  }

  recordReadClientAddress (): void {
    this.#address = true
  }

  recordRead (name: string): void {
    // The language asks for names of its own. But hooks may add fields that are written in any way.
    if (!FIELD_NAME.test(name) && !Object.hasOwn(this.headers, name)) return
    if (this.#isNoPart(name)) return
    if (this.#covering) (this.#covered ??= new Set()).add(name)
    else (this.#names ??= new Set()).add(name)
  }

  #isNoPart (name: string): boolean {
    if (this.#phase === 'handler') return OF_CONDITIONS.has(name)
    return OF_MESSAGE.has(name) || (this.#phase === 'hooks' ? OF_TRACES : OF_LOGS).has(name)
  }

  // Two methods, since a store under a computed name is slow, and this is done for every request. HTTP/2 has no setters.

  #show (shown: Raw['headers']): void {
    if (this.#raw.httpVersionMajor < 2) this.#raw.headers = shown
    else Object.defineProperty(this.#raw, 'headers', { value: shown, configurable: true, writable: true })
  }

  #showLines (shown: Raw['rawHeaders']): void {
    if (this.#raw.httpVersionMajor < 2) this.#raw.rawHeaders = shown
    else Object.defineProperty(this.#raw, 'rawHeaders', { value: shown, configurable: true, writable: true })
  }

  /** One who lists the fields and then reads all of them takes a copy. One who reads some of them reads those. */
  #endWalk (): void {
    if (this.#walk === undefined) return
    const { read, unread } = this.#walk
    if (![...unread].every((name) => this.#names?.has(name))) for (const name of read) this.recordRead(name)
    this.#walk = undefined
  }

  #keep (): void {
    if (this.#phase !== 'handler') this.#sent ??= { ...this.headers }
  }

  // What the language asks of a proxy

  get (headers: IncomingHttpHeaders, name: string | symbol): unknown {
    if (typeof name === 'string') {
      if (this.#walk?.unread.delete(name) === true) this.#walk.read.push(name)
      else this.recordRead(name)
    }
    return headers[name as string]
  }

  has (headers: IncomingHttpHeaders, name: string | symbol): boolean {
    if (typeof name === 'string') this.recordRead(name)
    return name in headers
  }

  getOwnPropertyDescriptor (headers: IncomingHttpHeaders, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'string' && this.#walk?.undescribed.delete(name) !== true) this.recordRead(name)
    return Object.getOwnPropertyDescriptor(headers, name)
  }

  ownKeys (headers: IncomingHttpHeaders): Array<string | symbol> {
    this.recordReadAll()
    this.#endWalk()
    const names = Object.keys(headers)
    this.#walk = { unread: new Set(names), undescribed: new Set(names), read: [] }
    return Reflect.ownKeys(headers)
  }

  set (headers: IncomingHttpHeaders, name: string, value: string): boolean {
    this.#keep()
    headers[name] = value
    return true
  }

  deleteProperty (headers: IncomingHttpHeaders, name: string): boolean {
    this.#keep()
    return Reflect.deleteProperty(headers, name)
  }

  defineProperty (headers: IncomingHttpHeaders, name: string, descriptor: PropertyDescriptor): boolean {
    this.#keep()
    return Reflect.defineProperty(headers, name, descriptor)
  }
}

/** Who reads the lines of a head reads all fields. */
class LineReads implements ProxyHandler<string[]> {
  readonly #reads: HeaderTracker

  constructor (reads: HeaderTracker) {
    this.#reads = reads
  }

  get (lines: string[], name: string | symbol): unknown {
    this.#reads.recordReadAll()
    return lines[name as keyof typeof lines]
  }
}

/** Somebody goes through the fields that were listed. */
interface Walk {
  readonly unread: Set<string>
  readonly undescribed: Set<string>
  readonly read: string[]
}
