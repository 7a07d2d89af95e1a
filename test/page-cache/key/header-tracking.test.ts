import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import t, { type Test } from 'tap'
import { HeaderTracker } from '../../../src/page-cache/key/header-tracking.ts'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { ask, type Handler, type Setting, site } from '../site.ts'
import { pageStores } from '../stores.ts'

const stores = await pageStores(t)
const onMemory = (
  t: Test, cachePage: CachePageOptions | number, handler?: Handler, setting?: Setting
) => site(t, stores.memory!, cachePage, handler, setting)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a response varies by the headers that its handler reads, and lists them in Vary', async (t) => {
      const { app, calls } = await site(
        t, makeStore, 300, ({ headers }, _reply, call) => `${headers['x-lang']} by ${call}`
      )
      t.match(await ask(app, { 'x-lang': 'de' }), { body: 'de by 1', headers: { vary: 'x-lang' } })
      t.match(await ask(app, { 'x-lang': 'fr' }), { body: 'fr by 2', status: /vary-miss/, headers: { vary: 'x-lang' } })
      t.match(await ask(app), { body: 'undefined by 3', headers: { vary: 'x-lang' } })
      t.match(await ask(app, { 'x-lang': 'de' }), { body: 'de by 1', status: /; hit/, headers: { vary: 'x-lang' } })
      t.match(await ask(app), { body: 'undefined by 3', status: /; hit/ })
      t.equal(calls(), 3)
    })

    t.test('if the handler reads cookies, requests with cookies get no hit and are not stored', async (t) => {
      const { app, calls } = await site(
        t, makeStore, 300, ({ headers }, _reply, call) => `${headers.cookie ?? 'nobody'} by ${call}`
      )
      t.match(await ask(app), { body: 'nobody by 1', status: /; stored/ })
      t.match(await ask(app, { cookie: 'a=alice' }), {
        body: 'a=alice by 2', status: 'larder; fwd=vary-miss; detail=cookie'
      })
      t.match(await ask(app, { cookie: 'a=alice' }), { body: 'a=alice by 3' })
      t.match(await ask(app, { cookie: 'a=bob' }), { body: 'a=bob by 4' })
      t.match(await ask(app), { body: 'nobody by 1', status: /; hit/, headers: { vary: 'cookie' } })
      t.equal(calls(), 4)
    })
  })
}

t.test('every way to read a header is tracked', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    'by name': ({ headers }) => headers['x-lang'],
    'of the raw request': ({ raw }) => raw.headers['x-lang'],
    destructured: ({ headers: { 'x-lang': lang } }) => lang,
    in: ({ headers }) => 'x-lang' in headers,
    hasOwn: ({ headers }) => Object.hasOwn(headers, 'x-lang'),
    'the method of old': ({ headers }) => Object.prototype.hasOwnProperty.call(headers, 'x-lang'),
    descriptor: ({ headers }) => Object.getOwnPropertyDescriptor(headers, 'x-lang')?.value,
    'Reflect.get': ({ headers }) => Reflect.get(headers, 'x-lang')
  }
  for (const [way, read] of Object.entries(ways)) {
    const { app, calls } = await onMemory(t, 300, (request) => String(read(request)))
    const first = await ask(app, { 'x-lang': 'de' })
    t.match(first, { headers: { vary: 'x-lang' } }, way)
    const other = await ask(app)
    t.not(other.body, first.body, way)
    t.match(other, { status: /vary-miss; stored/, headers: { vary: 'x-lang' } }, way)
    t.match(await ask(app, { 'x-lang': 'de' }), { body: first.body, status: /; hit/ }, way)
    t.equal(calls(), 2, way)
  }
})

