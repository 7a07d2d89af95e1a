import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { stores, site, ask } from './stale-site.ts'

for (const store of Object.keys(stores)) {
  t.test(`on ${store}`, async (t) => {
    t.test('staleWhileRevalidate: a stale response is served at once, and one self-request refreshes it', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, clock, listener, calls } = await site(t, {
        ttl: 10, staleWhileRevalidate: 20
      }, async (_request, _reply, call) => {
        if (call > 1) await gate.promise
        return `call ${call}`
      }, { store })
      await ask(app)
      clock.advance(15)
      for (let i = 0; i < 5; i++) {
        t.match(await ask(app), {
          body: 'call 1',
          status: 'larder; hit; ttl=-5; detail=stale-while-revalidate',
          headers: { age: '15', 'cache-control': 'max-age=0' }
        })
      }
      gate.resolve()
      await listener.heard('set', 2)
      t.match(await ask(app), { body: 'call 2', status: 'larder; hit; ttl=10' })
      t.equal(calls(), 2)
      clock.advance(30)
      t.match(await ask(app), { body: 'call 3', status: /larder; fwd=(stale|uri-miss); stored; ttl=10/ })
    })

    t.test('an invalidated response is never served stale', async (t) => {
      const { app, cache, clock } = await site(t, {
        ttl: 10, staleIfError: 100, staleWhileRevalidate: 100, timeout: 0, tags: ['menu']
      }, (_request, reply, call) => {
        return call === 1 ? 'good' : reply.code(503).send('sorry')
      }, { store })
      await ask(app)
      await cache.invalidateTags(['menu'])
      t.match(await ask(app), { statusCode: 503, body: 'sorry', status: 'larder; fwd=stale; detail=status-503' })
      clock.advance(11)
      t.match(await ask(app), { statusCode: 503, body: 'sorry' })
    })
  })
}

t.test('staleWhileRevalidate works over HTTP/2', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  const { clock, listener, calls } = await site(t, { ttl: 10, staleWhileRevalidate: 100 }, ({ host }) => host, { app })
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
  const app = Fastify()
  app.addHook('onRequest', async (request) => {
    if (request.headers['x-tls'] === 'yes') Object.assign(request.raw.socket, { encrypted: true })
  })
  const { clock, listener } = await site(
    t, { ttl: 10, staleWhileRevalidate: 100 }, ({ protocol }) => { seen.push(protocol); return 'page' }, { app }
  )
  await ask(app, { 'x-tls': 'yes' })
  clock.advance(11)
  t.match(await ask(app, { 'x-tls': 'yes' }), { status: /^larder; hit/ })
  await listener.heard('set', 3)
  t.strictSame(seen, ['https', 'https'])
})

t.test('refreshAhead: a response that is requested often is refreshed before it expires', async (t) => {
  let random = 1 - 1e-9
  const { app, clock, listener, calls } = await site(t, { ttl: 10, refreshAhead: true }, (_request, _reply, call) => {
    clock.advance(1)
    return `call ${call}`
  }, { random: () => random })
  await ask(app)
  clock.advance(8)
  t.match(await ask(app), { body: 'call 1', status: /^larder; hit/ })
  t.equal(calls(), 1)
  random = 1e-9
  t.match(await ask(app), { body: 'call 1', status: /^larder; hit/ })
  await listener.heard('set', 2)
  t.match(await ask(app), { body: 'call 2', status: /^larder; hit/ })
})

t.test('staleWhileRevalidate works for HEAD', async (t) => {
  const { app, clock, listener } = await site(t, { ttl: 10, staleWhileRevalidate: 100 })
  const head = async () => (await app.inject({ method: 'HEAD', url: '/page' })).headers['cache-status']
  t.equal(await head(), 'larder; fwd=uri-miss; stored; ttl=10')
  clock.advance(11)
  t.match(await head(), /^larder; hit; ttl=-1/)
  await listener.heard('set', 2)
  t.equal(await head(), 'larder; hit; ttl=10')
})
