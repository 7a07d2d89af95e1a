import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyRequest, type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import type { TestAppOptions } from '../../support/create-test-app.ts'
import { until } from '../../support/until.ts'
import { ask, type Handler, site } from './page-site.ts'

type Raw = FastifyRequest['raw'] & { tenant?: unknown }
const show: Handler = ({ raw }) => `for ${String((raw as Raw).tenant)}`
const note = (raw: Raw) => { raw.tenant = raw.headers['x-tenant'] }
const onMemory = (t: Test, setting: TestAppOptions, handler = show) => site(t, 300, handler, setting)

const constraint = {
  name: 'tenant',
  storage: () => {
    const handlers = new Map<unknown, unknown>()
    return { get: (name: unknown) => handlers.get(name) ?? null, set: handlers.set.bind(handlers) }
  },
  validate () {},
  deriveConstraint (raw: Raw) {
    note(raw)
    return undefined
  }
}

const SETTINGS: Record<string, () => TestAppOptions> = {
  rewriteUrl: () => ({ app: Fastify({ rewriteUrl (raw) { note(raw); return raw.url! } }) }),
  'a custom constraint': () => ({
    app: Fastify({
      routerOptions: { constraints: { tenant: { ...constraint, mustMatchWhenDerived: true } } }
    } as object)
  }),
  genReqId: () => ({ app: Fastify({ genReqId (raw) { note(raw as Raw); return 'id' } }) }),
  'genReqId that is set later': () => ({
    after: (app) => app.setGenReqId((raw) => { note(raw as Raw); return 'id' })
  }),
  'a hook that was added before': () => ({
    before: (app) => app.addHook('onRequest', async ({ raw }) => note(raw))
  }),
  'a hook, and requestIdHeader': () => ({
    app: Fastify({ requestIdHeader: 'x-request-id' }),
    before: (app) => app.addHook('onRequest', async ({ raw }) => note(raw))
  })
}

t.test('headers that the application reads before the hooks are tracked, in injected requests too', async (t) => {
  for (const [way, setting] of Object.entries(SETTINGS)) {
    for (const known of ['x-tenant', 'cookie']) {
      const { app, calls } = await onMemory(t, setting())
      const headers = (tenant: string) => ({ 'x-request-id': 'r', [known]: 'x', 'x-tenant': tenant })
      for (const tenant of ['a', 'b', 'a']) {
        t.match(await ask(app, headers(tenant)), { body: `for ${tenant}`, headers: { vary: /x-tenant/ } }, way)
      }
      t.match(await ask(app), { body: 'for undefined' }, way)
      t.equal(calls(), 3, way)
    }
  }
})

const SERVERS: Record<string, () => TestAppOptions> = {
  ...SETTINGS,
  'a listener of the server': () => ({ before: (app) => app.server.prependListener('request', note) }),
  'a later listener of the server': () => ({ after: (app) => app.server.prependListener('request', note) }),
  serverFactory: () => ({
    app: Fastify({
      serverFactory: (handler) => createServer((request, response) => {
        note(request)
        handler(request, response)
      })
    })
  })
}

t.test('headers that are read before the hooks are tracked in requests to a server', async (t) => {
  for (const [way, setting] of Object.entries(SERVERS)) {
    const { app, calls } = await onMemory(t, setting())
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    for (const tenant of ['a', 'b', 'a']) {
      const response = await fetch(`${address}/page`, { headers: { 'x-tenant': tenant } })
      t.equal(await response.text(), `for ${tenant}`, way)
      t.match(response.headers.get('vary'), 'x-tenant', way)
    }
    t.equal(calls(), 2, way)
  }
})

