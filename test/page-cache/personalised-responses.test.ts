import { Readable } from 'node:stream'
import compress from '@fastify/compress'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { ask, type Handler, type Setting, site } from './site.ts'
import { pageStores } from './stores.ts'

// Whatever a plugin or a handler does with what a client has sent: nobody gets the answer of somebody else.

const stores = await pageStores(t)
const onMemory = (
  t: Test, cachePage: CachePageOptions | number, handler?: Handler, setting?: Setting
) => site(t, stores.memory!, cachePage, handler, setting)

type Named = FastifyRequest & { user?: unknown }
const greet = (request: FastifyRequest) => `for ${String((request as Named).user)}`

t.test('headers that a hook reads are tracked even if it was registered before the page cache', async (t) => {
  const before = (app: FastifyInstance) => app.addHook(
    'onRequest', async (request: Named) => { request.user = request.headers['x-user'] }
  )
  const { app } = await onMemory(t, 300, greet, { before })
  for (const user of ['alice', 'bob', 'alice']) {
    t.match(await ask(app, { 'x-user': user }), {
      body: `for ${user}`, headers: { vary: 'x-user' }
    })
  }
  t.match(await ask(app, { 'x-user': 'bob' }), { status: /; hit/ })
})

t.test('a hook that reads User-Agent is tracked too; Fastify\'s own log line is not', async (t) => {
  const before = (app: FastifyInstance) => app.addHook(
    'onRequest', async (request: Named) => { request.user = /Mobile/.test(request.headers['user-agent'] ?? '') }
  )
  const { app } = await onMemory(t, 300, greet, { before })
  for (const agent of ['Mobile', 'Desktop']) {
    t.match(await ask(app, { 'user-agent': agent }), {
      body: `for ${agent === 'Mobile'}`, headers: { vary: 'user-agent' }
    })
  }
  const logging = Fastify({ trustProxy: true, logger: { level: 'info', stream: { write () {} } } })
  const logged = await onMemory(t, 300, undefined, { app: logging })
  t.notOk('vary' in (await ask(logged.app, { 'x-forwarded-for': '192.0.2.1' })).headers)
  t.match(await ask(logged.app, { 'x-forwarded-for': '192.0.2.2' }), { status: /; hit/ })
})

t.test('a header that a hook reads and then deletes or redacts counts as the client sent it', async (t) => {
  const hooks: Record<string, (request: Named) => void> = {
    deleted: (request) => {
      request.user = request.headers['x-user']
      delete request.headers['x-user']
    },
    redacted: (request) => {
      request.user = request.headers['x-user']
      request.headers['x-user'] = '[redacted]'
    },
    defined: (request) => {
      request.user = request.headers['x-user']
      Object.defineProperty(request.headers, 'x-user', { value: 'x', enumerable: true, configurable: true })
    }
  }
  for (const [way, hook] of Object.entries(hooks)) {
    const { app, calls } = await onMemory(t, 300, greet, {
      after: (app) => app.addHook('preHandler', async (request) => hook(request))
    })
    for (const user of ['alice', 'bob', 'alice']) t.equal((await ask(app, { 'x-user': user })).body, `for ${user}`, way)
    t.equal(calls(), 2, way)
  }
  for (const [name, detail] of [
    ['authorization', 'fwd=bypass; detail=authorization'], ['cookie', 'fwd=uri-miss; detail=cookie']
  ] as const) {
    const after = (app: FastifyInstance) => app.addHook('onRequest', async (request: Named) => {
      request.user = request.headers[name]
      delete request.headers[name]
    })
    const { app } = await onMemory(t, 300, greet, { after })
    for (const user of ['alice', 'bob']) {
      t.match(await ask(app, { [name]: user }), {
        body: `for ${user}`, status: `larder; ${detail}`
      })
    }
    t.match(await ask(app), { body: 'for undefined', status: /; stored/ })
    t.match(await ask(app, { [name]: 'alice' }), { body: 'for alice' })
  }
})

