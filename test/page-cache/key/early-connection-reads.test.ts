import { once } from 'node:events'
import { createServer, request as sendRequest, Server } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import type { TestAppOptions } from '../../support/create-test-app.ts'
import { ask, type Handler, site } from './page-site.ts'

type Raw = FastifyRequest['raw'] & { place?: unknown }
const note = (raw: Raw) => { raw.place = raw.socket.remoteAddress }
const show: Handler = ({ raw }) => `at ${String((raw as Raw).place)}`
const LISTENING: Handler = async (request, reply, call) => {
  await new Promise(setImmediate)
  return show(request, reply, call)
}

/** Ways to read the connection of a request, by inject too. */
const OPTIONS: Record<string, () => TestAppOptions> = {
  rewriteUrl: () => ({ app: Fastify({ rewriteUrl (raw) { note(raw); return raw.url! } }) }),
  genReqId: () => ({ app: Fastify({ genReqId (raw) { note(raw as Raw); return 'id' } }) }),
  'genReqId and requestIdHeader': () => ({
    app: Fastify({ requestIdHeader: 'x-request-id', genReqId (raw) { note(raw as Raw); return 'id' } })
  }),
  childLoggerFactory: () => ({
    app: Fastify({
      childLoggerFactory (logger, bindings, options, raw) {
        note(raw)
        return logger.child(bindings, options)
      }
    })
  }),
  'a custom constraint': () => ({
    app: Fastify({
      routerOptions: {
        constraints: {
          place: {
            name: 'place',
            mustMatchWhenDerived: true,
            storage: () => ({ get: () => null, set () {} }),
            validate () {},
            deriveConstraint (raw: Raw) { note(raw) }
          }
        }
      }
    } as object)
  })
}

/** Ways that need a server. */
const SERVERS: Record<string, () => TestAppOptions> = {
  ...OPTIONS,
  'a listener of the server': () => ({ before: (app) => app.server.prependListener('request', note) }),
  'a listener that runs after Fastify': () => ({ before: (app) => app.server.on('request', note) }),
  serverFactory: () => ({
    app: Fastify({
      serverFactory: (handler) => createServer((request, response) => {
        note(request)
        handler(request, response)
      })
    })
  }),
  'an asynchronous serverFactory': () => ({
    app: Fastify({
      serverFactory: (handler) => createServer(async (request, response) => {
        await Promise.resolve()
        note(request)
        handler(request, response)
      })
    })
  })
}

/** Requests /page from one of the addresses of this machine. */
async function askFrom (app: FastifyInstance, localAddress: string) {
  const { port } = app.server.address() as AddressInfo
  const request = sendRequest({ host: '127.0.0.1', port, path: '/page', localAddress, agent: false }).end()
  const [response] = await once(request, 'response')
  return { body: await text(response), status: String(response.headers['cache-status']) }
}

const REFUSED = 'larder; fwd=uri-miss; detail=connection-read:ignoreAddress'

t.test('a page is not stored if the connection is read before the hooks', async (t) => {
  for (const [way, setting] of Object.entries(OPTIONS)) {
    const { app } = await site(t, 300, show, setting())
    for (const remoteAddress of ['192.0.2.1', '192.0.2.2']) {
      const { body, headers } = await app.inject({ url: '/page', remoteAddress })
      t.strictSame([body, headers['cache-status']], [`at ${remoteAddress}`, REFUSED], way)
    }
    t.match((await app.larder.explain({ url: '/page' })).outcome.rule, /set the option ignoreAddress/, way)
  }
  for (const [way, setting] of Object.entries(SERVERS)) {
    const { app } = await site(t, 300, LISTENING, setting())
    await app.listen({ host: '0.0.0.0', port: 0 })
    for (const address of ['127.0.0.1', '127.0.0.2']) {
      t.strictSame(await askFrom(app, address), { body: `at ${address}`, status: REFUSED }, way)
    }
  }
})

t.test('it is stored if it states its own lifetime, or if the option ignoreAddress is set', async (t) => {
  for (const [way, setting] of Object.entries(SERVERS)) {
    const lasting = await site(t, 300, (_request, reply) =>
      reply.header('cache-control', 'max-age=60').send('page'), setting())
    const ignoring = await site(t, { ttl: 300, ignoreAddress: true }, undefined, setting())
    for (const { app } of [lasting, ignoring]) {
      await app.listen({ host: '127.0.0.1', port: 0 })
      t.match(await askFrom(app, '127.0.0.1'), { status: /; stored/ }, way)
      t.match(await askFrom(app, '127.0.0.2'), { status: /; hit/ }, way)
    }
  }
})

t.test('ignoreAddress does not cover the connection that a hook or the handler reads', async (t) => {
  const { app } = await site(t, { ttl: 300, ignoreAddress: true }, show, {
    after: (app) => app.addHook('onRequest', async ({ raw }) => note(raw))
  })
  t.match(await ask(app), { status: /detail=connection-read$/ })
})

t.test('what Node and Fastify read of the connection before the hooks does not count', async (t) => {
  const { app } = await site(t, 300, undefined, {
    app: Fastify({ forceCloseConnections: true, handlerTimeout: 5000, rewriteUrl: ({ url }) => url! }),
    before: (app) => {
      app.addHook('onTimeout', async () => {})
      app.server.prependListener('request', (_request, response) => response.setHeader('x-a', '1'))
    }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.match(await askFrom(app, '127.0.0.1'), { status: /; stored/ })
  t.match(await askFrom(app, '127.0.0.1'), { status: /; hit/ })
})

t.test('a listener of a server of HTTP/2 that reads the connection counts too', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  await site(t, 300, show, { app, before: (app) => app.server.prependListener('request', note) })
  const session = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/page' })
  const [fields] = await once(stream, 'response')
  t.equal(fields['cache-status'], REFUSED)
  await text(stream)
})

t.test('what an instrumentation reads counts, unless the options name it', async (t) => {
  const { emit } = Server.prototype
  const names = ['user-agent', 'x-forwarded-for', 'x-forwarded-host', 'forwarded']
  // As OpenTelemetry does, for the attributes of a span.
  Server.prototype.emit = function (this: Server, ...args: Parameters<typeof emit>) {
    const [event, request] = args as unknown as [event: string, request: Raw]
    if (event === 'request') String([request.socket.remoteAddress, names.map((name) => request.headers[name])])
    return emit.apply(this, args)
  } as typeof emit
  t.teardown(() => { Server.prototype.emit = emit })
  const settings: Array<[options: CachePageOptions, status: RegExp, vary: string | null]> = [
    [{}, /detail=connection-read:ignoreAddress/, null],
    [{ ignoreAddress: true }, /; stored/, names.toSorted().join(', ')],
    [{ ignoreHeaders: names }, /; stored/, null]
  ]
  for (const [options, status, vary] of settings) {
    const { app } = await site(t, { ttl: 300, ...options })
    const { headers } = await fetch(`${await app.listen({ host: '127.0.0.1', port: 0 })}/page`)
    t.match(headers.get('cache-status'), status)
    t.equal(headers.get('vary'), vary)
  }
})
