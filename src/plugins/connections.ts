import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

/**
 * Lets go of connections when the service closes: at once of those on which nothing is under way, of the others with
 * their answer. Node would wait for clients that keep theirs open, or that have opened one ahead of its use.
 */
export default fp((app, _options, done) => {
  /** The last exchange on each connection. */
  const connections = new Map<Socket, { request: IncomingMessage, response: ServerResponse } | undefined>()
  app.server.on('connection', (socket) => {
    connections.set(socket, undefined)
    socket.once('close', () => connections.delete(socket))
  })
  app.server.on('request', (request, response) => { connections.set(request.socket, { request, response }) })

  app.addHook('preClose', (done) => {
    for (const [socket, exchange] of connections) {
      // A request that has not come in whole may never do so, and nothing was begun for it.
      if (exchange === undefined || exchange.response.writableFinished || !exchange.request.complete) {
        socket.destroy()
      } else {
        const { response } = exchange
        if (!response.headersSent) response.setHeader('connection', 'close')
        response.once('close', () => socket.destroySoon())
      }
    }
    done()
  })
  done()
}, { fastify: '5.x', name: 'larder-connections' })