t.test('a guard that another plugin adds to a route runs before the lookup, however it is added', async (t) => {
  const guard = async (
    { headers }: FastifyRequest, reply: FastifyReply
  ) => headers['x-key'] === 'secret' ? undefined : reply.code(401).send('no')
  const none = async () => {}
  const ways: Record<string, (hooks: unknown[]) => unknown> = {
    push: (hooks) => {
      hooks.push(guard)
    },
    unshift: (hooks) => {
      hooks.unshift(guard)
    },
    assign: (hooks) => [...hooks, guard],
    replace: () => guard,
    empty: (hooks) => {
      hooks.length = 0
      hooks.push(guard)
    }
  }
  for (const [way, add] of Object.entries(ways)) {
    for (const given of [undefined, none, [none]]) {
      const app = Fastify()
      await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
      app.addHook('onRoute', (route) => {
        const hooks = [route.preHandler ?? []].flat() as unknown[]
        Object.assign(route, { preHandler: add(hooks) ?? hooks })
      })
      app.get('/page', { config: { cachePage: 300 }, ...given && { preHandler: given } }, async () => 'secret page')
      t.teardown(() => app.close())
      t.match(await ask(app, { 'x-key': 'secret' }), { body: 'secret page', status: /; stored/ }, way)
      t.equal((await ask(app)).statusCode, 401, way)
      t.match(await ask(app, { 'x-key': 'secret' }), { body: 'secret page', status: /; hit/ }, way)
    }
  }
})

t.test('headers that onSend hooks add decide too, in whatever order the hooks were registered', async (t) => {
  const additions: Record<string, [name: string, value: string, detail: string]> = {
    'a cookie': ['set-cookie', 'a=b', 'set-cookie'],
    private: ['cache-control', 'private', 'private'],
    'no-store': ['cache-control', 'no-store', 'no-store'],
    'no-store for caches': ['cdn-cache-control', 'no-store', 'no-store'],
    'any Vary': ['vary', '*', 'vary-any']
  }
  for (const [what, [name, value, detail]] of Object.entries(additions)) {
    for (const place of ['before', 'after'] as const) {
      for (const make of [() => 'page', () => Readable.from(['page'])]) {
        const { app, calls } = await onMemory(t, 300, make, {
          [place]: (app: FastifyInstance) => app.addHook(
            'onSend', async (_request, reply) => { reply.header(name, value) }
          )
        })
        for (let i = 1; i <= 2; i++) {
          t.match(
            await ask(app), { body: 'page', status: `larder; fwd=uri-miss; detail=${detail}` }, `${what}, ${place}`
          )
          t.equal(calls(), i)
        }
        if (what === 'a cookie') t.equal((await ask(app)).headers['cache-control'], 'no-cache')
      }
    }
  }
  const { app, calls } = await onMemory(t, 300, undefined, {
    after: (app) => app.addHook(
      'onSend',
      async (_request, reply) => { reply.header('cache-control', 'private="x-user", max-age=5').header('vary', 'x-a') }
    )
  })
  await ask(app)
  t.match(
    await ask(app), { status: /; hit/, headers: { 'cache-control': 'private="x-user", max-age=5' } },
    'what forbids nothing'
  )
  t.equal(calls(), 1)
})

t.test('a request that waits for a response which a hook makes private runs its own handler', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls, listener } = await onMemory(t, 300, async (_request, _reply, call) => {
    await gate.promise
    return `call ${call}`
  }, { after: (app) => app.addHook('onSend', async (_request, reply) => { reply.header('set-cookie', 'a=b') }) })
  const all = Promise.all([ask(app), ask(app)])
  await listener.heard('miss', 2)
  gate.resolve()
  t.strictSame((await all).map(({ body }) => body), ['call 1', 'call 2'])
  t.equal(calls(), 2)
})

