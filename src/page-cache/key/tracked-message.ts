import { type IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import {
  extendClass, findObservablePrototype, insertPrototype, IS_OBSERVABLE, replaceServerClass
} from './observable-classes.ts'

/** Notices what is read from a request of Node. */
export interface MessageObserver {
  /** Returns the headers to show in place of those of the request. */
  showHeaders (own: IncomingHttpHeaders): IncomingHttpHeaders
  showRawHeaders (own: string[]): string[]
  /** Notices that the application replaces all headers. */
  replaceHeaders (headers: IncomingHttpHeaders): void
  /** Notices that `util.inspect` reads all. */
  recordInspection (): void
  /** Notices that the connection is read, or something that depends on it. */
  recordConnection (): void
  /** Runs `read`, whose reads of the connection do not count. */
  ignoreConnection<T> (read: () => T): T
}

/** What is observed. The last three exist in HTTP/2 only. */
interface Message {
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  readonly headersDistinct: NodeJS.Dict<string[]>
  socket: unknown
  client: unknown
  httpVersion: unknown
  httpVersionMajor: unknown
  httpVersionMinor: unknown
  stream: unknown
  authority: unknown
  scheme: unknown
  _destroy (error: Error | null, callback: (error?: Error | null) => void): void
}

/** Those that may be properties of a request itself, and not of its prototype. */
const NAMES = [
  'headers', 'rawHeaders', 'socket', 'client', 'httpVersion', 'httpVersionMajor', 'httpVersionMinor'
] as const

const OBSERVER = Symbol('larder.observer')
const HEADERS = Symbol('larder.headers')
const RAW_HEADERS = Symbol('larder.rawHeaders')
const SOCKET = Symbol('larder.socket')
const CLIENT = Symbol('larder.client')
const VERSION = Symbol('larder.httpVersion')
const MAJOR = Symbol('larder.httpVersionMajor')
const MINOR = Symbol('larder.httpVersionMinor')

interface Observable {
  [OBSERVER]?: MessageObserver | undefined
  [HEADERS]?: IncomingHttpHeaders
  [RAW_HEADERS]?: string[]
  [SOCKET]?: unknown
  [CLIENT]?: unknown
  [VERSION]?: unknown
  [MAJOR]?: unknown
  [MINOR]?: unknown
}

type MessageClass = new (...args: unknown[]) => Message & Observable

/**
 * Makes a class of requests observable.
 *
 * Accessors on the prototype cost a request nothing, while accessors on each request would take several microseconds.
 */
function makeObservable (Base: MessageClass): MessageClass {
  class ObservableMessage extends Base {
    override get headers (): IncomingHttpHeaders {
      const own = this[HEADERS] ?? super.headers
      return this[OBSERVER] === undefined ? own : this[OBSERVER].showHeaders(own)
    }

    override set headers (headers) {
      this[HEADERS] = headers
      this[OBSERVER]?.replaceHeaders(headers)
    }

    override get rawHeaders (): string[] {
      const own = this[RAW_HEADERS] ?? super.rawHeaders
      return this[OBSERVER] === undefined ? own : this[OBSERVER].showRawHeaders(own)
    }

    override set rawHeaders (rawHeaders) { this[RAW_HEADERS] = rawHeaders }

    // Node would take as many lines from `rawHeaders` as it has received.
    override get headersDistinct (): NodeJS.Dict<string[]> {
      if (this[OBSERVER] === undefined) return super.headersDistinct
      const { rawHeaders } = this
      const distinct: NodeJS.Dict<string[]> = Object.create(null)
      for (let i = 0; i < rawHeaders.length; i += 2) {
        (distinct[rawHeaders[i]!.toLowerCase()] ??= []).push(rawHeaders[i + 1]!)
      }
      return distinct
    }

    override get socket (): unknown {
      this[OBSERVER]?.recordConnection()
      return this[SOCKET] ?? super.socket
    }

    override set socket (socket) { this[SOCKET] = socket }

    override get client (): unknown {
      this[OBSERVER]?.recordConnection()
      return this[CLIENT] ?? super.client
    }

    override set client (client) { this[CLIENT] = client }

    override get httpVersion (): unknown {
      this[OBSERVER]?.recordConnection()
      return this[VERSION] ?? super.httpVersion
    }

    override set httpVersion (version) { this[VERSION] = version }

    override get httpVersionMajor (): unknown {
      this[OBSERVER]?.recordConnection()
      return this[MAJOR] ?? super.httpVersionMajor
    }

    override set httpVersionMajor (version) { this[MAJOR] = version }

    override get httpVersionMinor (): unknown {
      this[OBSERVER]?.recordConnection()
      return this[MINOR] ?? super.httpVersionMinor
    }

    override set httpVersionMinor (version) { this[MINOR] = version }

    [inspect.custom] (): this {
      this[OBSERVER]?.recordInspection()
      return this
    }

    // Node itself reads the connection, because the client has left.
    override _destroy (error: Error | null, callback: (error?: Error | null) => void): void {
      if (this[OBSERVER] === undefined) super._destroy(error, callback)
      else this[OBSERVER].ignoreConnection(() => super._destroy(error, callback))
    }
  }
  Object.defineProperty(ObservableMessage.prototype, IS_OBSERVABLE, { value: true })
  return ObservableMessage
}

/** Makes a class of requests of HTTP/2 observable. */
function makeHttp2Observable (Base: MessageClass): MessageClass {
  return class ObservableHttp2Message extends Base {
    override get stream (): unknown {
      this[OBSERVER]?.recordConnection()
      return super.stream
    }

    override get authority (): unknown {
      this[OBSERVER]?.recordConnection()
      return super.authority
    }

    override get scheme (): unknown {
      this[OBSERVER]?.recordConnection()
      return super.scheme
    }
  }
}

/** Makes a class of requests observable, of HTTP/2 too. */
function makeAnyObservable (Base: MessageClass): MessageClass {
  return makeObservable('authority' in Base.prototype ? makeHttp2Observable(Base) : Base)
}

/** Makes the requests of a server observable, if its class of requests can be replaced. */
export function makeRequestsObservable (server: object): void {
  extendClass(IncomingMessage as unknown as MessageClass, makeObservable)
  replaceServerClass(server, 'IncomingMessage', makeObservable)
}

/**
 * Whether a request that is observed still is: the application may have replaced its prototype.
 *
 * If it has, later requests that get that prototype are observed.
 */
export function isStillObserved (message: IncomingMessage): boolean {
  if (IS_OBSERVABLE in message) return true
  insertPrototype(message, IncomingMessage as unknown as MessageClass, makeObservable)
  return false
}

/** Observes a request. */
export function observe (message: IncomingMessage, observer: MessageObserver): void {
  const observable = message as IncomingMessage & Observable
  if (!(IS_OBSERVABLE in observable)) makeInstanceObservable(observable)
  observable[OBSERVER] = observer
}

/** Stops to observe a request. */
export function stopObserving (message: IncomingMessage): void {
  (message as Observable)[OBSERVER] = undefined
}

/** Returns the observer of a request. */
export function findObserver (message: IncomingMessage): MessageObserver | undefined {
  return (message as Observable)[OBSERVER]
}

/** Makes one request observable: its own properties would hide the accessors, so it gets them anew. */
function makeInstanceObservable (message: object): void {
  const properties = message as Record<string, unknown>
  const own: Record<string, unknown> = {}
  for (const name of NAMES) {
    if (!Object.hasOwn(message, name)) continue
    own[name] = properties[name]
    delete properties[name]
  }
  Object.setPrototypeOf(message, findObservablePrototype(Object.getPrototypeOf(message) as object, makeAnyObservable))
  Object.assign(message, own)
}
