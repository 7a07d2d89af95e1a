import Fastify from 'fastify'
import t from 'tap'
import { createTestApp } from '../support/create-test-app.ts'

t.test('a self-request copies the original request and passes the same hooks', async (t) => {
  const seen: Array<Record<string, unknown>> = []
  const { app, clock, listener } = await createTestApp(t, {
    ttl: 10, staleWhileRevalidate: 100, vary: ['accept-language'], query: ['a'], ignoreHeaders: ['cookie']
  }, (request, reply) => {
    reply.header('cache-control', 'max-age=10') // since it reads where the client is
    const { url, method, host, protocol, ip, headers } = request
    seen.push({
      url,
      method,
      host,
      protocol,
      ip,
      language: headers['accept-language'],
      etag: headers['if-none-match'],
      cookie: headers.cookie
    })
    return 'page'
  })
  const request = {
    url: '/page?a=1&b=%2F%3F',
    remoteAddress: '10.1.2.3',
    headers: {
      host: 'shop.example:8080', 'accept-language': 'de', cookie: 'a=b'
    }
  }
  await app.inject(request)
  clock.advance(11)
  const { statusCode } = await app.inject({ ...request, headers: { ...request.headers, 'if-none-match': '*' } })
  t.equal(statusCode, 304)
  await listener.heard('set', 3)
  t.strictSame(seen[1], seen[0])
})

t.test('trustProxy treats a self-request like the original request', async (t) => {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  const { get, clock, listener, calls } = await createTestApp(
    t, { ttl: 10, staleIfError: 100, timeout: 10 },
    ({ host, protocol, ip }, reply) => reply.header('cache-control', 'max-age=10').send(
      `${protocol}://${host} for ${ip}`
    ),
    { app }
  )
  const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example' }
  const first = await get(headers)
  t.equal(first.body, 'https://shop.example for 203.0.113.9')
  clock.advance(11)
  t.match(await get(headers), { body: first.body, status: 'fwd=stale; stored; ttl=10' })
  await listener.heard('set', 2)
  t.match(await get(headers), { body: first.body, status: 'hit; ttl=10' })
  t.equal(calls(), 2)
})

t.test('a self-request that computes another key is not stored', async (t) => {
  const tenants = ['a', 'a', 'b']
  const { get, clock, listener } = await createTestApp(
    t, { ttl: 10, staleWhileRevalidate: 100, key: () => tenants.shift() ?? 'b' },
    (_request, _reply, call) => `call ${call}`
  )
  await get()
  clock.advance(11)
  t.match(await get(), { body: 'call 1' })
  await listener.heard('load', 2)
  t.equal(listener.events.filter(({ type }) => type === 'set').length, 2, 'the page, and where it is')
  t.match(await get(), { body: 'call 3', status: /^fwd=vary-miss/ })
})

t.test('a hook that replies to a self-request leaves the stale response as it is', async (t) => {
  let closed = false
  const app = Fastify()
  app.addHook('preHandler', async (_request, reply) => { if (closed) return reply.code(401).send('who are you?') })
  const { get, clock, listener, calls } = await createTestApp(t, {
    ttl: 10, staleWhileRevalidate: 100
  }, undefined, { app })
  await get()
  clock.advance(11)
  const asked = app.inject('/page')
  asked.then(() => {}, () => {})
  t.match((await asked).body, 'call 1')
  closed = true
  await listener.heard('load', 1)
  t.equal((await get()).statusCode, 401)
  t.ok(calls() <= 2)
})

t.test('a request that a handler injects is not a self-request', async (t) => {
  const { app, get, clock, listener } = await createTestApp(t, {
    ttl: 10, staleWhileRevalidate: 100
  }, async (request, _reply, call) => {
    if (request.headers['x-inner'] !== undefined) return `inner ${call}`
    return `outer ${call} of ${(await app.inject({ url: '/page?inner', headers: { 'x-inner': 'yes' } })).body}`
  })
  t.equal((await get()).body, 'outer 1 of inner 2')
  clock.advance(11)
  t.equal((await get()).body, 'outer 1 of inner 2')
  await listener.heard('set', 6)
  t.match((await get()).body, /^outer 3 of inner [24]$/)
})