t.test('a handler that copies all headers: stored only with its own lifetime, never with cookies', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    spread: ({ headers }) => ({ ...headers }),
    rest: ({ headers: { 'x-none': _, ...rest } }) => rest,
    keys: ({ headers }) => Object.keys(headers),
    entries: ({ headers }) => Object.entries(headers),
    'for in': ({ headers }) => { const all = []; for (const name in headers) all.push(headers[name]); return all },
    json: ({ headers }) => JSON.stringify(headers),
    assign: ({ headers }) => Object.assign({}, headers),
    raw: ({ raw }) => ({ ...raw.headers }),
    rawHeaders: ({ raw }) => [...raw.rawHeaders],
    'rawHeaders by number': ({ raw }) => raw.rawHeaders[1],
    'rawHeaders by method': ({ raw }) => raw.rawHeaders.indexOf('x-lang')
  }
  for (const [way, read] of Object.entries(ways)) {
    const { app } = await onMemory(t, 300, read)
    await ask(app)
    t.equal((await ask(app)).status, 'larder; fwd=uri-miss; detail=all-headers-read', way)
    for (const when of ['onRequest', 'preHandler'] as const) {
      const hooked = await onMemory(t, 300, undefined, {
        after: (app) => app.addHook(when, async (request) => { read(request) })
      })
      t.equal((await ask(hooked.app)).status, 'larder; fwd=uri-miss; detail=all-headers-read', `${way} in ${when}`)
    }
    const lasting = await onMemory(
      t, 300,
      (request, reply) => reply.header('cache-control', 'max-age=60').header('vary', 'x-lang').send(
        JSON.stringify(read(request) ?? null)
      )
    )
    t.equal((await ask(lasting.app, { cookie: 'a=b' })).status, 'larder; fwd=uri-miss; detail=cookie', way)
    t.match(
      await ask(lasting.app), { status: 'larder; fwd=uri-miss; stored; ttl=60', headers: { vary: 'x-lang' } }, way
    )
    t.match(await ask(lasting.app, { 'x-other': '1' }), { status: 'larder; hit; ttl=60' }, way)
    t.match(await ask(lasting.app, { 'x-lang': 'de' }), { status: /vary-miss/ }, way)
  }
})

t.test('reading rawHeaders counts as reading all headers', async (t) => {
  const { app } = await onMemory(t, 300, ({ raw }) => raw.headersDistinct['x-lang'])
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal(
    (await fetch(`${address}/page`, { headers: { 'x-lang': 'de' } })).headers.get('cache-status'),
    'larder; fwd=uri-miss; detail=all-headers-read'
  )
  const whole = await onMemory(t, 300, ({ headers }) => headers)
  t.equal((await ask(whole.app)).status, 'larder; fwd=uri-miss; detail=all-headers-read')
})

t.test('a header that the handler reads counts even if a hook or the key has listed all headers', async (t) => {
  const list = async ({ headers }: FastifyRequest) => { Object.keys(headers) }
  const hooked = await onMemory(
    t, {}, ({ headers }, reply) => reply.header('cache-control', 'max-age=60').send(String(headers['x-lang'])),
    { after: (app) => app.addHook('onRequest', list) }
  )
  const keyed = await onMemory(
    t, { ttl: 60, key: ({ headers }) => String(Object.keys(headers).includes('x-preview')) },
    ({ headers }) => String(headers['x-lang'])
  )
  for (const { app } of [hooked, keyed]) {
    for (const lang of ['de', 'fr']) {
      t.match(await ask(app, { 'x-lang': lang }), {
        body: lang, headers: { vary: /x-lang/ }
      })
    }
    t.match(await ask(app, { 'x-lang': 'de' }), { body: 'de', status: /; hit/ })
  }
})

t.test('track() reports no reads for an untouched request, and tracks a request once', async (t) => {
  const rawHeaders = ['x-a', '1']
  const raw = { headers: { 'x-a': '1' }, rawHeaders, httpVersionMajor: 1 } as unknown as FastifyRequest['raw']
  const headerReads = HeaderTracker.track(raw)
  t.equal(HeaderTracker.track(raw), headerReads)
  t.strictSame(
    [
      headerReads.readByName, headerReads.keyHeaders, headerReads.readAll, headerReads.readClientAddress,
      headerReads.readCount
    ],
    [[], [], false, false, 0]
  )
  t.equal(raw.headers['x-a'], '1')
  t.equal(headerReads.readCount, 1)
  headerReads.end()
  t.equal(raw.headers, headerReads.headers)
  t.equal(raw.rawHeaders, rawHeaders)
})

