import { once } from 'node:events'
import { connect } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { type Cache, createCache } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { type Listener, listen } from '../support/record-events.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { pageStores } from './stores.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown
interface Site { app: FastifyInstance, cache: Cache, clock: FakeClock, listener: Listener, calls: () => number }

const stores = await pageStores(t)

interface Setting { store?: string, random?: () => number, app?: FastifyInstance }

/** An app with one cached route at /page, whose handler answers the number of its call unless it is given another. */
async function site (
  t: Test, cachePage: CachePageOptions, handler: Handler = (_request, _reply, call) => `call ${call}`,
  setting: Setting = {}
): Promise<Site> {
  const clock = fakeClock()
  const { store = 'memory', random = () => 0.5, app = Fastify() } = setting
  const cache = createCache({ store: stores[store]!(t, clock.now), now: clock.now, random })
  let calls = 0
  await app.register(pageCache, { cache, now: clock.now })
  app.get('/page', { config: { cachePage } }, async (request, reply) => handler(request, reply, ++calls))
  t.teardown(() => app.close())
  await app.ready()
  return { app, cache, clock, listener: listen(t, cache), calls: () => calls }
}

async function ask (app: FastifyInstance, headers: Record<string, string> = {}) {
  const { statusCode, body, headers: fields } = await app.inject({ url: '/page', headers })
  return { statusCode, body, status: fields['cache-status'], headers: fields }
}

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

    t.test('staleIfError: a stale response is served if the handler fails, with a back-off', async (t) => {
      let failing: number | undefined
      const { app, clock, calls } = await site(t, { ttl: 10, staleIfError: 100 }, (_request, reply, call) => {
        if (failing === undefined) return `call ${call}`
        return reply.code(failing).header('x-error', 'yes').header('content-type', 'text/html').send('<h1>sorry</h1>')
      }, { store })
      t.equal((await ask(app)).status, 'larder; fwd=uri-miss; stored; ttl=10')
      let ran = 1
      clock.advance(11)
      for (const status of [500, 502, 503, 504]) {
        failing = status
        const instead = await ask(app)
        t.match(instead, {
          statusCode: 200,
          body: 'call 1',
          status: /^larder; fwd=stale; fwd-status=50\d; ttl=-\d+; detail=stale-if-error$/
        })
        t.match(instead.headers, { 'content-type': 'text/plain; charset=utf-8', 'content-length': '6', etag: /^"/ })
        t.notOk('x-error' in instead.headers)
        t.equal(calls(), ++ran)
        t.match(await ask(app), {
          statusCode: 200, body: 'call 1', status: /^larder; hit; ttl=-\d+; detail=stale-if-error$/
        })
        t.equal(calls(), ran, 'it is left alone for a moment')
        clock.advance(8) // as long as it is left alone after four failures
      }
      t.equal((await ask(app, { 'if-none-match': '*' })).statusCode, 304)
      failing = 404
      clock.advance(16)
      t.match(await ask(app), {
        statusCode: 404, body: '<h1>sorry</h1>', status: 'larder; fwd=stale; detail=status-404'
      })
      failing = undefined
      t.match(await ask(app), { statusCode: 200, body: `call ${calls()}` })
    })

    t.test('staleIfError: after its window the failure is sent', async (t) => {
      const { app, clock } = await site(t, { ttl: 10, staleIfError: 20 }, (_request, reply, call) => {
        return call === 1 ? 'good' : reply.code(503).send('sorry')
      }, { store })
      await ask(app)
      clock.advance(30)
      t.match(await ask(app), {
        statusCode: 503, body: 'sorry', status: /^larder; fwd=(stale|uri-miss); detail=status-503$/
      })
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

    t.test('timeout: a stale response is served in place of a slow handler\'s; that is stored later', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, clock, listener, calls } = await site(t, {
        ttl: 10, staleIfError: 100, timeout: 0.02
      }, async (_request, _reply, call) => {
        if (call === 2) await gate.promise
        return `call ${call}`
      }, { store })
      await ask(app)
      clock.advance(11)
      t.match(await ask(app), { body: 'call 1', status: 'larder; fwd=stale; ttl=-1; detail=stale-if-error' })
      gate.resolve()
      await listener.heard('set', 2)
      t.match(await ask(app), { body: 'call 2', status: 'larder; hit; ttl=10' })
      t.equal(calls(), 2)

      const patient = await site(t, { ttl: 10, staleIfError: 100, timeout: 60 }, undefined, { store })
      await ask(patient.app)
      patient.clock.advance(11)
      t.match(await ask(patient.app), { body: 'call 2', status: 'larder; fwd=stale; stored; ttl=10' })
    })

    t.test('timeout: a response whose stale window ends during the wait is not served', async (t) => {
      const [began, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const { app, clock, listener } = await site(t, {
        ttl: 10, staleIfError: 20, timeout: 0.5
      }, async (_request, _reply, call) => {
        if (call === 2) {
          began.resolve()
          await gate.promise
        }
        return `call ${call}`
      }, { store })
      await ask(app)
      clock.advance(29.9)
      const waiting = ask(app)
      await began.promise
      clock.advance(1)
      t.match(await waiting, { body: 'call 3', status: 'larder; fwd=miss; detail=collapse-refused' })
      gate.resolve()
      await listener.heard('load', 2)
    })

    t.test('waiting requests share a 502, 503 or 504', async (t) => {
      for (const [status, shared] of [[502, true], [503, true], [504, true], [500, false]] as const) {
        const gate = Promise.withResolvers<void>()
        const { app, calls, listener } = await site(t, { ttl: 10 }, async (_request, reply) => {
          await gate.promise
          reply.code(status).type('text/html').header('x-error', 'yes').header('vary', 'accept')
          return reply.send('<h1>sorry</h1>')
        }, { store })
        const all = Array.from({ length: 5 }, () => ask(app))
        await listener.heard('miss', 5)
        await turn()
        gate.resolve()
        const answers = await Promise.all(all)
        t.equal(calls(), shared ? 1 : 5)
        t.match(
          answers,
          Array(5).fill({
            statusCode: status,
            body: '<h1>sorry</h1>',
            headers: {
              'content-type': 'text/html',
              'x-error': 'yes',
              vary: 'accept',
              ...shared && { 'cache-control': 'no-store' }
            }
          })
        )
        const collapsed = `larder; fwd=miss; fwd-status=${status}; collapsed`
        t.equal(answers.filter(({ status }) => status === collapsed).length, shared ? 4 : 0)
      }
    })
  })
}

