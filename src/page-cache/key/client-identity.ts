import type { FastifyRequest } from 'fastify'
import type { HeaderTracker } from './header-tracking.ts'

/** Records what a handler learns about the client from the request itself, besides its headers. */
export function trackClientIdentity (
  request: FastifyRequest, tracker: HeaderTracker, requestIdHeader: string | false | undefined
): void {
  // A plugin that was registered before the page cache may have parsed the cookies unseen. Without cookies the property
  // may be null.
  if ('cookies' in request || 'session' in request) tracker.recordRead('cookie')
  for (const name of ['ip', 'ips']) {
    if (!(name in request)) continue
    trackProperty(request, name, () => {
      tracker.recordReadClientAddress()
      return Reflect.get(Object.getPrototypeOf(request) as object, name, request) as unknown
    })
  }
  // The client may choose the id of its request.
  if (typeof requestIdHeader === 'string' && tracker.sent[requestIdHeader] !== undefined) {
    const { id } = request
    trackProperty(request, 'id', () => {
      tracker.recordRead(requestIdHeader)
      return id
    })
  }
}

function trackProperty (request: FastifyRequest, name: string, get: () => unknown): void {
  Object.defineProperty(request, name, {
    configurable: true,
    get,
    set (value) {
      Object.defineProperty(request, name, { value, configurable: true, writable: true, enumerable: true })
    }
  })
}
