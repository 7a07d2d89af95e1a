import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { Database } from '../../src/db/index.ts'
import { abandonWork } from '../../src/products/abandon-work.ts'

const GONE = { code: 'LARDER_CLIENT_CLOSED' }

/** A server whose handlers run with the signal that a database would receive. */
async function setUp (t: Test, beforeHook: (closed: Promise<unknown>) => unknown = () => {}) {
  let signal: AbortSignal | undefined
  const withSignal: Database['withSignal'] = (given, work) => {
    signal = given
    return work()
  }
  const handled = Promise.withResolvers<AbortSignal>()
  const finish = Promise.withResolvers<void>()
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('preValidation', async (_request, { raw }) => { await beforeHook(once(raw, 'close')) })
  app.addHook('preHandler', abandonWork({ withSignal } as Partial<Database> as Database))
  app.get('/', async () => {
    handled.resolve(signal!)
    await finish.promise
    return 'done'
  })
  await app.listen({ port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  return { socket, handled: handled.promise, finish: finish.resolve }
}

t.test('a client that closes the connection abandons the work of its request', async (t) => {
  const { socket, handled, finish } = await setUp(t)
  const signal = await handled
  t.equal(signal.aborted, false)
  const aborted = once(signal, 'abort')
  socket.destroy()
  await aborted
  t.match(signal.reason, GONE)
  finish()
})

t.test('a response that was sent completely abandons nothing', async (t) => {
  const { socket, handled, finish } = await setUp(t)
  const signal = await handled
  finish()
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /200 OK[^]*done$/)
  socket.end()
  await once(socket, 'close')
  t.equal(signal.aborted, false)
})

t.test('the work of a client that has already gone is abandoned before it begins', async (t) => {
  const reading = Promise.withResolvers<void>()
  const { socket, handled, finish } = await setUp(t, async (closed) => {
    reading.resolve()
    await closed
  })
  await reading.promise
  socket.destroy()
  const signal = await handled
  t.equal(signal.aborted, true)
  t.match(signal.reason, GONE)
  finish()
})
