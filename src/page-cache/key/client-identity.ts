import type { FastifyRequest } from 'fastify'
import type { HeaderTracker } from './header-tracking.ts'

/** Notes what a handler learns of its client through the request itself, besides its headers. */
export function trackClientIdentity (request: FastifyRequest, headerReads: HeaderTracker, requestIdHeader: string | false | undefined): void {
  // A plugin that is older than the page cache may have read them out of its sight. Where there are none the property may be null.
  if ('cookies' in request || 'session' in request) headerReads.recordRead('cookie')
  for (const name of ['ip', 'ips']) {
    if (!(name in request)) continue
    watch(request, name, () => {
      headerReads.recordReadClientAddress()
      return Reflect.get(Object.getPrototypeOf(request) as object, name, request) as unknown
    })
  }
  // Whatever a client calls its request.
  if (typeof requestIdHeader === 'string' && headerReads.sent[requestIdHeader] !== undefined) {
    const { id } = request
    watch(request, 'id', () => {
      headerReads.recordRead(requestIdHeader)
      return id
    })
  }
}

function watch (request: FastifyRequest, name: string, get: () => unknown): void {
  Object.defineProperty(request, name, {
    configurable: true,
    get,
    set (value) {
      Object.defineProperty(request, name, { value, configurable: true, writable: true, enumerable: true })
    }
  })
}
