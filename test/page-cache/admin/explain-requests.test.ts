import Fastify, { type FastifyReply } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache, { type CachePageOptions, type ExplainQuestion } from '../../../src/page-cache/index.ts'
import { createTestApp } from '../../support/create-test-app.ts'

t.test('explain says why a request bypasses the cache', async (t) => {
  for (const [cachePage, question, rule] of [
    [0, {}, 'The ttl of the route is zero, so none of its responses is stored.'],
    [60, { headers: { 'content-length': '3' } }, 'The request has a body, which is not part of the key.'],
    [
      60, { headers: { authorization: 'x' } },
      'The request has Authorization, and no stored response allows that (RFC 9111 section 3.5).'
    ],
    [
      { ttl: 60, requestDirectives: true }, { headers: { 'cache-control': 'no-store' } },
      'The client sends no-store (RFC 9111 section 5.2.1.5), and the route respects it.'
    ]
  ] as Array<[CachePageOptions | number, Partial<ExplainQuestion>, string]>) {
    const { explain } = await createTestApp(t, cachePage)
    t.match((await explain(question)).outcome, { runsHandler: true, rule })
  }
  for (const [control, rule] of [
    ['no-store', 'A hook before the handler has set no-store (RFC 9111 section 5.2.2.5).'],
    ['private', 'A hook before the handler has set private (RFC 9111 section 5.2.2.7).']
  ] as const) {
    const app = Fastify()
    app.addHook('onRequest', async (_request, reply) => { reply.header('cache-control', control) })
    const { explainRule } = await createTestApp(t, 60, undefined, { app })
    t.equal(await explainRule(), rule)
  }
  const app = Fastify({ routerOptions: { querystringParser: (text) => ({ all: text }) } })
  const { explainRule } = await createTestApp(t, { ttl: 60, query: ['a'] }, undefined, { app })
  t.equal(
    await explainRule({ url: '/page?b=1' }),
    'The application parses queries in another way than the page cache, and the route has the option query.'
  )
})

t.test('explain respects request directives if the route does', async (t) => {
  const { get, explainRule, clock, explain } = await createTestApp(t, { ttl: 60, requestDirectives: true })
  const asked = (control: string) => ({ headers: { 'cache-control': control } })
  t.match(await explain(asked('only-if-cached')), {
    outcome: {
      cacheStatus: 'larder; detail=only-if-cached',
      runsHandler: false,
      rule: 'The client accepts stored responses only (RFC 9111 section 5.2.1.7), and none is usable.'
    }
  })
  await get()
  clock.advance(30)
  t.match(
    await explainRule(asked('no-cache')),
    'The client sends no-cache (RFC 9111 section 5.2.1.4), and the route respects it.'
  )
  t.match(
    await explainRule(asked('max-age=10')),
    'The stored response is older than the max-age of the client (RFC 9111 section 5.2.1.1), and the route respects it.'
  )
  t.match(
    await explainRule(asked('min-fresh=40')),
    'The stored response expires within the min-fresh of the client (RFC 9111 section 5.2.1.3), and the route ' +
      'respects it.'
  )
  t.match(
    await explainRule({ headers: { authorization: 'x', ...asked('only-if-cached').headers } }),
    'The client accepts stored responses only (RFC 9111 section 5.2.1.7), and none is usable.'
  )

  const old = await createTestApp(
    t, { requestDirectives: true },
    (_request, reply) => reply.headers({ 'cache-control': 'max-age=10', etag: '"a"' }).send('page')
  )
  await old.get()
  old.clock.advance(15)
  t.match(
    await old.explainRule(asked('max-stale=10')),
    'The stored response expired 5 s ago; the client accepts that with max-stale (RFC 9111 section 5.2.1.2), and ' +
      'the route respects it.'
  )
})

t.test('explain reports stale-if-error, unreadable entries and an unavailable store', async (t) => {
  const { get, explainRule, clock, calls } = await createTestApp(
    t, { ttl: 10, staleIfError: 100 }, (_request, reply, call) => call === 1 ? 'page' : reply.code(503).send('sorry')
  )
  await get()
  clock.advance(11)
  await get()
  t.equal(calls(), 2)
  t.equal(
    await explainRule(),
    'The stored response expired 1 s ago; it is served stale, since revalidating it failed a moment ago (RFC 5861 ' +
      'section 4).'
  )

  const broken = await createTestApp(t, 60)
  await broken.get()
  const key = (await broken.explain()).key!.name
  await broken.cache.set(key, 'no page')
  t.match(await broken.explain(), {
    page: undefined,
    outcome: { cacheStatus: 'larder; fwd=miss; detail=corrupt', rule: 'The stored entry cannot be decoded.' }
  })
  broken.store.get = () => { throw new Error('away') }
  t.match(await broken.explain(), {
    outcome: { cacheStatus: 'larder; fwd=miss; detail=store-unavailable', rule: 'The store is unavailable.' }
  })
})