t.test('a copy of all headers before the hooks counts', async (t) => {
  const { app } = await onMemory(t, {
    before: (app) => app.addHook('onRequest', async ({ headers }) => { Object.keys(headers) })
  })
  t.equal((await ask(app)).status, 'larder; fwd=uri-miss; detail=all-headers-read')
  const rewriting = await onMemory(t, {
    app: Fastify({ rewriteUrl: (raw) => Object.keys(raw.headers).length > 0 ? raw.url! : '/' })
  })
  t.equal((await ask(rewriting.app)).status, 'larder; fwd=uri-miss; detail=all-headers-read')
})

t.test('requestIdHeader: the header counts if a hook reads it, but not because Fastify does', async (t) => {
  const make = () => Fastify({ requestIdHeader: 'x-call' })
  const quiet = await onMemory(t, { app: make() }, () => 'page')
  t.notOk('vary' in (await ask(quiet.app, { 'x-call': '1' })).headers)
  t.match(await ask(quiet.app, { 'x-call': '2' }), { status: /; hit/ })
  const reading = await onMemory(t, {
    app: make(), before: (app) => app.addHook('onRequest', async ({ headers }) => { String(headers['x-call']) })
  })
  t.match(await ask(reading.app, { 'x-call': '1' }), { headers: { vary: 'x-call' } })
})

t.test('W3C baggage counts like any header', async (t) => {
  const { app } = await onMemory(t, {
    after: (app) => app.addHook('onRequest', async (request) => {
      (request.raw as Raw).tenant = request.headers.baggage
    })
  })
  for (const baggage of ['tenant=a', 'tenant=b']) t.equal((await ask(app, { baggage })).body, `for ${baggage}`)
})

t.test('a request that the application may have read before it was tracked is not stored', async (t) => {
  const app = Fastify({ rewriteUrl: ({ url }) => url! })
  const { inject } = app
  const { app: late } = await onMemory(t, { app }, (_request, reply) =>
    reply.header('cache-control', 'max-age=60').send('page'))
  const untracked = await (Reflect.apply(inject, late, ['/page']) as Promise<LightMyRequestResponse>)
  t.equal(untracked.headers['cache-status'], 'larder; fwd=uri-miss; detail=tracked-late')
  t.match(await ask(late), { status: /; stored/ })
})

t.test('requests by app.routing() are tracked', async (t) => {
  const { app } = await onMemory(t, SETTINGS.rewriteUrl!())
  const routing = app.routing as unknown as RequestListener
  const server = createServer((request, response) => routing(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/page`, { headers: { 'x-tenant': 'a', connection: 'close' } })
  t.match(response.headers.get('vary'), 'x-tenant')
})

t.test('all servers of an application that listens on localhost are tracked', async (t) => {
  const { app } = await onMemory(t, {}, ({ headers }) => String(headers['x-tenant']))
  // Where localhost has one address only, this stands for the server of the second one.
  const bindings = Object.getOwnPropertySymbols(app).find(({ description }) => description === 'fastify.serverBindings')
  const second = createServer(app.routing as unknown as RequestListener)
  Reflect.get(app, bindings!).push(second)
  const { emit } = second
  await app.listen({ port: 0 })
  await until('the second server is tracked', () => second.emit !== emit)
  Reflect.get(app, bindings!).pop()
  for (const address of (app as FastifyInstance).addresses() as AddressInfo[]) {
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
    const response = await fetch(`http://${host}:${address.port}/page`, { headers: { 'x-tenant': 'a' } })
    t.match(response.headers.get('vary'), 'x-tenant')
  }
})

t.test('inject before the application is ready, and after it has been closed', async (t) => {
  const app = Fastify()
  app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.register(async (app) => { app.get('/page', { config: { cachePage: 60 } }, async () => 'page') })
  await app.after()
  t.equal((await app.inject('/page')).body, 'page')
  await app.close()
  await t.rejects(app.inject('/page'), { code: 'FST_ERR_REOPENED_CLOSE_SERVER' })
  const failing = Fastify()
  failing.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  await failing.after()
  failing.register(async () => { throw new Error('no') })
  await t.rejects(failing.inject('/page'), { message: 'no' })
})