t.test('listing headers, then reading some, varies by those; reading all counts as a copy', async (t) => {
  const own = (read: (request: FastifyRequest) => unknown): Handler => (request, reply) => {
    read(request)
    return reply.header('cache-control', 'max-age=60').send('page')
  }
  const ways: Record<string, [read: (request: FastifyRequest) => unknown, vary: string | undefined]> = {
    'a list alone': [({ headers }) => Object.keys(headers), undefined],
    'one of it': [({ headers }) => Object.keys(headers).map((name) => name === 'x-a' && headers[name]), 'x-a'],
    'all of it': [({ headers }) => Object.keys(headers).map((name) => headers[name]), undefined],
    'one before, and the others of it': [
      ({ headers }) => [
        headers['x-a'], Object.keys(headers).filter((name) => name !== 'x-a').map((name) => headers[name])
      ],
      'x-a'
    ]
  }
  for (const [way, [read, vary]] of Object.entries(ways)) {
    const { app } = await onMemory(t, {}, own(read))
    t.equal((await ask(app, { 'x-a': '1', 'x-b': '2' })).headers.vary, vary, way)
  }
})

t.test('headers that hooks read before the handler count, in whatever order the hooks were registered', async (t) => {
  for (const when of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    for (const place of ['after', 'before'] as const) {
      const { app, calls } = await onMemory(t, 300, (request) => String((request as { lang?: unknown }).lang), {
        [place]: (app: FastifyInstance) => app.addHook(
          when, async (request: FastifyRequest) => { Object.assign(request, { lang: request.headers['x-lang'] }) }
        )
      })
      for (const lang of ['de', 'fr', 'de']) {
        t.match(
          await ask(app, { 'x-lang': lang }), { body: lang, headers: { vary: 'x-lang' } }, `${when}, ${place}`
        )
      }
      t.equal(calls(), 2)
    }
  }
})

t.test('a header that a hook adds or changes is part of the key', async (t) => {
  const { app, calls } = await onMemory(t, 300, ({ headers }) => `${headers['X-User']} ${headers['x-team']}`, {
    after: (app) => app.addHook('onRequest', async (request) => {
      request.headers['X-User'] = request.url.includes('!') ? 'one' : String(request.headers['x-token']).slice(0, 1)
      request.headers['x-team'] ??= 'red'
    })
  })
  for (const token of ['a1', 'b1', 'a1']) t.equal((await ask(app, { 'x-token': token })).body, `${token[0]} red`)
  t.equal(calls(), 2)
})

t.test('a handler that changes request headers does not change the key of its response', async (t) => {
  for (const headers of [{}, { authorization: 'Basic eDp5' }] as Array<Record<string, string>>) {
    const { app } = await onMemory(t, 300, (request, reply) => {
      const lang = request.headers['x-lang']
      request.headers['x-lang'] = 'changed'
      return reply.header('cache-control', 'public').send(lang)
    })
    for (const lang of ['de', 'changed', 'de']) t.equal((await ask(app, { ...headers, 'x-lang': lang })).body, lang)
  }
})

t.test('cookies that a plugin reads are tracked, whether it was registered before or after', async (t) => {
  const plugins: Record<string, (app: FastifyInstance) => void> = {
    eager: (app) => {
      app.decorateRequest('cookies', null)
      app.addHook(
        'onRequest',
        async (request) => {
          Object.assign(request, { cookies: Object.fromEntries([String(request.raw.headers.cookie ?? '').split('=')]) })
        }
      )
    },
    sparing: (app) => {
      app.decorateRequest('cookies', null)
      app.addHook('onRequest', async (request) => {
        const { cookie } = request.headers
        if (cookie !== undefined) Object.assign(request, { cookies: Object.fromEntries([cookie.split('=')]) })
      })
    },
    lazy: (app) => {
      app.decorateRequest('cookies', {
        getter () { return Object.fromEntries([String((this as FastifyRequest).headers.cookie ?? '').split('=')]) }
      })
    },
    session: (app) => {
      app.decorateRequest('session', null)
      app.addHook(
        'onRequest',
        async (request) => { Object.assign(request, { session: { user: request.headers.cookie?.split('=')[1] } }) }
      )
    }
  }
  for (const [name, plugin] of Object.entries(plugins)) {
    for (const place of ['before', 'after'] as const) {
      const { app } = await onMemory(t, 300, (request) => {
        const { cookies, session } = request as { cookies?: Record<string, string>, session?: { user?: string } }
        return `for ${cookies?.user ?? session?.user ?? 'nobody'}`
      }, { [place]: (app: FastifyInstance) => app.register(fp(async (app) => plugin(app))) })
      t.match(
        await ask(app), { body: 'for nobody', status: /; stored/, headers: { vary: 'cookie' } }, `${name} ${place}`
      )
      for (const user of ['alice', 'bob']) {
        t.match(
          await ask(app, { cookie: `user=${user}` }), { body: `for ${user}`, status: /detail=cookie/ }, `${name} ${place}`
        )
      }
      t.match(await ask(app), { body: 'for nobody', status: /; hit/ }, `${name} ${place}`)
    }
  }
})

