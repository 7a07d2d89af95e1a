import type { IncomingHttpHeaders } from 'node:http'
import { TrackingProxy } from './tracking-proxy.ts'

/** Notices reads and changes of request headers. */
export interface HeaderReads {
  recordRead (name: string): void
  /** Notices a read of all headers together. */
  recordReadAll (): void
  hasRead (name: string): boolean
  /** Notices that the names of all headers are listed: what follows is complete after `lister.endListing`. */
  beginListing (lister: HeaderProxy): void
  beforeChange (): void
}

/** Shows request headers, and reports each read. */
export class HeaderProxy extends TrackingProxy<IncomingHttpHeaders> {
  readonly #reads: HeaderReads
  #listing: Listing | undefined

  constructor (headers: IncomingHttpHeaders, reads: HeaderReads) {
    super(headers)
    this.#reads = reads
  }

  /** Listing the headers and then reading all of them is a copy. Listing them and reading some depends on those. */
  endListing (): void {
    if (this.#listing === undefined) return
    const { read, unread } = this.#listing
    this.#listing = undefined
    if (![...unread].every((name) => this.#reads.hasRead(name))) for (const name of read) this.#reads.recordRead(name)
  }

  override recordRead (name: string): void {
    this.#reads.recordRead(name)
  }

  override recordAll (): void {
    this.#reads.recordReadAll()
  }

  override recordValue (name: string): void {
    if (this.#listing?.unread.delete(name) === true) this.#listing.read.push(name)
    else this.#reads.recordRead(name)
  }

  override recordDescriptor (name: string): void {
    if (this.#listing?.undescribed.delete(name) !== true) this.#reads.recordRead(name)
  }

  override recordNames (headers: IncomingHttpHeaders): void {
    this.#reads.recordReadAll()
    this.#reads.beginListing(this)
    const names = Object.keys(headers)
    this.#listing = { unread: new Set(names), undescribed: new Set(names), read: [] }
  }

  override beforeChange (): void {
    this.#reads.beforeChange()
  }
}

/** The names of all headers have been listed, and code may go through them. */
interface Listing {
  readonly unread: Set<string>
  /** Names whose property descriptor has not been read, as `Object.keys` does for each. */
  readonly undescribed: Set<string>
  readonly read: string[]
}
