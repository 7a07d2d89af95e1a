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

/** As clients can send it, and Node writes it. */
const FIELD_NAME = /^:?[a-z0-9!#$%&'*+.^_`|~-]+$/

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
    const get = (lines: string[], name: string | symbol) => {
      this.#all ||= !this.#covering
      return lines[name as keyof typeof lines]
    }
    this.#show('rawHeaders', new Proxy(raw.rawHeaders, { get }))
    this.#show('headers', new Proxy(raw.headers, this))
  }

  /** What was read by name, but for what the key covers. It may have taken one cookie of many, so it covers none of them. */
  get names (): string[] {
    return [...this.#names ?? []].filter((name) => name === 'cookie' || this.#covered?.has(name) !== true)
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
    this.#listed = undefined
    this.#show('headers', new Proxy(headers, this))
  }

  note (name: string): void {
    // The language asks for names of its own. But hooks may add fields that are written in any way.
    if (!FIELD_NAME.test(name) && !Object.hasOwn(this.headers, name)) return
    if (NO_PART.has(name) || this.#ignored.has(name) || (!this.#inHandler && NO_PART_IN_HOOKS.has(name))) return
    if (this.#covering) (this.#covered ??= new Set()).add(name)
    else (this.#names ??= new Set()).add(name)
  }

  #show<Name extends 'headers' | 'rawHeaders'> (name: Name, shown: Raw[Name]): void {
    // HTTP/2 has no setters.
    if (this.#raw.httpVersionMajor >= 2) Object.defineProperty(this.#raw, name, { value: shown, configurable: true })
    else this.#raw[name] = shown
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
