import Fastify from 'fastify'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import connections from '../../src/plugins/connections.ts'
import { untilClosed } from '../support/until-closed.ts'

/** A service whose slow routes wait for `closeAndRespond`, and a way to open connections to it. */
async function service (t: Test) {
  const requested = Promise.withResolvers<void>()
  const response = Promise.withResolvers<void>()
  const closing = Promise.withResolvers<void>()
  const app = Fastify()
  await app.register(connections)
  app.addHook('preClose', async () => closing.resolve())
  app.get('/', async () => 'at once')
  app.post('/', async () => 'whole')
  app.get('/slow', async () => {
    requested.resolve()
    await response.promise
    return 'at last'
  })
  app.get('/stream', (_request, reply) => {
    const stream = new PassThrough()
    stream.write('one ')
    response.promise.then(() => stream.end('two'))
    reply.send(stream)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo

  async function open (): Promise<{ socket: Socket, ended: Promise<void>, received (text: string): Promise<string> }> {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8')
    t.teardown(() => socket.destroy())
    socket.on('error', () => {}) // a connection may be reset
    let all = ''
    socket.on('data', (text) => { all += text })
    const ended = untilClosed(socket)
    const accepted = once(app.server, 'connection')
    await once(socket, 'connect')
    await accepted
    return {
      socket,
      ended,
      async received (text) {
        while (!all.includes(text)) await once(socket, 'data')
        return all
      }
    }
  }
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  return {
    app,
    open,
    request,
    requested: requested.promise,
    /** Starts to close the service, then lets the slow routes respond. */
    async closeAndRespond () {
      const closed = app.close()
      await closing.promise
      response.resolve()
      await closed
    }
  }
}

t.test('app.close() closes unused and idle connections at once', async (t) => {
  const { app, open, request } = await service(t)
  const unused = await open()
  const half = await open()
  half.socket.write('GET / HT')
  const idle = await open()
  idle.socket.write(request('/'))
  t.notMatch(await idle.received('at once'), /connection: close/i)
  await app.close()
  await Promise.all([unused.ended, half.ended, idle.ended])
})

t.test('app.close() waits for a response in flight, which says connection: close', async (t) => {
  const { open, request, requested, closeAndRespond } = await service(t)
  const { socket, received, ended } = await open()
  socket.write(request('/slow'))
  await requested
  const closed = closeAndRespond()
  t.match(await received('at last'), /connection: close/i)
  await Promise.all([ended, closed])
})

t.test('app.close() waits for the end of a response whose headers are sent', async (t) => {
  const { open, request, closeAndRespond } = await service(t)
  const { socket, received, ended } = await open()
  socket.write(request('/stream'))
  await received('one')
  const closed = closeAndRespond()
  t.match(await received('\r\n0\r\n\r\n'), 'two')
  await Promise.all([ended, closed])
})

t.test('app.close() ignores a connection that its client has closed', async (t) => {
  const { app, open, request } = await service(t)
  const { socket, received } = await open()
  socket.write(request('/'))
  await received('at once')
  socket.destroy()
  await new Promise<void>((resolve) => {
    app.server.getConnections(function check (_error, count) {
      if (count === 0) resolve()
      else setImmediate(() => app.server.getConnections(check))
    })
  })
  await app.close()
})

t.test('app.close() does not wait for an incomplete request', async (t) => {
  const { app, open } = await service(t)
  app.server.requestTimeout = 0
  const { socket, ended } = await open()
  const begun = once(app.server, 'request')
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
  await begun
  await app.close()
  await ended
  t.pass('closed without it')
})