t.test('a failure for one client only is not shared', async (t) => {
  const personal: Array<Record<string, string>> = [
    { 'set-cookie': 'a=b' }, { 'cache-control': 'private' }, { vary: '*' }, { vary: 'x-number' }
  ]
  for (const headers of personal) {
    const gate = Promise.withResolvers<void>()
    const { app, calls, listener } = await site(t, { ttl: 10 }, async (_request, reply, call) => {
      await gate.promise
      return reply.code(502).headers(headers).send(`sorry ${call}`)
    })
    const all = Array.from({ length: 3 }, (_, i) => ask(app, { 'x-number': String(i) }))
    await listener.heard('miss', 3)
    gate.resolve()
    t.same(new Set((await Promise.all(all)).map(({ body }) => body)), new Set(['sorry 1', 'sorry 2', 'sorry 3']))
    t.equal(calls(), 3)
  }
})

t.test('all waiting requests get the stale response', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, clock, calls, listener } = await site(t, { ttl: 10, staleIfError: 100 },
    async (_request, reply, call) => {
      if (call === 1) return 'good'
      await gate.promise
      throw new Error('upstream down')
    })
  await ask(app)
  clock.advance(11)
  const all = Array.from({ length: 5 }, () => ask(app))
  await listener.heard('miss', 6)
  gate.resolve()
  t.match(await Promise.all(all), Array(5).fill({ statusCode: 200, body: 'good', status: /detail=stale-if-error$/ }))
  t.equal(calls(), 2)
})

t.test('a self-request copies the original request and passes the same hooks', async (t) => {
  const seen: Array<Record<string, unknown>> = []
  const { app, clock, listener } = await site(t, {
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
  const { clock, listener, calls } = await site(
    t, { ttl: 10, staleIfError: 100, timeout: 10 },
    ({ host, protocol, ip }, reply) => reply.header('cache-control', 'max-age=10').send(
      `${protocol}://${host} for ${ip}`
    ),
    { app }
  )
  const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example' }
  const first = await ask(app, headers)
  t.equal(first.body, 'https://shop.example for 203.0.113.9')
  clock.advance(11)
  t.match(await ask(app, headers), { body: first.body, status: 'larder; fwd=stale; stored; ttl=10' })
  await listener.heard('set', 2)
  t.match(await ask(app, headers), { body: first.body, status: 'larder; hit; ttl=10' })
  t.equal(calls(), 2)
})

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

t.test('the body of a failure is closed when a stale response replaces it, whatever its kind', async (t) => {
  const ended: string[] = []
  const bodies: Record<string, () => unknown> = {
    'a stream': () => new Readable({ read () {}, destroy (error, done) { ended.push('a stream'); done(error) } }),
    'a web stream': () => new ReadableStream({ cancel () { ended.push('a web stream'); throw new Error('oops') } }),
    'a response': () => new Response(new ReadableStream({ cancel () { ended.push('a response') } }), { status: 503 }),
    'no body': () => null
  }
  for (const [name, make] of Object.entries(bodies)) {
    const { app, clock } = await site(t, { ttl: 10, staleIfError: 100 }, (_request, reply, call) => {
      return call === 1 ? 'good' : reply.code(503).type('text/plain').send(make())
    })
    await ask(app)
    clock.advance(11)
    t.match(await ask(app), { statusCode: 200, body: 'good' }, name)
  }
  t.strictSame(ended, ['a stream', 'a web stream', 'a response'])
})

t.test('a stale response has the headers of its own request and none of the failure', async (t) => {
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'x-request': String(request.headers['x-number']), 'x-frame-options': 'DENY' })
  })
  const gate = Promise.withResolvers<void>()
  const { clock, listener } = await site(t, {
    ttl: 10, staleIfError: 10, ignoreHeaders: ['x-number']
  }, async (_request, reply, call) => {
    if (call === 1) return 'good'
    if (call > 2) await gate.promise
    return reply.code(503).headers({
      'x-frame-options': 'ALLOWALL', 'x-request': 'of the failure', 'x-error': 'yes'
    }).send('sorry')
  }, { app })
  await ask(app, { 'x-number': '1' })
  clock.advance(11)
  const old = await ask(app, { 'x-number': '2' })
  t.match(old, { statusCode: 200, headers: { 'x-request': '2', 'x-frame-options': 'DENY', 'x-error': undefined } })
  clock.advance(10)
  const all = [ask(app, { 'x-number': '3' }), ask(app, { 'x-number': '4' })]
  await listener.heard('miss', 4)
  gate.resolve()
  t.match(
    (await Promise.all(all))[1],
    { statusCode: 503, headers: { 'x-request': 'of the failure', 'x-frame-options': 'ALLOWALL' } },
    'what the handler said is shared'
  )
})

