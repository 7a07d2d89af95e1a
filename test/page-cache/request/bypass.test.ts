import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

/* Cache bypass: what the server never looks up, and how a client can ask for a new response. */

const FIRST = 'Thu, 01 Jan 2026 00:00:00 GMT'
const withDirectives = { ttl: 60, requestDirectives: true }
const control = (field: string) => ({ 'cache-control': field })

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('a client bypasses the cache only on routes that respect it (RFC 9111 section 5.2.1)', async (t) => {
      const { get, calls } = await createTestApp(t, 60, undefined, { store })
      await get()
      for (const field of [
        'no-store', 'no-cache', 'max-age=0', 'min-fresh=100', 'only-if-cached'
      ]) t.match(await get(control(field)), { body: 'call 1', status: 'hit; ttl=60' }, field)
      t.match(await get({ pragma: 'no-cache' }), { status: 'hit; ttl=60' })
      t.equal(calls(), 1)
    })

    t.test('a client bypasses the cache with no-store: nothing is stored (RFC 9111 section 5.2.1.5)', async (t) => {
      const { get } = await createTestApp(t, withDirectives, undefined, { store })
      t.match(await get(control('no-store')), { body: 'call 1', status: 'fwd=request; detail=no-store' })
      t.match(await get(), { body: 'call 2', status: 'fwd=uri-miss; stored; ttl=60' })
      t.match(await get(control('no-store, only-if-cached')), { body: 'call 3' })
      t.match(await get(), { body: 'call 2', status: 'hit; ttl=60' })
    })
  })
}

t.test('unsafe methods bypass the cache and invalidate the stored response', async (t) => {
  const { app } = await createTestApp(t, 300, undefined, { method: ['GET', 'POST'] })
  await app.inject('/page')
  const post = await app.inject({ method: 'POST', url: '/page' })
  t.equal(post.body, 'call 2')
  t.equal(post.headers['cache-status'], 'larder; fwd=method')
  t.notOk('cache-control' in post.headers)
  t.equal((await app.inject('/page')).body, 'call 3')
})

t.test('a request with a body bypasses the cache', async (t) => {
  const { app, get, calls } = await createTestApp(t, 300)
  await get()
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const headers of [{ 'content-length': '1' }, { 'transfer-encoding': 'chunked' }]) {
    const sent = httpRequest(`${address}/page`, { headers: { ...headers, host: 'localhost:80', connection: 'close' } })
    sent.end('x')
    const [response] = await once(sent, 'response') as [IncomingMessage]
    t.equal(await text(response), `call ${calls()}`)
    t.equal(response.headers['cache-status'], 'larder; fwd=bypass; detail=request-body')
  }
  t.equal(calls(), 3)
  t.match(await get({ 'content-length': '0' }), { body: 'call 1', status: /^hit/ })
})

t.test('a request bypasses the cache if a hook has marked its response as private', async (t) => {
  for (const refusal of ['private', 'no-store']) {
    const app = Fastify()
    await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
    app.addHook('onRequest', async (request, reply) => {
      reply.header('cache-control', request.headers.cookie === undefined ? 'public' : refusal)
    })
    app.get('/page', { config: { cachePage: 60 } }, async (request) => `for ${request.headers.cookie ?? 'nobody'}`)
    const { body, headers } = await app.inject({ url: '/page', headers: { cookie: 'alice' } })
    t.equal(body, 'for alice')
    t.match(headers, { 'cache-control': refusal, 'cache-status': `larder; fwd=bypass; detail=${refusal}` })
    t.equal((await app.inject('/page')).body, 'for nobody')
    t.equal((await app.inject('/page')).headers['cache-status'], 'larder; hit; ttl=60')
  }
})

t.test('a request that bypasses the cache keeps its conditions, and gets the handler\'s response', async (t) => {
  const fields = { 'if-none-match': '"v1"', 'if-modified-since': FIRST }
  for (const [own, detail] of [
    [{ authorization: 'Basic eDp5' }, 'authorization'], [{ range: 'bytes=0-1' }, 'range']
  ] as const) {
    const { get, shown } = await createTestApp(
      t, 60, (_request, reply) => reply.code(304).header('etag', '"v1"').send()
    )
    t.match(await get({ ...own, ...fields }), { statusCode: 304, body: '', status: new RegExp(`detail=${detail}$`) })
    t.match(shown, [fields])
  }
  const { get, shown } = await createTestApp(t, 60, undefined, { method: ['GET', 'POST'] })
  await get(fields, { method: 'POST' })
  const other = await createTestApp(t, 0)
  await other.get(fields)
  t.same([...shown, ...other.shown], [fields, fields])
})