t.test('nothing is stored if an onSend hook fails after the handler has replied', async (t) => {
  let fails = 3
  const { app, calls, kept } = await onMemory(t, 300, undefined, {
    after: (app) => app.addHook('onSend', async () => { if (fails-- > 0) throw new Error('no') })
  })
  t.match(await ask(app), { statusCode: 500 }, 'also for the error that took its place')
  t.match(
    await ask(app),
    { statusCode: 500, headers: { 'cache-control': 'no-store' }, status: 'larder; fwd=uri-miss; detail=reply-failed' },
    'nobody waits for it'
  )
  t.strictSame(kept(), [])
  t.match(await ask(app), { body: 'call 3', status: /; stored/ })
  t.equal(calls(), 3)
})

t.test('a stream that reads request headers while it is produced is not shared', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    'a field': ({ headers }) => headers['x-user'],
    'all fields': ({ headers }) => ({ ...headers })['x-user'],
    'the address': ({ ip }) => ip
  }
  for (const [way, read] of Object.entries(ways)) {
    const { app, calls } = await onMemory(t, 300, (request) => Readable.from((async function * () {
      yield 'for '
      yield String(read(request))
    })()))
    for (const user of ['alice', 'bob']) {
      t.match(
        await ask(app, { 'x-user': user }), { body: way === 'the address' ? 'for 127.0.0.1' : `for ${user}` }, way
      )
    }
    t.equal(calls(), 2, way)
  }
  const async = await onMemory(t, 300, () => Readable.from(['page']), {
    after: (app) => app.addHook('onSend', async ({ headers }, _reply, payload) => {
      await new Promise(setImmediate)
      return headers['x-user'] === undefined ? payload : 'other'
    })
  })
  await ask(async.app)
  t.match(await ask(async.app), { status: /fwd=uri-miss/ }, 'nobody can tell who has read it')
})

t.test('no request waits for a stream of server-sent events', async (t) => {
  const { app, calls } = await onMemory(
    t, 300, (_request, reply) => reply.type('text/event-stream; charset=utf-8').send('data: 1\n\n')
  )
  for (let i = 0; i < 2; i++) t.equal((await ask(app)).status, 'larder; fwd=uri-miss; detail=event-stream')
  t.equal(calls(), 2)
})

t.test('a response that depends on the client address or on the request id is not shared', async (t) => {
  const { app } = await onMemory(t, 300, ({ ip }) => ip)
  for (let i = 0; i < 2; i++) t.equal((await ask(app)).status, 'larder; fwd=uri-miss; detail=client-address-read')
  const replaced = await onMemory(t, 300, (request) => {
    Object.assign(request, { ip: 'unknown' })
    return request.ip
  })
  t.match(await ask(replaced.app), { body: 'unknown', status: /; stored/ })

  const named = await onMemory(t, 300, ({ id }) => id, {
    app: Fastify({ requestIdHeader: 'x-call', genReqId: () => 'ours' })
  })
  t.match(await ask(named.app, { 'x-call': '<b>' }), { body: '<b>', headers: { vary: 'x-call' } })
  t.match(await ask(named.app), { body: 'ours', status: /fwd=vary-miss/ })
  t.match(await ask(named.app, { 'x-call': '<b>' }), { body: '<b>', status: /; hit/ })
})

t.test('a failure is shared only with requests that would have received the same failure', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls, listener } = await onMemory(t, {
    ttl: 300, key: ({ headers }) => String(headers['x-tenant'])
  }, async ({ headers }, reply) => {
    await gate.promise
    return reply.code(503).send(`for ${headers['x-tenant']}`)
  })
  const all = Promise.all(['a', 'b', 'a'].map((tenant) => ask(app, { 'x-tenant': tenant })))
  await listener.heard('miss', 3)
  gate.resolve()
  t.strictSame((await all).map(({ body }) => body), ['for a', 'for b', 'for a'])
  t.equal(calls(), 2)
})