t.test('a shared failure keeps the headers that hooks have set for each request', async (t) => {
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => { reply.header('x-request', String(request.headers['x-number'])) })
  const gate = Promise.withResolvers<void>()
  const { listener, calls } = await site(t, { ttl: 10, ignoreHeaders: ['x-number'] }, async (_request, reply) => {
    await gate.promise
    return reply.code(503).send('sorry')
  }, { app })
  const all = ['1', '2'].map((number) => ask(app, { 'x-number': number }))
  await listener.heard('miss', 2)
  gate.resolve()
  t.strictSame((await Promise.all(all)).map(({ headers }) => headers['x-request']), ['1', '2'])
  t.equal(calls(), 1)
})

t.test('a 404, a 410 or a 200 that may not be stored ends the stored response; other refusals do not', async (t) => {
  for (const [status, headers, ends] of [
    [404, {}, true], [410, {}, true], [200, { 'cache-control': 'private' }, true], [403, {}, false], [302, {}, false]
  ] as const) {
    const { app, clock, listener } = await site(t, { ttl: 10, staleWhileRevalidate: 1000 }, (_request, reply, call) => {
      return call === 1 ? 'good' : reply.code(status).headers(headers).send('other')
    })
    await ask(app)
    clock.advance(11)
    t.equal((await ask(app)).body, 'good')
    await listener.heard('load', 2)
    await turn()
    t.equal((await ask(app)).body, ends ? 'other' : 'good', `${status}`)
  }
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

t.test('a self-request that computes another key is not stored', async (t) => {
  const tenants = ['a', 'a', 'b']
  const { app, clock, listener } = await site(
    t, { ttl: 10, staleWhileRevalidate: 100, key: () => tenants.shift() ?? 'b' },
    (_request, _reply, call) => `call ${call}`
  )
  await ask(app)
  clock.advance(11)
  t.match(await ask(app), { body: 'call 1' })
  await listener.heard('load', 2)
  t.equal(listener.events.filter(({ type }) => type === 'set').length, 2, 'the page, and where it is')
  t.match(await ask(app), { body: 'call 3', status: /^larder; fwd=vary-miss/ })
})

t.test('a hook that replies to a self-request leaves the stale response as it is', async (t) => {
  let closed = false
  const app = Fastify()
  app.addHook('preHandler', async (_request, reply) => { if (closed) return reply.code(401).send('who are you?') })
  const { clock, listener, calls } = await site(t, { ttl: 10, staleWhileRevalidate: 100 }, undefined, { app })
  await ask(app)
  clock.advance(11)
  const asked = app.inject('/page')
  asked.then(() => {}, () => {})
  t.match((await asked).body, 'call 1')
  closed = true
  await listener.heard('load', 1)
  t.equal((await ask(app)).statusCode, 401)
  t.ok(calls() <= 2)
})

t.test('a request that a handler injects is not a self-request', async (t) => {
  const { app, clock, listener } = await site(t, {
    ttl: 10, staleWhileRevalidate: 100
  }, async (request, _reply, call) => {
    if (request.headers['x-inner'] !== undefined) return `inner ${call}`
    return `outer ${call} of ${(await app.inject({ url: '/page?inner', headers: { 'x-inner': 'yes' } })).body}`
  })
  t.equal((await ask(app)).body, 'outer 1 of inner 2')
  clock.advance(11)
  t.equal((await ask(app)).body, 'outer 1 of inner 2')
  await listener.heard('set', 6)
  t.match((await ask(app)).body, /^outer 3 of inner [24]$/)
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