t.test('a public response to a request with cookies is stored for requests with the same cookies', async (t) => {
  const { app, calls } = await onMemory(
    t, 300, ({ headers }, reply) => reply.header('cache-control', 'public').send(headers.cookie)
  )
  for (const cookie of ['a=1', 'a=2', 'a=1']) t.equal((await ask(app, { cookie })).body, cookie)
  t.equal(calls(), 2)
})

t.test('a cookie that no code reads does not affect caching', async (t) => {
  const { app } = await onMemory(t, 300)
  t.match(await ask(app, { cookie: 'a=1' }), { body: 'call 1', status: /; stored/ })
  const warm = await ask(app, { cookie: 'a=2' })
  t.match(warm, { body: 'call 1', status: /; hit/ })
  t.notOk('vary' in warm.headers)
})

t.test('ignoreHeaders: reads of these headers do not count', async (t) => {
  const { app, calls } = await onMemory(
    t, { ttl: 300, ignoreHeaders: ['X-Lang', 'cookie'] },
    ({ headers }, _reply, call) => `${headers['x-lang']} ${headers.cookie} by ${call}`
  )
  await ask(app, { 'x-lang': 'de' })
  const other = await ask(app, { 'x-lang': 'fr', cookie: 'a=b' })
  t.match(other, { body: 'de undefined by 1', status: /; hit/ })
  t.notOk('vary' in other.headers)
  t.equal(calls(), 1)
})

t.test('headers that hooks read for logging count only if the handler reads them', async (t) => {
  const names = ['x-request-id', 'traceparent']
  const headersOf = (value: string) => Object.fromEntries(names.map((name) => [name, value]))
  const log = async ({ headers }: FastifyRequest) => { names.map((name) => headers[name]) }
  const after = (app: FastifyInstance) =>
    app.addHook('onRequest', log).addHook('preHandler', log).addHook('onResponse', log)
  const logging = await onMemory(t, 300, undefined, { after })
  t.notOk('vary' in (await ask(logging.app, headersOf('1'))).headers)
  t.match(await ask(logging.app, headersOf('2')), { status: /; hit/ })
  for (const name of names) {
    const { app } = await onMemory(t, 300, ({ headers }) => headers[name], { after })
    t.match(await ask(app, headersOf('1')), { body: '1', headers: { vary: name } })
    t.match(await ask(app, headersOf('2')), { body: '2', status: /vary-miss/ })
  }
})

t.test('headers of the message and the connection do not count if a hook reads them', async (t) => {
  const names = ['connection', 'if-none-match', 'range', 'cache-control', 'pragma', 'content-type']
  const read = ({ headers }: FastifyRequest) => names.map((name) => typeof headers[name]).join()
  const hooked = await onMemory(t, 300, undefined, {
    after: (app) => app.addHook('onRequest', async (request) => { read(request) })
  })
  t.notOk('vary' in (await ask(hooked.app, { 'if-none-match': '"x"', connection: 'close' })).headers)
  t.match(await ask(hooked.app, { pragma: 'x' }), { status: /; hit/ })
  const { app } = await onMemory(t, 300, read)
  const first = await ask(app, { 'if-none-match': '"x"', connection: 'close' })
  t.equal(
    first.body, 'string,undefined,undefined,undefined,undefined,undefined', 'for the whole page no condition is shown'
  )
  t.equal(first.headers.vary, 'cache-control, connection, content-type, pragma')
  t.match(await ask(app, { pragma: 'x' }), {
    body: 'undefined,undefined,undefined,undefined,string,undefined', status: /vary-miss/
  })
})

