import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

/**
 * Closes connections when the service closes: idle ones at once, the others after their response.
 *
 * Node alone would wait for clients that keep an idle connection open, or that opened one in advance.
 */
export default fp((app, _options, done) => {
  /** The latest request of each connection, with its response. */
  const connections = new Map<Socket, { request: IncomingMessage, response: ServerResponse } | undefined>()
  app.server.on('connection', (socket) => {
    connections.set(socket, undefined)
    socket.once('close', () => connections.delete(socket))
  })
  app.server.on('request', (request, response) => { connections.set(request.socket, { request, response }) })

  app.addHook('preClose', (done) => {
    for (const [socket, exchange] of connections) {
      // An incomplete request may never be completed, and its handler has not started.
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
