import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { BodyMemory } from '../../../src/plugins/json-bodies/body-memory.ts'
import { readJsonBodies } from '../../../src/plugins/json-bodies/index.ts'
import { until } from '../../support/until.ts'

const KIB = 1024
const CHUNK = 'x'.repeat(10 * KIB)

/** A service with memory for bodies of 100 KiB, whose route `/` answers when the gate is open. */
async function start (t: Test) {
  const gate = Promise.withResolvers<void>()
  const codes: string[] = []
  const addresses: string[] = []
  let arrivals = 0
  const sockets: Socket[] = []
  const app = Fastify({ bodyLimit: 80 * KIB })
  app.server.on('connection', (socket: Socket) => { sockets.push(socket) })
  readJsonBodies(app, 100 * KIB)
  app.setErrorHandler<{ code: string, statusCode: number }>((error, request, reply) => {
    codes.push(error.code)
    addresses.push(request.ip)
    return reply.code(error.statusCode).send(error.code)
  })
  app.get('/', async () => 'ok')
  app.post('/', async () => {
    arrivals++
    await gate.promise
    return 'ok'
  })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const agent = new Agent({ keepAlive: true, maxSockets: 3 })
  t.teardown(async () => {
    gate.resolve()
    agent.destroy()
    await app.close()
  })

  /** Sends the beginning of a request. */
  const begin = (chunks: string[] = []) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request({ port, agent, method: chunks.length > 0 ? 'POST' : 'GET', headers })
    for (const chunk of chunks) sent.write(chunk)
    return sent
  }
  const receive = async (sent: ClientRequest) => {
    const [response] = await once(sent, 'response') as [IncomingMessage]
    return `${response.statusCode} ${Buffer.concat(await response.toArray())}`
  }
  /** Sends a string of JSON in chunks. */
  const send = async (chunks: string[]) => await receive(begin(['"', ...chunks, '"']).end())
  return { app, begin, receive, send, open: gate.resolve, codes, addresses, sockets, countArrivals: () => arrivals }
}

const chunks = (count: number, chunk = CHUNK) => Array<string>(count).fill(chunk)

t.test('bodies for which there is no memory get 503, until the requests before have a response', async (t) => {
  const { send, open, codes, countArrivals } = await start(t)
  const first = send(chunks(6))
  await until('the first body has been received', () => countArrivals() === 1)
  t.equal(await send(chunks(6)), '503 LARDER_OVERLOADED')
  const small = send(['x'])
  await until('the small body has been received', () => countArrivals() === 2)
  open()
  t.same(await Promise.all([first, small]), ['200 ok', '200 ok'])
  for (let i = 0; i < 5; i++) t.equal(await send(chunks(6)), '200 ok')
  t.same(codes, ['LARDER_OVERLOADED'])
})

t.test('a body that is being received counts, and not any more when its client closes the connection', async (t) => {
  const { begin, send, receive, open, codes, sockets } = await start(t)
  open()
  const partial = begin(['"', ...chunks(6)])
  partial.on('error', () => {})
  await until('the service has received a part', () => sockets[0] !== undefined && sockets[0].bytesRead > 60 * KIB)
  t.equal(await send(chunks(6)), '503 LARDER_OVERLOADED')
  t.equal(await receive(begin().end()), '200 ok', 'a request without a body')
  partial.destroy()
  await until('its memory is free', async () => await send(chunks(6)) === '200 ok')
  t.ok(codes.includes('LARDER_CLIENT_CLOSED'))
})

t.test('chunks of one byte count with the memory that they take', async (t) => {
  const { send, open } = await start(t)
  open()
  t.equal(await send(chunks(300, 'x')), '200 ok')
  t.equal(await send(chunks(1_000, 'x')), '503 LARDER_OVERLOADED')
})

t.test('a body that is too long gets 413, with its length in the header and in chunks', async (t) => {
  const { app, begin, receive, send, open, addresses } = await start(t)
  open()
  const post = async (payload: string | Readable) => {
    const headers = { 'content-type': 'application/json' }
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/', headers, payload })
    return `${statusCode} ${body}`
  }
  t.equal(await post(`"${CHUNK.repeat(8)}"`), '413 FST_ERR_CTP_BODY_TOO_LARGE')
  t.equal(await post(Readable.from(['"', ...chunks(8), '"'])), '413 FST_ERR_CTP_BODY_TOO_LARGE')
  t.equal(await receive(begin(['"', ...chunks(8)])), '413 FST_ERR_CTP_BODY_TOO_LARGE', 'before its end')
  t.equal(addresses.at(-1), '127.0.0.1', 'the request still has its socket')
  t.equal(await send(chunks(7)), '200 ok', 'their memory is free')
})

t.test('a request that is closed takes no more memory, and frees it once', (t) => {
  const memory = new BodyMemory(10)
  const [a, b] = [{}, {}]
  memory.open(a)
  memory.open(b)
  t.equal(memory.take(a, 4), true)
  t.equal(memory.take(a, 4), true)
  t.equal(memory.take(b, 3), false)
  memory.close(a)
  memory.close(a)
  t.equal(memory.take(a, 1), false)
  t.equal(memory.take(b, 11), false)
  t.equal(memory.take(b, 10), true)
  t.end()
})