t.test('names that JavaScript itself reads from an object do not count as headers', async (t) => {
  const { app } = await onMemory(t, 300, async ({ headers }) => {
    await headers
    return `${headers} ${headers.hasOwnProperty} ${headers['not a name']}`
  })
  const { statusCode, headers } = await ask(app)
  t.equal(statusCode, 200)
  t.notMatch(String(headers.vary), /toString|hasOwn|not a name/)
})

t.test('reading Host or the scheme adds no Vary, because both are in the key', async (t) => {
  for (const trustProxy of [false, true]) {
    const { app, calls } = await onMemory(
      t, 300, ({ host, hostname, protocol, port }) => `${protocol} ${host} ${hostname} ${port}`,
      { app: Fastify({ trustProxy }) }
    )
    const first = await ask(app, { host: 'shop.example:8080' })
    t.equal(first.body, 'http shop.example:8080 shop.example 8080')
    t.notOk('vary' in first.headers)
    t.match(await ask(app, { host: 'shop.example:8080' }), { body: first.body, status: /; hit/ })
    t.match(await ask(app, { host: 'other.example' }), {
      body: 'http other.example other.example null', status: /uri-miss/
    })
    t.equal(calls(), 2)
  }
})

t.test('forged X-Forwarded headers neither get nor create a response of other clients', async (t) => {
  const forged = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.6' }
  const show: Handler = ({ host, protocol, headers }) =>
    `${protocol}://${host} ${headers['x-forwarded-host']} ${headers['x-forwarded-proto']}`
  for (const trustProxy of [false, '10.0.0.1'] as const) {
    for (const headers of [forged, { ...forged, 'x-forwarded-host': 'evil.example, shop.example' }]) {
      const { app } = await onMemory(t, 300, show, { app: Fastify({ trustProxy }) })
      const host = 'shop.example'
      t.match((await ask(app, { host, ...headers })).body, `http://shop.example ${headers['x-forwarded-host']} https`)
      t.equal((await ask(app, { host })).body, 'http://shop.example undefined undefined')
      t.equal((await ask(app, { host })).body, 'http://shop.example undefined undefined')
      t.match((await ask(app, { host, ...headers })).body, 'http://shop.example')
    }
  }
  // A handler that shows what it was forwarded for, without saying so, behind a proxy that is trusted and appends.
  const { app } = await onMemory(t, 300, show, { app: Fastify({ trustProxy: true }) })
  const appended = {
    host: 'inner', 'x-forwarded-host': 'evil.example, shop.example', 'x-forwarded-proto': 'javascript, https'
  }
  t.equal((await ask(app, appended)).body, 'https://shop.example evil.example, shop.example javascript, https')
  const plain = { host: 'inner', 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https' }
  t.equal((await ask(app, plain)).body, 'https://shop.example shop.example https')
  t.match(await ask(app, plain), { body: 'https://shop.example shop.example https', status: /; hit/ })
  t.match(await ask(app, { ...plain, 'x-forwarded-host': 'evil.example' }), {
    body: 'https://evil.example evil.example https', status: /uri-miss/
  })
})

t.test('a trusted proxy decides host and scheme', async (t) => {
  const { app, calls } = await onMemory(
    t, 300,
    ({ host, protocol, ip }, reply) => reply.header('cache-control', 'max-age=300').send(
      `${protocol}://${host} for ${ip}`
    ),
    { app: Fastify({ trustProxy: '127.0.0.1' }) }
  )
  const from = (ip: string) => ({
    host: 'inner', 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': ip
  })
  t.match(await ask(app, from('203.0.113.1')), {
    body: 'https://shop.example for 203.0.113.1', headers: { vary: 'x-forwarded-for' }
  })
  t.equal((await ask(app, from('203.0.113.2'))).body, 'https://shop.example for 203.0.113.2')
  t.match(await ask(app, from('203.0.113.1')), { body: 'https://shop.example for 203.0.113.1', status: /; hit/ })
  t.equal(calls(), 2)
})

t.test('query: the handler does not see unlisted parameters', async (t) => {
  const { app, calls } = await onMemory(t, { ttl: 300, query: ['a', 'f'] }, (request, _reply, call) => ({
    url: request.url, original: request.originalUrl, raw: request.raw.url, query: { ...request.query as object }, call
  }))
  const show = (url: string, query: object, call: number) => ({ url, original: url, raw: url, query, call })
  const get = async (url: string) => JSON.parse((await ask(app, {}, url)).body)
  t.strictSame(await get('/page?b=1&a=1&utm=x'), show('/page?a=1', { a: '1' }, 1))
  t.strictSame(await get('/page?a=1&b=other'), show('/page?a=1', { a: '1' }, 1))
  t.strictSame(await get('/page?b=2'), show('/page', {}, 2))
  t.strictSame(await get('/page?'), show('/page', {}, 2))
  t.strictSame(await get('/page?a=1&a=2&b=1&b=2'), show('/page?a=1&a=2', { a: ['1', '2'] }, 3))
  t.strictSame(await get('/page?a=2&a=1'), show('/page?a=2&a=1', { a: ['2', '1'] }, 4))
  t.strictSame(
    await get('/page?f[x]=1&g[f]=2&%66[y]=3'), show('/page?f[x]=1&%66[y]=3', { 'f[x]': '1', 'f[y]': '3' }, 5)
  )
  t.strictSame(await get('/page?%61=1'), show('/page?a=1', { a: '1' }, 1))
  t.strictSame(await get('/page?%zz=1&%=2'), show('/page', {}, 2))
  t.equal(calls(), 5)
})

t.test('a request with a body bypasses the cache', async (t) => {
  const { app, calls } = await onMemory(t, 300)
  await ask(app)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const headers of [{ 'content-length': '1' }, { 'transfer-encoding': 'chunked' }]) {
    const asked = httpRequest(`${address}/page`, { headers: { ...headers, host: 'localhost:80', connection: 'close' } })
    asked.end('x')
    const [answer] = await once(asked, 'response') as [IncomingMessage]
    t.equal(await text(answer), `call ${calls()}`)
    t.equal(answer.headers['cache-status'], 'larder; fwd=bypass; detail=request-body')
  }
  t.equal(calls(), 3)
  t.match(await ask(app, { 'content-length': '0' }), { body: 'call 1', status: /; hit/ })
})

