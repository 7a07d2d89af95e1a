import type { FastifyRequest } from 'fastify'
import { findInternal } from './fastify-internals.ts'
import { findTracker, type HeaderTracker } from './header-tracking.ts'

const TRACKED_PROTOTYPE = Symbol('larder.tracked-prototype')
const COOKIES = Symbol('larder.cookies')

/** The hook with which @fastify/cookie parses the header of each request. */
const COOKIE_HOOK = 'fastifyCookieHandler'

interface TrackedPrototype {
  [TRACKED_PROTOTYPE]?: object
}

interface TrackedRequest extends FastifyRequest {
  [COOKIES]?: { own: unknown, shown: unknown }
}

/**
 * Tracks what is read from a request of Fastify besides its headers: the address of the client and parsed cookies.
 *
 * Each scope of an application has a class of requests of its own, whose prototype gets accessors once. With the option
 * `trustProxy` Fastify has accessors there that cannot be replaced, so a request gets another prototype.
 */
export function trackRequest (request: FastifyRequest): void {
  const prototype: TrackedPrototype = Object.getPrototypeOf(request)
  // Not an inherited one, which is that of an outer scope.
  const known = Object.hasOwn(prototype, TRACKED_PROTOTYPE) ? prototype[TRACKED_PROTOTYPE] : undefined
  const tracked = known ?? makeTrackedPrototype(request, prototype)
  if (tracked !== prototype) Object.setPrototypeOf(request, tracked)
}

function makeTrackedPrototype (request: FastifyRequest, prototype: TrackedPrototype): object {
  trackCookies(request, prototype)
  const tracked = 'ips' in prototype ? Object.create(prototype) as object : prototype
  for (const name of ['ip', 'ips']) {
    wrapGetter(tracked, name, (tracker, request, read) => tracker.readAddress(() => read.call(request)))
  }
  // The key covers these two. To compute them, Fastify reads the socket. Each hit needs both.
  for (const name of ['host', 'protocol']) {
    wrapGetter(tracked, name, ({ connection }, request, read) => {
      const before = connection.rest
      const value = read.call(request)
      connection.rest = before
      return value
    })
  }
  Object.defineProperty(prototype, TRACKED_PROTOTYPE, { value: tracked })
  return tracked
}

/** Tracks the id of a request whose client may choose it. */
export function trackRequestId (
  request: FastifyRequest, tracker: HeaderTracker, requestIdHeader: string | false | undefined
): void {
  if (typeof requestIdHeader !== 'string') return
  const { id } = request
  Object.defineProperty(request, 'id', {
    configurable: true,
    get () {
      tracker.recordRead(requestIdHeader)
      return id
    },
    set (value: unknown) { setOwn(request, 'id', value) }
  })
}

type Observe = (tracker: HeaderTracker, request: FastifyRequest, read: () => unknown) => unknown

function wrapGetter (prototype: object, name: string, observe: Observe): void {
  const original = findDescriptor(prototype, name)?.get
  if (original === undefined) return
  Object.defineProperty(prototype, name, {
    configurable: true,
    get (this: FastifyRequest) {
      const tracker = findTracker(this.raw)
      return tracker === undefined ? original.call(this) : observe(tracker, this, original)
    },
    set (this: FastifyRequest, value: unknown) { setOwn(this, name, value) }
  })
}

/** Tracks `request.cookies`, if a plugin has declared it as a property. */
function trackCookies (request: FastifyRequest, prototype: object): void {
  const own = Object.getOwnPropertyDescriptor(request, 'cookies')
  if (own === undefined) return
  // The header is read to parse it, which shapes no response yet. Of other plugins we do not know that.
  const hooks = Object.values(findInternal<Record<string, unknown>>(request.server, 'fastify.hooks')).flat()
  const isByPlugin = hooks.some((hook) => (hook as { name?: string } | null)?.name === COOKIE_HOOK)
  Object.defineProperty(prototype, 'cookies', {
    configurable: true,
    get (this: TrackedRequest) { return this[COOKIES]?.shown },
    set (this: TrackedRequest, cookies: unknown) {
      const tracker = findTracker(this.raw)
      const isTracked = tracker !== undefined && typeof cookies === 'object' && cookies !== null
      this[COOKIES] = { own: cookies, shown: isTracked ? tracker.trackCookies(cookies, isByPlugin) : cookies }
    }
  })
  // The first request of a class has got its property before.
  delete (request as unknown as { cookies?: unknown }).cookies
  Object.assign(request, { cookies: own.value as unknown })
}

/** Hides all cookies but the listed ones from what follows. */
export function hideCookies (request: FastifyRequest, tracker: HeaderTracker, listed: ReadonlySet<string>): void {
  tracker.hideCookies(listed)
  const own = (request as TrackedRequest)[COOKIES]?.own
  if (typeof own !== 'object' || own === null) return
  const shown = Object.fromEntries(Object.entries(own).filter(([name]) => listed.has(name)))
  Object.assign(request, { cookies: shown })
}

function findDescriptor (object: object, name: string): PropertyDescriptor | undefined {
  for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name)
    if (descriptor !== undefined) return descriptor
  }
  return undefined
}

function setOwn (request: FastifyRequest, name: string, value: unknown): void {
  Object.defineProperty(request, name, { value, configurable: true, writable: true, enumerable: true })
}
