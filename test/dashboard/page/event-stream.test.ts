import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { fastifySSE } from '@fastify/sse'
import Fastify, { type FastifyReply } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { TimeSeries } from '../../../src/dashboard/page/time-series.ts'
import { EventStream } from '../../../src/dashboard/page/event-stream.ts'
import { CacheStats } from '../../../src/dashboard/metrics/stats.ts'
import { testApp } from '../../support/app.ts'
import { until } from '../../support/until.ts'

interface Message { event: string, data: { html: string, samples: unknown[] } }

/** A dashboard that hears what it is told. */
async function watch (address: string) {
  const request = get(`${address}/cache/events`)
  request.on('error', () => {}) // the service may go away
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

/** A service of nothing but events, whose seconds pass when the test says so. */
async function setUp (t: Test, render: () => Promise<string> = async () => 'figures') {
  const tally = new CacheStats({ cache: createCache({ store: memoryStore() }) })
  const live = new EventStream(new TimeSeries(tally, Date.now), render)
  const app = Fastify()
  app.addHook('preClose', async () => live.close())
  await app.register(fastifySSE)
  app.get('/cache/events', { exposeHeadRoute: false, sse: { kind: 'only', heartbeat: false } }, async (_request, reply) => { await live.add(reply) })
  t.teardown(async () => {
    tally.close()
    await app.close()
  })
  return { live, app, address: await app.listen({ host: '127.0.0.1', port: 0 }) }
}

t.test('each second is told to all, and those before it to who comes', async (t) => {
  const { live, address } = await setUp(t)
  await live.tick()
  await live.tick()
  const first = await watch(address)
  await until('the start', () => first.messages.length === 1)
  t.match(first.messages[0], { event: 'start', data: { html: 'figures' } })
  t.equal(first.messages[0]!.data.samples.length, 2)
  const second = await watch(address)
  await until('both are there', () => second.messages.length === 1 && live.watchers === 2)
  await live.tick()
  for (const { messages } of [first, second]) {
    await until('the news', () => messages.length === 2)
    t.match(messages[1], { event: 'news', data: { html: 'figures' } })
    t.equal(messages[1]!.data.samples.length, 1)
  }
  first.leave()
  await until('it has left', () => live.watchers === 1)
})

t.test('a change is told before the second is over, many together', async (t) => {
  let rendered = 0
  const { live, address } = await setUp(t, async () => `rendered ${++rendered}`)
  live.changed() // to nobody
  const { messages } = await watch(address)
  await until('the start', () => messages.length === 1)
  for (let i = 0; i < 100; i++) live.changed()
  await until('the news', () => messages.length === 2)
  t.same(messages[1]!.data, { html: 'rendered 2', samples: [] })
})

t.test('the number of connections is bounded', async (t) => {
  const { live, address, app } = await setUp(t)
  const watchers = await Promise.all(Array.from({ length: 20 }, () => watch(address)))
  await until('all are there', () => live.watchers === 20)
  const refused = await app.inject({ url: '/cache/events' })
  t.equal(refused.statusCode, 503)
  t.match(refused.json(), { code: 'LARDER_TOO_MANY_WATCHERS', message: '20 dashboards are open already. Close one of them.' })
  watchers[0]!.leave()
  await until('there is room', () => live.watchers === 19)
  t.equal((await watch(address)).response.statusCode, 200)
})

t.test('a client that does not read is dropped, and the others go on', async (t) => {
  const { live, address } = await setUp(t, async () => 'x'.repeat(8 * 1024 * 1024)) // more than sockets hold
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname).on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.pause()
  socket.write(`GET /cache/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  await until('it is there', () => live.watchers === 1)
  await setImmediate()
  for (let seconds = 0; seconds < 9; seconds++) await live.tick()
  t.equal(live.watchers, 1, 'it may take a while')
  await live.tick()
  await until('it is gone', () => live.watchers === 0)
  const { messages } = await watch(address)
  await until('somebody else hears', () => messages.length === 1)
})

t.test('the end of the service ends them, those too that do not read', async (t) => {
  const { live, address, app } = await setUp(t, async () => 'x'.repeat(8 * 1024 * 1024))
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname).on('error', () => {})
  socket.pause()
  socket.write(`GET /cache/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  const reader = await watch(address)
  await until('both are there', () => live.watchers === 2 && reader.messages.length === 1)
  live.changed()
  await app.close()
  await reader.ended
  await until('nobody is left', () => live.watchers === 0)
  await t.rejects(live.add({} as never), { code: 'LARDER_TOO_MANY_WATCHERS' }, 'nobody comes after the end')
})

t.test('one who leaves while the figures are made is told nothing', async (t) => {
  const held = Promise.withResolvers<string>()
  const { live, address } = await setUp(t, () => held.promise)
  const request = get(`${address}/cache/events`).on('error', () => {})
  await until('it is there', () => live.watchers === 1)
  request.destroy()
  await until('it has left', () => live.watchers === 0)
  held.resolve('figures')
  await setImmediate()
  t.equal(live.watchers, 0)
})

t.test('one who has left before it begins takes no place', async (t) => {
  const { live } = await setUp(t)
  await live.add({ raw: { destroyed: true } } as FastifyReply)
  t.equal(live.watchers, 0)
})

t.test('the service tells of a change of a product soon, and ends with its dashboards open', async (t) => {
  const app = await testApp(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const { messages, response, ended } = await watch(address)
  t.match(response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'content-security-policy': /default-src 'self'/ })
  await until('the start', () => messages.length === 1)
  t.match(messages[0]!.data.html, 'Nothing has been invalidated yet')
  await app.inject({ method: 'PATCH', url: '/api/products/1', payload: { price: '1.23' } })
  await until('the change', () => messages.some(({ data }) => data.html.includes('Keys were deleted')))
  await until('a second', () => messages.some(({ event, data }) => event === 'news' && data.samples.length === 1))
  t.match((await app.inject('/metrics')).body, 'larder_dashboard_watchers 1')
  await app.close()
  await ended
})
