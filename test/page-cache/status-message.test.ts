import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'

type Handler = (reply: FastifyReply) => unknown

/** A page with a handler that the test may change, and its replies: status, message and cache status. */
async function page (t: Test, handler: Handler, prepare: (app: FastifyInstance) => unknown = () => {}) {
  const { now, advance } = fakeClock()
  const app = Fastify()
  t.teardown(() => app.close())
  prepare(app)
  await app.register(pageCache, { cache: createCache({ store: memoryStore({ now }), now }), now })
  const site = { handler }
  const config = { cachePage: { ttl: 60, staleIfError: 600 } }
  app.get('/', { config }, async (_request, reply) => site.handler(reply))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const get = async (headers: Record<string, string> = {}) => {
    const sent = httpRequest({ host: '127.0.0.1', port, headers, agent: false }).end()
    const [response] = await once(sent, 'response') as [IncomingMessage]
    const body = await text(response)
    const cacheStatus = /hit|stored|stale/.exec(String(response.headers['cache-status']))?.[0]
    return { line: `${response.statusCode} ${response.statusMessage}`, cacheStatus, body, etag: response.headers.etag }
  }
  return { app, site, get, advance }
}

const wellDone: Handler = (reply) => {
  reply.raw.statusMessage = 'Well Done'
  return 'x'.repeat(50)
}

for (const [name, prepare] of Object.entries<(app: FastifyInstance) => unknown>({
  'written directly': () => {},
  'of an application with onSend hooks': (app) => app.addHook('onSend', async (_request, _reply, payload) => payload)
})) {
  t.test(`the status message of a page is that of its hits ${name}`, async (t) => {
    const { get } = await page(t, wellDone, prepare)
    t.match(await get(), { line: '200 Well Done', cacheStatus: 'stored' })
    const hit = await get()
    t.match(hit, { line: '200 Well Done', cacheStatus: 'hit' })
    t.match(await get({ 'if-none-match': String(hit.etag) }), { line: '304 Not Modified' })
    t.match(await get({ range: 'bytes=0-3' }), { line: '206 Partial Content' })
    t.match(await get({ range: 'bytes=90-' }), { line: '416 Range Not Satisfiable' })
  })
}

t.test('the status message of a page is not that of a 304 on a miss', async (t) => {
  const { get, app } = await page(t, wellDone)
  const { etag } = await get()
  await app.larder.purge({ all: true })
  t.match(await get({ 'if-none-match': String(etag) }), { line: '304 Not Modified', cacheStatus: 'stored' })
  t.match(await get(), { line: '200 Well Done', cacheStatus: 'hit' })
})

t.test('a page without a status message has the usual one, whatever a failure or a 304 has set', async (t) => {
  const { site, get, advance } = await page(t, () => 'body')
  t.match(await get(), { line: '200 OK' })
  advance(61)
  site.handler = (reply) => {
    reply.raw.statusMessage = 'Out Of Tea'
    return reply.code(503).send('failed')
  }
  t.match(await get(), { line: '200 OK', body: 'body' })
  site.handler = (reply) => {
    reply.raw.statusMessage = 'Same As Before'
    return reply.code(304).send()
  }
  t.match(await get(), { line: '200 OK', body: 'body' })
  t.match(await get(), { line: '200 OK', cacheStatus: 'hit' })
})

t.test('a failure that waiting requests share has its status message', async (t) => {
  const started = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<void>()
  const { get } = await page(t, async (reply) => {
    started.resolve()
    await failed.promise
    reply.raw.statusMessage = 'Out Of Tea'
    return reply.code(503).send('failed')
  })
  const first = get()
  await started.promise
  const others = [get(), get()]
  failed.resolve()
  for (const reply of await Promise.all([first, ...others])) t.match(reply, { line: '503 Out Of Tea' })
})

t.test('a status message that a hook has set for a hit gives way to that of the page', async (t) => {
  let message = ''
  const { get } = await page(t, () => 'body', (app) => app.addHook('onRequest', async (_request, reply) => {
    reply.raw.statusMessage = message
  }))
  t.match(await get(), { line: '200 OK', cacheStatus: 'stored' })
  message = 'Hooked'
  t.match(await get(), { line: '200 OK', cacheStatus: 'hit' })
})

t.test('over HTTP/2, which has no status message, pages are stored without one', async (t) => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/', { config: { cachePage: 60 } }, async () => 'body')
  const client = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => client.close())
  for (const expected of [/stored/, /hit/]) {
    const stream = client.request({ ':path': '/' })
    const [headers] = await once(stream, 'response')
    t.match(headers['cache-status'], expected)
    t.equal(await text(stream), 'body')
  }
})
