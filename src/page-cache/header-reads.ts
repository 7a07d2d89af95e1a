import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'

/** Fields that shape no page: they are about the message or the connection, or the cache itself deals with them. */
const NO_PART = new Set([
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'content-length', 'content-type',
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range',
  'cache-control', 'pragma', 'accept-version'
])
/** Fields that hooks read to write logs and limit rates. A handler that reads them puts them into its page. */
const NO_PART_IN_HOOKS = new Set([
  'x-request-id', 'request-id', 'x-correlation-id', 'traceparent', 'tracestate', 'baggage', 'x-forwarded-for', 'user-agent'
])

type Raw = FastifyRequest['raw']

/**
 * Notes which request fields are read while a page is made: the page varies by them, whatever its `Vary` says. Stands in
 * the place of a request's headers.
 */
export class HeaderReads implements ProxyHandler<IncomingHttpHeaders> {
  /** As the client sent them. */
  readonly headers: IncomingHttpHeaders
  readonly #raw: Raw
  readonly #ignored: ReadonlySet<string>
  #names: Set<string> | undefined
  /** Where what is read goes to meanwhile. */
  #covered: Set<string> | undefined
  #covering = false
  #inHandler = false
  #all = false
  /** Names that were listed, and not asked for one by one since. */
  #listed: Set<string> | undefined

  /** @param ignored names whose reads do not count */
  constructor (raw: Raw, ignored: ReadonlySet<string>) {
    this.headers = raw.headers
    this.#raw = raw
    this.#ignored = ignored
    this.#show(raw.headers)
  }

  /** What was read by name, but for what the key covers. */
  get names (): string[] {
    return [...this.#names ?? []].filter((name) => this.#covered?.has(name) !== true)
  }

  /** What was read to make a key. */
  get covered (): string[] {
    return [...this.#covered ?? []]
  }

  /** Runs what makes a key: the page need not vary besides by what it reads. */
  cover<T> (work: () => T): T {
    this.#covering = true
    try {
      return work()
    } finally {
      this.#covering = false
    }
  }

  /** Whether all fields were taken together, as by a proxy that passes them on. */
  get all (): boolean {
    return this.#all
  }

  /** The handler begins. @param headers what it is shown in place of what the client sent */
  begin (headers: IncomingHttpHeaders): void {
    this.#inHandler = true
    this.#show(headers)
    const { rawHeaders } = this.#raw
    Object.defineProperty(this.#raw, 'rawHeaders', {
      configurable: true,
      get: () => {
        this.#all = true
        return rawHeaders
      }
    })
  }

  note (name: string): void {
    if (NO_PART.has(name) || this.#ignored.has(name) || (!this.#inHandler && NO_PART_IN_HOOKS.has(name))) return
    if (this.#covering) (this.#covered ??= new Set()).add(name)
    else (this.#names ??= new Set()).add(name)
  }

  #show (headers: IncomingHttpHeaders): void {
    const shown = new Proxy(headers, this)
    // HTTP/2 has no setter.
    if (this.#raw.httpVersionMajor >= 2) Object.defineProperty(this.#raw, 'headers', { value: shown, configurable: true })
    else this.#raw.headers = shown
  }

  // What the language asks of a proxy

  get (headers: IncomingHttpHeaders, name: string | symbol): unknown {
    if (typeof name === 'string' && this.#listed?.delete(name) !== true) this.note(name)
    return headers[name as string]
  }

  has (headers: IncomingHttpHeaders, name: string | symbol): boolean {
    if (typeof name === 'string') this.note(name)
    return name in headers
  }

  getOwnPropertyDescriptor (headers: IncomingHttpHeaders, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'string' && this.#listed?.has(name) !== true) this.note(name)
    return Object.getOwnPropertyDescriptor(headers, name)
  }

  ownKeys (headers: IncomingHttpHeaders): Array<string | symbol> {
    this.#all ||= !this.#covering
    this.#listed = new Set(Object.keys(headers))
    return Reflect.ownKeys(headers)
  }
}
