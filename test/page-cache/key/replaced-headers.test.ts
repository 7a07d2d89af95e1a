import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { addFirstHook } from '../../../src/page-cache/key/arrivals.ts'
import { until } from '../../support/until.ts'
import { ask, site } from './page-site.ts'

t.test('headers that a hook or the handler replaces as a whole are tracked too', async (t) => {
  const { app, calls } = await site(t, 300, ({ raw }) => {
    const user = String(raw.headers['x-user'])
    raw.headers = { 'x-user': 'nobody' }
    return `${user} ${String(raw.headers['x-user'])}`
  }, {
    after: (app) => app.addHook('onRequest', async ({ raw }) => {
      raw.headers = { ...raw.headers, 'x-user': String(raw.headers['x-token']).slice(0, 1) }
    })
  })
  for (const token of ['a1', 'b1', 'a1']) {
    t.match(await ask(app, { 'x-token': token }), { body: `${token[0]} nobody`, status: /detail=all-headers-read/ })
  }
  t.equal(calls(), 3)
})

t.test('the option cookies leaves nothing of other cookies in rawHeaders and headersDistinct', async (t) => {
  const { app } = await site(t, { ttl: 300, cookies: ['flag'] }, ({ raw }, reply) => reply
    .header('cache-control', 'public, max-age=60')
    .send(raw.rawHeaders.join('|') + JSON.stringify(raw.headersDistinct)))
  t.notMatch((await ask(app, { cookie: 'user=alice' })).body, 'cookie')
  t.match((await ask(app, { cookie: 'user=alice; flag' })).body, /cookie\|flag.*"cookie":\["flag"\]/)
  t.notMatch((await ask(app)).body, 'cookie')
})

t.test('a client that leaves while a hook runs, or after the response, is no read of the connection', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app } = await site(t, 300, async (request) => {
    request.raw.resume()
    await gate.promise
    return 'page'
  })
  let closed = false
  app.server.on('request', (request) => request.once('close', () => { closed = true }))
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const leaving = httpRequest(`${address}/page`, { headers: { host: 'localhost:80' }, agent: false }).end()
  leaving.on('error', () => {})
  await once(app.server, 'request')
  leaving.destroy()
  await until('it has left', () => closed)
  gate.resolve()
  await until('the page is stored', async () => (await ask(app)).status.includes('hit'))
  t.match(await ask(app), { body: 'page', status: /; hit/ })
})

t.test('a request with a body is read as usual', async (t) => {
  const { app } = await site(t, 300, undefined, {
    after: (app) => app.post('/echo', async ({ body, raw }) => ({ body, lines: raw.headersDistinct['x-a'] }))
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const headers = { 'content-type': 'application/json', 'x-a': '1' }
  const body = JSON.stringify({ big: 'x'.repeat(200_000) })
  const response = await fetch(`${address}/echo`, { method: 'POST', body, headers })
  t.match(await response.json(), { body: { big: /^x{200000}$/ }, lines: ['1'] })
})

t.test('a version of Fastify without what the page cache needs is refused', async (t) => {
  t.throws(() => addFirstHook({} as FastifyInstance, () => {}), {
    message: /^The page cache does not support this version of Fastify, which has no fastify\.hooks\./
  })
})

t.test('a request whose property is set keeps the value, and an application without a log works', async (t) => {
  const { app } = await site(t, 300, (request) => {
    Object.assign(request, { id: 'mine', protocol: 'gopher' })
    return `${request.id} ${request.protocol}`
  }, { app: Fastify({ requestIdHeader: 'x-call' }) })
  t.match(await ask(app), { body: 'mine gopher', status: /; stored/ })
})

t.test('page caches in sibling scopes of one application track its requests once', async (t) => {
  const app = Fastify({ logger: { level: 'info', stream: { write () {} } } })
  for (const name of ['one', 'two']) {
    app.register(async (scope) => {
      await scope.register(pageCache, { cache: createCache({ store: memoryStore() }) })
      scope.get(`/${name}`, { config: { cachePage: 60 } }, async (request) => {
        request.log.info({ req: request }, 'the log may read the request')
        return String(request.headers['x-a'])
      })
    })
  }
  t.teardown(() => app.close())
  await app.ready()
  for (const url of ['/one', '/two']) {
    for (const a of ['1', '2']) {
      const { body, headers } = await app.inject({ url, headers: { 'x-a': a } })
      t.match({ body, headers }, { body: a, headers: { vary: 'x-a', 'cache-status': /; stored/ } })
    }
  }
})
