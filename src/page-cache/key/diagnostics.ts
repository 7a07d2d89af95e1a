import { type Channel, channel } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { HeaderTracker } from './header-tracking.ts'

/** The channels on which Node publishes a request before the server emits it. */
const CHANNELS = ['http.server.response.created', 'http.server.request.start']

interface Message {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly socket?: unknown
}

/**
 * Tracks what subscribers of Node's channels read of a request that has not arrived at the application yet.
 *
 * @param isTracked whether the requests of a server are tracked
 */
export function trackSubscribers (isTracked: (server: object) => boolean): void {
  for (const name of CHANNELS) {
    const requests = channel(name)
    if (Object.hasOwn(requests, 'publish')) continue
    // Node calls it only if there is a subscriber, who may have come before us.
    requests.publish = function (this: Channel, message) {
      const { publish } = Object.getPrototypeOf(this) as Channel
      const { request, response, socket } = message as Message
      const { server } = request.socket as { server?: object }
      if (server === undefined || !isTracked(server)) return publish.call(this, message)
      const tracker = HeaderTracker.track(request, response)
      tracker.isInNode = false
      if (socket !== undefined) {
        Object.defineProperty(message, 'socket', {
          get () {
            tracker.recordConnection()
            return socket
          }
        })
      }
      publish.call(this, message)
      tracker.isInNode = true
    }
  }
}
