import type { onRequestHookHandler, RouteHandlerMethod, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { OverloadedError } from '../../errors.ts'
import { RefusedShare } from './refused-share.ts'
import type { WatchDelay } from './watch-delay.ts'

export { type WatchDelay, watchDelay } from './watch-delay.ts'

/** Milliseconds. When half of all delays are longer, nobody is served in time. */
const OVERLOAD_MS = 500

/** What operators need most during an overload. */
const OPERATION = /^\/(?:healthz|readyz|metrics|cache|docs)(?:\/|$)/
/** The lists of products. They are hits of the low-level cache, or else wait for the database, which has its limits. */
const LISTS = ['/', '/api/products']

/**
 * Refuses a share of the work while the event loop is overloaded, so that hits are still served in time. It has to be
 * registered before the page cache, which then serves its hits and stale pages without it.
 *
 * The queues of the database are no sign of overload here: their work does not delay hits, and the database itself
 * refuses what it cannot do in time.
 */
export default fp<{ watchDelay: WatchDelay }>((app, { watchDelay }, done) => {
  const share = new RefusedShare()
  const stop = watchDelay((medianMs) => {
    const { isRefusing } = share
    share.endInterval(medianMs >= OVERLOAD_MS)
    if (share.isRefusing === isRefusing) return
    app.log.warn(isRefusing
      ? 'the event loop is no longer overloaded: all requests are served'
      : 'the event loop is overloaded: a part of the requests that no cache can serve is refused')
  })
  app.addHook('onClose', async () => stop())

  const refuse: onRequestHookHandler = (_request, _reply, done) => {
    if (share.refuseNext()) done(new OverloadedError())
    else done()
  }
  const guard = (handler: RouteHandlerMethod): RouteHandlerMethod => function (request, reply) {
    if (share.refuseNext()) throw new OverloadedError()
    return handler.call(this, request, reply)
  }
  app.addHook('onRoute', (route) => {
    if (isServedAlways(route)) return
    // The page cache calls the handler for a miss. All others are refused before their body is read.
    if (route.config?.cachePage !== undefined) route.handler = guard(route.handler)
    else route.onRequest = [refuse, ...[route.onRequest ?? []].flat()]
  })
  done()
}, { fastify: '5.x', name: 'larder-overload' })

function isServedAlways ({ url, method }: RouteOptions): boolean {
  return OPERATION.test(url) || (LISTS.includes(url) && ['GET', 'HEAD'].includes(String(method)))
}
