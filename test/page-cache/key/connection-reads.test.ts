import { once } from 'node:events'
import { connect } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../../src/page-cache/index.ts'
import type { TestAppOptions } from '../../support/create-test-app.ts'
import { until } from '../../support/until.ts'
import { ask, type Handler, site } from './page-site.ts'

const onMemory = (t: Test, cachePage: CachePageOptions | number, handler?: Handler, setting?: TestAppOptions) =>
  site(t, cachePage, handler, setting)

const WAYS: Record<string, (request: FastifyRequest) => unknown> = {
  'request.socket': ({ socket }) => socket.remoteAddress,
  'request.raw.socket': ({ raw }) => raw.socket.remotePort,
  'request.raw.connection': ({ raw }) => raw.connection.remoteAddress,
  certificate: ({ socket }) => (socket as Partial<TLSSocket>).getPeerCertificate?.(),
  version: ({ raw }) => raw.httpVersion,
  'major version': ({ raw }) => raw.httpVersionMajor,
  'minor version': ({ raw }) => raw.httpVersionMinor
}

t.test('a response is not stored if a hook or its handler reads the connection', async (t) => {
  process.removeAllListeners('warning') // light-my-request warns of request.connection
  for (const [way, read] of Object.entries(WAYS)) {
    const settings: Array<[where: string, handler: Handler | undefined, setting: TestAppOptions]> = [
      ['in the handler', (request) => String(read(request)), {}],
      ['in a hook before', undefined, {
        before: (app: FastifyInstance) => app.addHook('onRequest', async (request) => { read(request) })
      }],
      ['in a hook after', undefined, {
        after: (app: FastifyInstance) => app.addHook('preHandler', async (request) => { read(request) })
      }]
    ]
    for (const [where, handler, setting] of settings) {
      const { app, calls } = await onMemory(t, 300, handler, setting)
      for (let i = 0; i < 2; i++) {
        t.equal((await ask(app)).status, 'larder; fwd=uri-miss; detail=connection-read', `${way} ${where}`)
      }
      t.equal(calls(), 2)
      const lasting = await onMemory(t, 300, (request, reply) => {
        if (handler !== undefined) read(request)
        return reply.header('cache-control', 'max-age=60').send('page')
      }, setting)
      t.match(await ask(lasting.app), { status: /; stored/ }, `${way} ${where}`)
    }
  }
})

t.test('the connection is tracked over HTTP/1 and through the response too', async (t) => {
  const read = (request: FastifyRequest, reply: { raw: { socket: unknown } }) => request.url.includes('reply')
    ? String((reply.raw.socket as { remoteAddress?: string } | null)?.remoteAddress)
    : String((request.raw as { client?: unknown }).client !== undefined)
  const { app } = await onMemory(t, 300, (request, reply) => read(request, reply))
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const query of ['reply', 'client']) {
    for (let i = 0; i < 2; i++) {
      const { headers } = await fetch(`${address}/page?${query}`)
      t.equal(headers.get('cache-status'), 'larder; fwd=uri-miss; detail=connection-read', query)
    }
  }
})

t.test('over HTTP/2 the stream, the authority and the scheme belong to the connection', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  await onMemory(t, 300, ({ raw, url }, reply) => {
    const { stream, authority, scheme, socket, client } = raw as unknown as Record<string, unknown>
    const response = reply.raw as unknown as Record<string, unknown>
    const versions = [raw.httpVersion, raw.httpVersionMajor, raw.httpVersionMinor]
    const all = [url, stream, authority, scheme, socket, client, versions, response.stream, response.socket]
    return String(all.length)
  }, { app })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const session = connect(address)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/page' })
  const [fields] = await once(stream, 'response')
  t.equal(fields['cache-status'], 'larder; fwd=uri-miss; detail=connection-read')
  await text(stream)
})