t.test('over HTTP/2 header reads are tracked and request bodies detected', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  const { calls } = await onMemory(t, 300, ({ headers, raw, host, query }, _reply, call) => {
    if ((query as { raw?: string }).raw !== undefined) return raw.rawHeaders.join()
    return `${headers['x-lang']} ${headers[':path']} ${host} ${call}`
  }, { app })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const session = connect(address)
  t.teardown(() => session.destroy())
  const get = async (headers: Record<string, string>, body?: string) => {
    const stream = session.request({ ':path': '/page', ...headers }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    const [fields] = await once(stream, 'response')
    return { body: await text(stream), status: fields['cache-status'], vary: fields.vary }
  }
  const { host } = new URL(address)
  t.match(await get({ 'x-lang': 'de' }), { body: `de /page ${host} 1`, vary: 'x-lang' })
  t.match(await get({ 'x-lang': 'fr' }), { body: `fr /page ${host} 2`, vary: 'x-lang' })
  t.match(await get({ 'x-lang': 'de' }), { body: `de /page ${host} 1`, status: 'larder; hit; ttl=300', vary: 'x-lang' })
  t.match(await get({ 'x-lang': 'de' }, 'body'), {
    body: `de /page ${host} 3`, status: 'larder; fwd=bypass; detail=request-body'
  })
  t.match(await get({ ':path': '/page?raw=1' }), { status: 'larder; fwd=uri-miss; detail=all-headers-read' })
  t.equal(calls(), 4)
})