t.test('a rewritten URL and its original are both in the key', async (t) => {
  const show = ({ url, originalUrl, query }: FastifyRequest) => JSON.stringify([url, originalUrl, query])
  const rewriting = () => Fastify({ rewriteUrl: ({ url }) => url!.replace(/^\/of\/\w+/, '') })
  const { app } = await onMemory(t, 300, show, { app: rewriting() })
  for (const name of ['alice', 'bob', 'alice']) {
    t.equal(
      (await ask(app, {}, `/of/${name}/page`)).body, `["/page","/of/${name}/page",{}]`
    )
  }
  t.match(await ask(app, {}, '/of/bob/page'), { status: /; hit/ })

  const noting = (app: FastifyInstance) => app.addHook(
    'onRequest', async ({ raw }) => { Object.assign(raw, { originalUrl: raw.url }) }
  )
  const noted = await onMemory(t, 300, show, { before: noting })
  for (let i = 0; i < 2; i++) t.equal((await ask(noted.app)).body, '["/page","/page",{}]')
  t.equal(noted.calls(), 1)

  const listing = await onMemory(t, { ttl: 300, query: ['a'] }, show, { app: rewriting() })
  t.equal((await ask(listing.app, {}, '/of/x/page?evil=1&a=1')).body, '["/page?a=1","/of/x/page?a=1",{"a":"1"}]')
  t.match(await ask(listing.app, {}, '/of/x/page?a=1&evil=2'), { status: /; hit/ })
})

t.test('query: unlisted parameters are hidden from every way to read the URL, or nothing is stored', async (t) => {
  const show = ({ url, originalUrl, query }: FastifyRequest) => JSON.stringify([url, originalUrl, query])
  const options = { ttl: 300, query: ['a'] }
  const early = await onMemory(t, options, show, {
    before: (app) => app.addHook('onRequest', async (request) => { show(request) })
  })
  t.equal((await ask(early.app, {}, '/page?a=1&f[%zz]=evil&%zz=evil')).body, '["/page?a=1","/page?a=1",{"a":"1"}]')
  t.match(await ask(early.app, {}, '/page?a=1'), { status: /; hit/ })

  // A parser of nested names that takes semicolons.
  const querystringParser = (text: string) => Object.fromEntries(
    text.split(/[;&]/).map((pair) => pair.replaceAll(/[[\]]/g, '').split('='))
  )
  const app = () => Fastify({ routerOptions: { querystringParser } })
  const unknown = await onMemory(t, options, show, { app: app() })
  t.match(await ask(unknown.app, {}, '/page?[a]=evil'), {
    body: /evil/, status: 'larder; fwd=bypass; detail=query-parser'
  })
  t.match(await ask(unknown.app, {}, '/page?a=1'), { status: /; stored/ })

  const known = app()
  await known.register(pageCache, { cache: createCache({ store: memoryStore() }), querystringParser })
  known.get('/page', { config: { cachePage: options } }, async (request) => show(request))
  t.teardown(() => known.close())
  t.match(await ask(known, {}, '/page?b=1;c=2&a=3'), {
    body: '["/page?a=3","/page?a=3",{"a":"3"}]', status: /; stored/
  })

  const bad = Fastify()
  bad.register(pageCache, { cache: createCache({ store: memoryStore() }), querystringParser: 'qs' as never })
  await t.rejects(async () => await bad.ready(), {
    message: 'The option `querystringParser` of the page cache must be a function.'
  })
})

t.test('routes that differ only in a constraint share no responses', async (t) => {
  const byTenant = {
    name: 'tenant',
    storage: () => {
      const routes: Array<[RegExp, unknown]> = []
      return {
        get: (value: string) => routes.find(([pattern]) => pattern.test(value))?.[1] ?? null,
        set: (pattern: RegExp, handler: unknown) => { routes.push([pattern, handler]) }
      }
    },
    validate () {},
    deriveConstraint: ({ headers }: FastifyRequest['raw']) => headers['x-tenant']
  }
  const make = async () => {
    const app = Fastify({ routerOptions: { constraints: { tenant: byTenant } } } as object)
    await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
    t.teardown(() => app.close())
    return app
  }
  const app = await make()
  for (const tenant of [/^alice/, /^bob/]) {
    app.get(
      '/page', { constraints: { tenant }, config: { cachePage: 300 } }, async () => String(tenant)
    )
  }
  for (const tenant of ['alice', 'bob', 'alice']) t.equal((await ask(app, { 'x-tenant': tenant })).body, `/^${tenant}/`)
  const other = await make()
  t.throws(() => other.get(
    '/other', { constraints: { tenant: { of: 'alice' } }, config: { cachePage: 300 } }, async () => ''
  ), {
    name: 'TypeError', message: /^The constraint tenant of \/other, a route with a page cache, must be a string, a number, a boolean or/
  })
})

