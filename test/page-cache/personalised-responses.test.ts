import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createTestApp } from '../support/create-test-app.ts'

// A response that was made from what one client sent is never sent to another client.

t.test('a stream that reads request headers while it is produced is not shared', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    'a field': ({ headers }) => headers['x-user'],
    'all fields': ({ headers }) => ({ ...headers })['x-user'],
    'the address': ({ ip }) => ip
  }
  for (const [way, read] of Object.entries(ways)) {
    const { get, calls } = await createTestApp(t, 300, (request) => Readable.from((async function * () {
      yield 'for '
      yield String(read(request))
    })()))
    for (const user of ['alice', 'bob']) {
      t.match(
        await get({ 'x-user': user }), { body: way === 'the address' ? 'for 127.0.0.1' : `for ${user}` }, way
      )
    }
    t.equal(calls(), 2, way)
  }
  const async = await createTestApp(t, 300, () => Readable.from(['page']), {
    after: (app) => app.addHook('onSend', async ({ headers }, _reply, payload) => {
      await new Promise(setImmediate)
      return headers['x-user'] === undefined ? payload : 'other'
    })
  })
  await async.get()
  t.match(await async.get(), { status: /fwd=uri-miss/ }, 'nobody can tell who has read it')
})

t.test('no request waits for a stream of server-sent events', async (t) => {
  const { get, calls } = await createTestApp(
    t, 300, (_request, reply) => reply.type('text/event-stream; charset=utf-8').send('data: 1\n\n')
  )
  for (let i = 0; i < 2; i++) t.equal((await get()).status, 'fwd=uri-miss; detail=event-stream')
  t.equal(calls(), 2)
})

t.test('a response that depends on the client address or on the request id is not shared', async (t) => {
  const { get } = await createTestApp(t, 300, ({ ip }) => ip)
  for (let i = 0; i < 2; i++) t.equal((await get()).status, 'fwd=uri-miss; detail=client-address-read')
  const replaced = await createTestApp(t, 300, (request) => {
    Object.assign(request, { ip: 'unknown' })
    return request.ip
  })
  t.match(await replaced.get(), { body: 'unknown', status: /; stored/ })

  const named = await createTestApp(t, 300, ({ id }) => id, {
    app: Fastify({ requestIdHeader: 'x-call', genReqId: () => 'ours' })
  })
  t.match(await named.get({ 'x-call': '<b>' }), { body: '<b>', headers: { vary: 'x-call' } })
  t.match(await named.get(), { body: 'ours', status: /fwd=vary-miss/ })
  t.match(await named.get({ 'x-call': '<b>' }), { body: '<b>', status: /^hit/ })
})

t.test('a failure is shared only with requests that would have received the same failure', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, calls, listener } = await createTestApp(t, {
    ttl: 300, key: ({ headers }) => String(headers['x-tenant'])
  }, async ({ headers }, reply) => {
    await gate.promise
    return reply.code(503).send(`for ${headers['x-tenant']}`)
  })
  const all = Promise.all(['a', 'b', 'a'].map((tenant) => get({ 'x-tenant': tenant })))
  await listener.heard('miss', 3)
  gate.resolve()
  t.strictSame((await all).map(({ body }) => body), ['for a', 'for b', 'for a'])
  t.equal(calls(), 2)
})

t.test('headers that a handler sets on the raw response count', async (t) => {
  for (const [control, status] of [['private', 'detail=private'], ['max-age=7', 'stored; ttl=7']] as const) {
    const { get } = await createTestApp(t, 300, (_request, reply) => {
      reply.raw.setHeader('cache-control', control)
      return 'page'
    })
    t.match(await get(), { status: `fwd=uri-miss; ${status}`, headers: { 'cache-control': control } })
  }
})

t.test('over HTTP/2 the application sees the same headers as without a page cache', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/plain', async ({ headers, raw }) => ({ lang: headers['x-lang'], same: headers === raw.headers }))
  t.teardown(() => app.close())
  const { connect } = await import('node:http2')
  const { json } = await import('node:stream/consumers')
  const session = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => session.destroy())
  t.same(await json(session.request({ ':path': '/plain', 'x-lang': 'de' })), { lang: 'de', same: true })
})

t.test('a stream that ends while a slow onSend hook still runs is stored after the hook', async (t) => {
  const { get, listener, calls } = await createTestApp(t, 300, () => Readable.from(['page']), {
    after: (app) => app.addHook('onSend', async () => { await new Promise(setImmediate) })
  })
  await get()
  await listener.heard('set')
  t.match(await get(), { body: 'page', status: /^hit/ })
  t.equal(calls(), 1)
})
