import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { TimeSeries } from '../../../src/dashboard/live/time-series.ts'
import { EventStream } from '../../../src/dashboard/live/event-stream.ts'
import { CacheStats } from '../../../src/metrics/stats.ts'
import { testApp } from '../../support/app.ts'
import { until } from '../../support/until.ts'

interface Message { event: string, data: { html: string, samples: unknown[] } }

/** Opens a dashboard that records its messages. */
async function watch (address: string) {
  const request = get(`${address}/cache/events`)
  request.on('error', () => {}) // the service may end
  const [response] = await once(request, 'response') as [IncomingMessage]
  const messages: Message[] = []
  let event = ''
  const lines = createInterface({ input: response }).on('line', (line) => {
    if (line.startsWith('event: ')) event = line.slice(7)
    if (line.startsWith('data: ')) messages.push({ event, data: JSON.parse(line.slice(6)) })
  })
  for (const source of [response, lines]) source.on('error', () => {})
  const ended = new Promise((resolve) => response.once('close', resolve))
  return { response, messages, ended, leave: () => request.destroy() }
}

/** A service with nothing but events. The test calls `tick` for each second. */
async function setUp (t: Test, render: () => string = () => 'figures', onSend = async () => {}) {
  const cache = createCache({ store: memoryStore() })
  const stats = new CacheStats(cache)
  const stream = new EventStream(new TimeSeries(stats), stats, render)
  const app = Fastify()
  app.addHook('preClose', async () => stream.close())
  app.addHook('onSend', onSend)
  app.get('/cache/events', (_request, reply) => { reply.type('text/event-stream').send(stream.connect(reply.raw)) })
  t.teardown(async () => {
    stats.close()
    await app.close()
  })
  return { stream, stats, app, address: await app.listen({ host: '127.0.0.1', port: 0 }) }
}

t.test('tick sends a sample to all dashboards, and a new one gets the samples before it', async (t) => {
  const { stream, stats, address } = await setUp(t)
  stream.tick()
  stream.tick()
  const first = await watch(address)
  await until('the start', () => first.messages.length === 1)
  t.match(first.messages[0], { event: 'start', data: { html: 'figures' } })
  t.equal(first.messages[0]!.data.samples.length, 2)
  const second = await watch(address)
  await until('both are connected', () => second.messages.length === 1 && stats.watchers === 2)
  stream.tick()
  for (const { messages } of [first, second]) {
    await until('the update', () => messages.length === 2)
    t.match(messages[1], { event: 'update', data: { html: 'figures' } })
    t.equal(messages[1]!.data.samples.length, 1)
  }
  first.leave()
  await until('it has disconnected', () => stats.watchers === 1)
})

t.test('notifyChange sends the figures soon, once for many changes', async (t) => {
  let rendered = 0
  const { stream, address } = await setUp(t, () => `rendered ${++rendered}`)
  stream.notifyChange() // without dashboards
  const { messages } = await watch(address)
  await until('the start', () => messages.length === 1)
  for (let i = 0; i < 100; i++) stream.notifyChange()
  await until('the update', () => messages.length === 2)
  t.same(messages[1]!.data, { html: 'rendered 2', samples: [] })
})

t.test('the number of dashboards is limited', async (t) => {
  const { stats, address, app } = await setUp(t)
  const watchers = await Promise.all(Array.from({ length: 20 }, () => watch(address)))
  await until('all are connected', () => stats.watchers === 20)
  const refused = await app.inject({ url: '/cache/events' })
  t.equal(refused.statusCode, 503)
  t.match(refused.json(), {
    code: 'FST_ERR_LARDER_TOO_MANY_WATCHERS', message: '20 dashboards are open already. Close one of them.'
  })
  watchers[0]!.leave()
  await until('there is room', () => stats.watchers === 19)
  t.equal((await watch(address)).response.statusCode, 200)
})

t.test('a client that does not read is disconnected after 10 s, and others go on', async (t) => {
  const { stream, stats, address } = await setUp(t, () => 'x'.repeat(8 * 1024 * 1024)) // more than sockets hold
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname).on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.pause()
  socket.write(`GET /cache/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  await until('it is connected', () => stats.watchers === 1)
  await setImmediate()
  for (let seconds = 0; seconds < 9; seconds++) stream.tick()
  t.equal(stats.watchers, 1, 'a slow client gets some time')
  stream.tick()
  await until('it is disconnected', () => stats.watchers === 0)
  const { messages } = await watch(address)
  await until('another dashboard gets a message', () => messages.length === 1)
})

t.test('close ends all connections, also of clients that do not read', async (t) => {
  const { stream, stats, address, app } = await setUp(t, () => 'x'.repeat(8 * 1024 * 1024))
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname).on('error', () => {})
  socket.pause()
  socket.write(`GET /cache/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  const reader = await watch(address)
  await until('both are connected', () => stats.watchers === 2 && reader.messages.length === 1)
  stream.notifyChange()
  await app.close()
  await reader.ended
  await until('all are disconnected', () => stats.watchers === 0)
  t.throws(() => stream.connect({ writableLength: 0 }), { code: 'FST_ERR_LARDER_TOO_MANY_WATCHERS' }, 'after close')
})

t.test('a client that disconnects before the response begins makes room for another', async (t) => {
  const held = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const { stats, address } = await setUp(t, undefined, async () => {
    arrived.resolve()
    await held.promise
  })
  const request = get(`${address}/cache/events`).on('error', () => {})
  await arrived.promise
  t.equal(stats.watchers, 1)
  request.destroy()
  held.resolve()
  await until('it has disconnected', () => stats.watchers === 0)
})

t.test('the service sends a change of a product soon, and ends while dashboards are open', async (t) => {
  const app = await testApp(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const { messages, response, ended } = await watch(address)
  t.match(response.headers, {
    'content-type': 'text/event-stream', 'cache-control': 'no-store', 'content-security-policy': /default-src 'none'/
  })
  await until('the start', () => messages.length === 1)
  t.match(messages[0]!.data.html, 'Nothing has been invalidated yet')
  await app.inject({ method: 'PATCH', url: '/api/products/1', payload: { price: '1.23' } })
  await until('the change', () => messages.some(({ data }) => data.html.includes('Keys were deleted')))
  await until('a second', () => messages.some(({ event, data }) => event === 'update' && data.samples.length === 1))
  t.match((await app.inject('/metrics')).body, 'larder_dashboard_watchers 1')
  await app.close()
  await ended
})