t.test('headers that a handler sets on the raw response count', async (t) => {
  for (const [control, status] of [['private', 'detail=private'], ['max-age=7', 'stored; ttl=7']] as const) {
    const { app } = await onMemory(t, 300, (_request, reply) => {
      reply.raw.setHeader('cache-control', control)
      return 'page'
    })
    t.match(await ask(app), { status: `larder; fwd=uri-miss; ${status}`, headers: { 'cache-control': control } })
  }
})

t.test('a route that was declared before the page cache was registered fails with an explanation', async (t) => {
  const app = Fastify()
  app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/page', { config: { cachePage: 300 } }, async () => 'page')
  app.get('/other', async () => 'other')
  t.teardown(() => app.close())
  t.match(JSON.parse((await app.inject('/page')).body), {
    statusCode: 500, message: /^Route \/page was declared before the page cache was registered\. Call/
  })
  t.equal((await app.inject('/other')).body, 'other')
})

t.test('ignoreHeaders of the plugin applies to all routes', async (t) => {
  const app = Fastify({ trustProxy: true })
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ignoreHeaders: ['X-Forwarded-For'] })
  app.addHook('onRequest', async ({ ip }) => { String(ip) })
  app.get('/page', { config: { cachePage: { ttl: 300, ignoreHeaders: ['user-agent'] } } }, async () => 'page')
  t.teardown(() => app.close())
  t.notOk('vary' in (await ask(app, { 'x-forwarded-for': '192.0.2.1' })).headers)
  t.match(await ask(app, { 'x-forwarded-for': '192.0.2.2' }), { status: /; hit/ })
  const bad = Fastify()
  bad.register(pageCache, { cache: createCache({ store: memoryStore() }), ignoreHeaders: 'x' as never })
  await t.rejects(async () => await bad.ready(), {
    message: /^The option ignoreHeaders of the page cache must be an array of header names, but is/
  })
})

t.test('a body that a later hook compresses gets a weak ETag (RFC 9110 section 8.8.3)', async (t) => {
  const { app } = await onMemory(t, 300, () => 'x'.repeat(5_000), { after: (app) => app.register(compress) })
  const { etag } = (await ask(app)).headers
  t.match(etag, /^"/)
  for (let i = 0; i < 2; i++) t.equal((await ask(app, { 'accept-encoding': 'gzip' })).headers.etag, `W/${String(etag)}`)
  t.match(await ask(app, { 'accept-encoding': 'gzip', 'if-none-match': `W/${String(etag)}` }), { statusCode: 304 })
  t.match(await ask(app, { range: 'bytes=0-9', 'if-range': `W/${String(etag)}` }), { statusCode: 200 })
  const untagged = await onMemory(
    t, 300, (_request, reply) => reply.code(404).header('cache-control', 'max-age=60').send('x'.repeat(5_000)),
    { after: (app) => app.register(compress) }
  )
  t.notOk('etag' in (await ask(untagged.app, { 'accept-encoding': 'gzip' })).headers)
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
  const { app, listener, calls } = await onMemory(t, 300, () => Readable.from(['page']), {
    after: (app) => app.addHook('onSend', async () => { await new Promise(setImmediate) })
  })
  await ask(app)
  await listener.heard('set')
  t.match(await ask(app), { body: 'page', status: /; hit/ })
  t.equal(calls(), 1)
})

t.test('a reply that a hook sends before the page cache runs is not stored', async (t) => {
  const { app } = await onMemory(t, 300, undefined, {
    before: (app) => app.addHook('onRequest', async (_request, reply) => reply.code(503).send('closed'))
  })
  t.match(await ask(app), { statusCode: 503, body: 'closed', status: 'undefined' })
})
