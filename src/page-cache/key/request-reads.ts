import type { IncomingHttpHeaders } from 'node:http'
import type { RouteCacheConfig } from '../options.ts'
import { ConnectionReads } from './connection-reads.ts'
import { addEarly, ALL_HEADERS, CONNECTION, listReadsOfApplication } from './early-reads.ts'
import { EXEMPT_IN_HOOKS } from './exempt-headers.ts'
import type { HeaderProxy, HeaderReads } from './header-proxy.ts'
import { ReadNames } from './read-names.ts'
import type { ReadsByFastify } from './reads-by-fastify.ts'
import type { Detail } from '../http/details.ts'

/** The names that clients can send, as Node writes them. */
const HEADER_NAME = /^:?[a-z0-9!#$%&'*+.^_`|~-]+$/

/** Whether no read of any request counts now. */
let isPausedForAll = false

/** Runs `work`, during which no read of any request counts. */
export function pauseTracking<T> (work: () => T): T {
  const wasPaused = isPausedForAll
  isPausedForAll = true
  try {
    return work()
  } finally {
    isPausedForAll = wasPaused
  }
}

/** What is read from a request while a response is built. */
export abstract class RequestReads implements HeaderReads {
  /** The headers as hooks have left them. */
  headers: IncomingHttpHeaders
  /** Whether Node handles the request, before the server emits it. */
  isInNode = false
  /** Whether listeners of the server run, and no hook. */
  isArriving = false
  /** Whether all headers were read together, as a proxy does to forward them. */
  readAll = false
  /** Whether all headers were read together before the option `cookies` has hidden any cookie. */
  readAllCookies = false
  readonly connection = new ConnectionReads()
  protected readonly names = new ReadNames()
  protected phase: 'before-hooks' | 'hooks' | 'handler' = 'before-hooks'
  protected exempt = EXEMPT_IN_HOOKS
  /** Headers that Fastify will read in hooks. */
  protected byFastify: readonly string[] = []
  /** The header that was read last. */
  protected lastRead: string | undefined
  #isPaused = false
  #isBuildingKey = false
  /** What was read before the hooks: by the application, and by Fastify for itself and its log. */
  #early: string[] | undefined = []
  /** The proxy whose names were listed last: the present one, or one that code has kept. */
  #lister: HeaderProxy | undefined

  constructor (headers: IncomingHttpHeaders) {
    this.headers = headers
  }

  abstract beforeChange (): void

  /** The headers and single cookies that were read by name, without those that the key covers. */
  get readByName (): string[] {
    this.endListing()
    return this.names.forResponse
  }

  /** The headers and single cookies that were read to build the custom key. */
  get keyHeaders (): string[] {
    return this.names.forKey
  }

  /** What was read that no key can cover, as the `detail` of `Cache-Status`. */
  get unkeyedRead (): Detail | undefined {
    return this.connection.unkeyed
  }

  /** A number that increases with each read of something that was not read before. */
  get readCount (): number {
    return (this.#early?.length ?? 0) + this.readByName.length + Number(this.readAll) + this.connection.count
  }

  private get isPaused (): boolean {
    return this.#isPaused || this.isInNode || isPausedForAll
  }

  /** Runs `work`, whose reads do not count. */
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

  /** Begins the hooks of a cached route. */
  beginHooks (
    { ignoreHeaders, ignoreAddress }: Pick<RouteCacheConfig, 'ignoreHeaders' | 'ignoreAddress'>,
    byFastify: ReadsByFastify
  ): void {
    this.endListing()
    const early = this.#early!
    this.#early = undefined
    this.phase = 'hooks'
    this.names.ignored = ignoreHeaders
    this.connection.ignoresAddress = ignoreAddress
    this.byFastify = byFastify.inHooks
    for (const name of listReadsOfApplication(early, byFastify.early)) {
      if (name === ALL_HEADERS) this.recordReadAll()
      else if (name === CONNECTION) this.connection.outsideRoutes = true
      else this.recordRead(name)
    }
  }

  recordReadAll (): void {
    if (this.#early !== undefined) return addEarly(this.#early, ALL_HEADERS)
    if (this.#isBuildingKey) return
    this.readAll = true
    this.readAllCookies ||= this.names.shownCookies === undefined
  }

  recordRead (name: string): void {
    if (this.isPaused) return
    if (this.#early !== undefined) return addEarly(this.#early, name)
    // JavaScript itself reads names such as toJSON. But hooks may add headers with any name.
    if (!HEADER_NAME.test(name) && !Object.hasOwn(this.headers, name)) return
    this.lastRead = name
    if (this.byFastify.includes(name)) this.byFastify = this.byFastify.filter((other) => other !== name)
    else if (!this.exempt.has(name)) this.names.add(name, this.#isBuildingKey)
  }

  recordCookie (cookie: string): void {
    if (!this.isPaused) this.names.addCookie(cookie, this.#isBuildingKey)
  }

  recordAllCookies (): void {
    if (!this.isPaused) this.names.addAllCookies(this.#isBuildingKey)
  }

  /** Runs `read`, which reads the address of the client. */
  readAddress<T> (read: () => T): T {
    if (this.phase === 'hooks' && this.connection.ignoresAddress) return this.pause(read)
    if (!this.isPaused) this.connection.recordAddress(this.phase)
    return this.ignoreConnection(read)
  }

  /** Runs `read`, which reads the connection for something that is recorded otherwise. */
  ignoreConnection<T> (read: () => T): T {
    return this.connection.ignore(read)
  }

  recordConnection (): void {
    if (this.isPaused || this.connection.isIgnored) return
    if (this.#early !== undefined) addEarly(this.#early, CONNECTION)
    else if (this.isArriving) this.connection.outsideRoutes = true
    else this.connection.rest = true
  }

  recordInspection (): void {
    this.recordReadAll()
    this.recordConnection()
  }

  beginListing (lister: HeaderProxy): void {
    this.endListing()
    this.#lister = lister
  }

  hasRead (name: string): boolean {
    return this.names.has(name)
  }

  /** Records which headers were read while their names were listed. */
  protected endListing (): void {
    this.#lister?.endListing()
  }
}
