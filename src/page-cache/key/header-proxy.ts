import type { IncomingHttpHeaders } from 'node:http'
import { UNTRACKED } from './untracked.ts'

/** Notices reads and changes of request headers. */
export interface HeaderReads {
  recordRead (name: string): void
  /** Notices a read of all headers together. */
  recordReadAll (): void
  hasRead (name: string): boolean
  beforeChange (): void
}

/** Shows request headers, and reports each read: a proxy, since lists of names and tests for a name count too. */
export class HeaderProxy implements ProxyHandler<IncomingHttpHeaders> {
  readonly headers: IncomingHttpHeaders
  readonly #reads: HeaderReads
  #listing: Listing | undefined

  constructor (headers: IncomingHttpHeaders, reads: HeaderReads) {
    this.#reads = reads
    this.headers = new Proxy(headers, this)
  }

  /** Listing the headers and then reading all of them is a copy. Listing them and reading some depends on those. */
  endListing (): void {
    if (this.#listing === undefined) return
    const { read, unread } = this.#listing
    this.#listing = undefined
    if (![...unread].every((name) => this.#reads.hasRead(name))) for (const name of read) this.#reads.recordRead(name)
  }

  get (headers: IncomingHttpHeaders, name: string | symbol): unknown {
    if (typeof name === 'string') this.#recordRead(name)
    else if (name === UNTRACKED) {
      this.#reads.recordReadAll()
      return { ...headers }
    }
    return headers[name as string]
  }

  has (headers: IncomingHttpHeaders, name: string | symbol): boolean {
    if (typeof name === 'string') this.#reads.recordRead(name)
    return name in headers
  }

  getOwnPropertyDescriptor (headers: IncomingHttpHeaders, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'string' && this.#listing?.undescribed.delete(name) !== true) this.#reads.recordRead(name)
    return Object.getOwnPropertyDescriptor(headers, name)
  }

  ownKeys (headers: IncomingHttpHeaders): Array<string | symbol> {
    this.#reads.recordReadAll()
    this.endListing()
    const names = Object.keys(headers)
    this.#listing = { unread: new Set(names), undescribed: new Set(names), read: [] }
    return Reflect.ownKeys(headers)
  }

  set (headers: IncomingHttpHeaders, name: string, value: string): boolean {
    this.#reads.beforeChange()
    headers[name] = value
    return true
  }

  deleteProperty (headers: IncomingHttpHeaders, name: string): boolean {
    this.#reads.beforeChange()
    return Reflect.deleteProperty(headers, name)
  }

  defineProperty (headers: IncomingHttpHeaders, name: string, descriptor: PropertyDescriptor): boolean {
    this.#reads.beforeChange()
    return Reflect.defineProperty(headers, name, descriptor)
  }

  #recordRead (name: string): void {
    if (this.#listing?.unread.delete(name) === true) this.#listing.read.push(name)
    else this.#reads.recordRead(name)
  }
}

/** The names of all headers have been listed, and code may go through them. */
interface Listing {
  readonly unread: Set<string>
  /** Names whose property descriptor has not been read, as `Object.keys` does for each. */
  readonly undescribed: Set<string>
  readonly read: string[]
}
