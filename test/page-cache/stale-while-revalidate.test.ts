import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('staleWhileRevalidate: a stale response is served at once, and one self-request refreshes it', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, clock, listener, calls } = await createTestApp(t, {
        ttl: 10, staleWhileRevalidate: 20
      }, async (_request, _reply, call) => {
        if (call > 1) await gate.promise
        return `call ${call}`
      }, { store })
      await get()
      clock.advance(15)
      for (let i = 0; i < 5; i++) {
        t.match(await get(), {
          body: 'call 1',
          status: 'hit; ttl=-5; detail=stale-while-revalidate',
          headers: { age: '15', 'cache-control': 'max-age=0' }
        })
      }
      gate.resolve()
      await listener.heard('set', 2)
      t.match(await get(), { body: 'call 2', status: 'hit; ttl=10' })
      t.equal(calls(), 2)
      clock.advance(30)
      t.match(await get(), { body: 'call 3', status: /^fwd=(stale|uri-miss); stored; ttl=10/ })
    })

    t.test('an invalidated response is never served stale', async (t) => {
      const { get, cache, clock } = await createTestApp(t, {
        ttl: 10, staleIfError: 100, staleWhileRevalidate: 100, timeout: 0, tags: ['menu']
      }, (_request, reply, call) => {
        return call === 1 ? 'good' : reply.code(503).send('sorry')
      }, { store })
      await get()
      await cache.invalidateTags(['menu'])
      t.match(await get(), { statusCode: 503, body: 'sorry', status: 'fwd=stale; detail=status-503' })
      clock.advance(11)
      t.match(await get(), { statusCode: 503, body: 'sorry' })
    })
  })
}

t.test('staleWhileRevalidate works over HTTP/2', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  const { clock, listener, calls } = await createTestApp(t, {
    ttl: 10, staleWhileRevalidate: 100
  }, ({ host }) => host, { app })
  const session = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => session.destroy())
  const get = async () => {
    const stream = session.request({ ':path': '/page' })
    const [fields] = await once(stream, 'response')
    return `${await text(stream)} ${fields['cache-status']}`
  }
  const host = (await get()).split(' ')[0]
  clock.advance(11)
  t.match(await get(), `${host} larder; hit; ttl=-1`)
  await listener.heard('set', 2)
  t.equal(await get(), `${host} larder; hit; ttl=10`)
  t.equal(calls(), 2)
})

t.test('staleWhileRevalidate works over TLS', async (t) => {
  const seen: string[] = []
  const app = Fastify({
    rewriteUrl ({ headers, socket, url }) {
      if (headers['x-tls'] === 'yes') Object.assign(socket, { encrypted: true })
      return url!
    }
  })
  const { get, clock, listener } = await createTestApp(t, {
    ttl: 10, staleWhileRevalidate: 100, ignoreAddress: true
  }, ({ protocol }) => { seen.push(protocol); return 'page' }, { app })
  await get({ 'x-tls': 'yes' })
  clock.advance(11)
  t.match(await get({ 'x-tls': 'yes' }), { status: /^hit/ })
  await listener.heard('set', 3)
  t.strictSame(seen, ['https', 'https'])
})

t.test('refreshAhead: a response that is requested often is refreshed before it expires', async (t) => {
  let random = 1 - 1e-9
  const { get, clock, listener, calls } = await createTestApp(t, {
    ttl: 10, refreshAhead: true
  }, (_request, _reply, call) => {
    clock.advance(1)
    return `call ${call}`
  }, { random: () => random })
  await get()
  clock.advance(8)
  t.match(await get(), { body: 'call 1', status: /^hit/ })
  t.equal(calls(), 1)
  random = 1e-9
  t.match(await get(), { body: 'call 1', status: /^hit/ })
  await listener.heard('set', 2)
  t.match(await get(), { body: 'call 2', status: /^hit/ })
})

t.test('staleWhileRevalidate works for HEAD', async (t) => {
  const { app, clock, listener } = await createTestApp(t, { ttl: 10, staleWhileRevalidate: 100 })
  const head = async () => (await app.inject({ method: 'HEAD', url: '/page' })).headers['cache-status']
  t.equal(await head(), 'larder; fwd=uri-miss; stored; ttl=10')
  clock.advance(11)
  t.match(await head(), /^larder; hit; ttl=-1/)
  await listener.heard('set', 2)
  t.equal(await head(), 'larder; hit; ttl=10')
})