t.test('explain uses the custom key, the host, the scheme and the listed parameters', async (t) => {
  const { get, explain } = await createTestApp(t, {
    ttl: 60, query: ['a'], key: ({ headers }) => String(headers['x-tenant'])
  })
  await get({ 'x-tenant': 'red' }, { url: '/page?a=1&b=2' })
  t.match(await explain({ url: '/page?b=3&a=1', headers: { 'x-tenant': 'red' } }), {
    request: { url: '/page?a=1' },
    key: {
      added: 'red', varies: {}, parts: { query: [['a', '1']] }
    },
    page: { bodyBytes: 6 }
  })
  t.match(await explain({ url: 'https://shop.example:8443/page?a', headers: { host: 'other.example' } }), {
    key: { parts: { protocol: 'https', host: 'shop.example:8443', query: [['a', null]] } }
  })
})

t.test('explain reports URLs that the page cache does not handle', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get(
    '/page',
    {
      config: { cachePage: 60 },
      preHandler: async ({ headers }, reply) => headers['x-key'] === undefined ? reply.code(401).send() : undefined
    },
    async () => 'page'
  )
  app.get('/bad', { config: { cachePage: { ttl: 60, key: () => 1 as never } } }, async () => 'page')
  t.teardown(() => app.close())
  t.strictSame(await app.larder.explain({ url: '/none' }), {
    request: { method: 'GET', url: '/none' },
    outcome: { runsHandler: true, rule: 'No route with a page cache answers to this URL.' }
  })
  t.strictSame(await app.larder.explain({ url: '/page' }), {
    request: { method: 'GET', url: '/page' },
    outcome: { runsHandler: false, rule: 'A hook, or Fastify itself, answers with status 401 before the lookup.' }
  })
  t.match(await app.larder.explain({ url: '/page', headers: { 'x-key': '1' } }), {
    outcome: { rule: 'Nothing is stored under this key.' }
  })
  t.match(await app.larder.explain({ url: '/bad' }), {
    outcome: { rule: 'A hook, or Fastify itself, answers with status 500 before the lookup.' }
  })
  for (const url of [
    'ftp://shop.example/', 'http://', 'javascript:1'
  ]) {
    await t.rejects(app.larder.explain({ url }), {
      code: 'FST_ERR_LARDER_EXPLAIN',
      message: 'The URL to explain must be a path that begins with /, or an absolute http or https URL, ' +
        `but is ${JSON.stringify(url)}.`
    })
  }
  await t.rejects(app.larder.explain({} as ExplainQuestion), {
    message: 'The URL to explain must be a path that begins with /, or an absolute http or https URL, but is undefined.'
  })
})

t.test('a request that a handler injects during explain is an ordinary request', async (t) => {
  const { app, get, explain, calls } = await createTestApp(
    t, 60,
    async (_request, _reply, call) => call === 1 ? (await app.larder.explain({ url: '/page' })).outcome.rule : 'page'
  )
  t.match((await get()).body, 'Nothing is stored under this key.')
  t.match(await explain(), { outcome: { cacheStatus: /hit/ } })
  t.equal(calls(), 1)
})

t.test('explain reports hooks that time out or close the connection', async (t) => {
  // The timer of AbortSignal.timeout() does not keep the process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const { timeout } = AbortSignal
  t.intercept(AbortSignal, 'timeout', { value: () => timeout.call(AbortSignal, 5) })
  const never = new Promise(() => {})
  for (const hook of [() => never, (reply: FastifyReply) => { reply.raw.destroy(); return never }]) {
    const app = Fastify()
    app.addHook('onRequest', async (_request, reply) => await hook(reply))
    await createTestApp(t, 60, undefined, { app })
    t.match(await app.larder.explain({ url: '/page' }), {
      outcome: { rule: 'The hooks of the route do not answer within 5 s, so there is no lookup.' }
    })
  }
})