t.test('ignoreAddress: a hook that counts requests by address does not keep pages from the cache', async (t) => {
  const lines: string[] = []
  const build = async (options: object, route: object) => {
    const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(line) } } } })
    await app.register(rateLimit, { max: 100 })
    await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ...options })
    app.get('/page', { config: { cachePage: { ttl: 300, ...route } } }, async () => 'page')
    t.teardown(() => app.close())
    return app
  }
  const refused = await build({}, {})
  for (let i = 0; i < 2; i++) {
    t.equal((await ask(refused)).status, 'larder; fwd=uri-miss; detail=client-address-read:ignoreAddress')
  }
  t.equal(lines.filter((line) => line.includes('option ignoreAddress')).length, 1, 'it is logged once')
  t.match((await refused.larder.explain({ url: '/page' })).outcome, { rule: /set the option ignoreAddress/ })
  for (const [options, route] of [[{ ignoreAddress: true }, {}], [{}, { ignoreAddress: true }]] as const) {
    const app = await build(options, route)
    t.match(await ask(app), { status: /; stored/, headers: { 'x-ratelimit-remaining': '99' } })
    t.match(await ask(app), { status: /; hit/, headers: { 'x-ratelimit-remaining': '98' } })
    t.notMatch((await app.larder.explain({ url: '/page' })).outcome.rule, 'ignoreAddress')
  }
  const handler = await onMemory(t, { ttl: 300, ignoreAddress: true }, ({ ip }) => ip)
  t.match(await ask(handler.app), { status: /detail=client-address-read$/ }, 'it is for hooks only')
  const bad = Fastify()
  bad.register(pageCache, { cache: createCache({ store: memoryStore() }), ignoreAddress: 'yes' as never })
  await t.rejects(async () => await bad.ready(), {
    message: 'The option ignoreAddress of the page cache must be true or false, but is \'yes\'.'
  })
})

t.test('ignoreAddress also covers the header in which a trusted proxy sends the address', async (t) => {
  const { app } = await onMemory(t, { ttl: 300, ignoreAddress: true }, undefined, {
    app: Fastify({ trustProxy: true }),
    before: (app) => app.addHook('onRequest', async ({ ip, ips }) => { String([ip, ips]) })
  })
  t.notOk('vary' in (await ask(app, { 'x-forwarded-for': '192.0.2.1' })).headers)
  t.match(await ask(app, { 'x-forwarded-for': '192.0.2.2' }), { status: /; hit/ })
})

t.test('the log may read requests, in hooks and handlers too', async (t) => {
  const app = Fastify({ logger: { level: 'info', stream: { write () {} } } })
  const { calls } = await onMemory(t, 300, (request) => {
    request.log.info({ req: request }, 'handler')
    return 'page'
  }, {
    app,
    before: (app) => app.addHook('onRequest', async (request) => { request.log.info({ req: request }, 'hook') })
  })
  await ask(app)
  t.match(await ask(app), { status: /; hit/ })
  t.equal(calls(), 1)
  app.log.info({ req: {} }, 'no request')
})

t.test('a handler that sends nothing is stored', async (t) => {
  const { app } = await onMemory(t, 300, () => undefined)
  t.match(await ask(app), { body: '', status: /; stored/ })
  t.match(await ask(app), { body: '', status: /; hit/ })
})

t.test('a stream that reads the connection after its headers were sent is not stored', async (t) => {
  const ways: Record<string, (request: FastifyRequest, reply: FastifyReply) => unknown> = {
    request: ({ raw }) => raw.socket.remotePort,
    response: (_request, { raw }) => raw.socket?.remotePort,
    nothing: () => 'nothing'
  }
  for (const [way, read] of Object.entries(ways)) {
    const { app, calls, untilSettled } = await onMemory(t, 300, (request, reply) => {
      async function * parts () {
        for (const part of ['one', 'two']) yield part
        await until('the headers are sent', () => reply.raw.headersSent)
        yield String(read(request, reply))
        for (const part of ['three', 'four']) yield part
      }
      return reply.type('text/plain').send(Readable.from(parts()))
    })
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    for (let i = 0; i < 2; i++) {
      await (await fetch(`${address}/page`)).text()
      await untilSettled()
    }
    t.equal(calls(), way === 'nothing' ? 1 : 2, way)
  }
})
