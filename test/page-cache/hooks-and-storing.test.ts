import { Readable } from 'node:stream'
import compress from '@fastify/compress'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createTestApp, sendRequest } from '../support/create-test-app.ts'

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
      t.match(await sendRequest(app, { url: '/page', headers: { 'x-key': 'secret' } }), { body: 'secret page', status: /; stored/ }, way)
      t.equal((await sendRequest(app, { url: '/page' })).statusCode, 401, way)
      t.match(await sendRequest(app, { url: '/page', headers: { 'x-key': 'secret' } }), { body: 'secret page', status: /^hit/ }, way)
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
  for (const [addition, [name, value, detail]] of Object.entries(additions)) {
    for (const place of ['before', 'after'] as const) {
      for (const make of [() => 'page', () => Readable.from(['page'])]) {
        const { get, calls } = await createTestApp(t, 300, make, {
          [place]: (app: FastifyInstance) => app.addHook(
            'onSend', async (_request, reply) => { reply.header(name, value) }
          )
        })
        for (let i = 1; i <= 2; i++) {
          t.match(
            await get(), { body: 'page', status: `fwd=uri-miss; detail=${detail}` }, `${addition}, ${place}`
          )
          t.equal(calls(), i)
        }
        if (addition === 'a cookie') t.equal((await get()).headers['cache-control'], 'no-cache')
      }
    }
  }
  const { get, calls } = await createTestApp(t, 300, undefined, {
    after: (app) => app.addHook(
      'onSend',
      async (_request, reply) => { reply.header('cache-control', 'private="x-user", max-age=5').header('vary', 'x-a') }
    )
  })
  await get()
  t.match(
    await get(), { status: /^hit/, headers: { 'cache-control': 'private="x-user", max-age=5' } },
    'a header that forbids nothing'
  )
  t.equal(calls(), 1)
})

t.test('a request that waits for a response which a hook makes private runs its own handler', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, calls, listener } = await createTestApp(t, 300, async (_request, _reply, call) => {
    await gate.promise
    return `call ${call}`
  }, { after: (app) => app.addHook('onSend', async (_request, reply) => { reply.header('set-cookie', 'a=b') }) })
  const all = Promise.all([get(), get()])
  await listener.heard('miss', 2)
  gate.resolve()
  t.strictSame((await all).map(({ body }) => body), ['call 1', 'call 2'])
  t.equal(calls(), 2)
})

t.test('nothing is stored if an onSend hook fails after the handler has replied', async (t) => {
  let fails = 3
  const { get, calls, storedKeys } = await createTestApp(t, 300, undefined, {
    after: (app) => app.addHook('onSend', async () => { if (fails-- > 0) throw new Error('no') })
  })
  t.match(await get(), { statusCode: 500 }, 'also for the error that took its place')
  t.match(
    await get(),
    { statusCode: 500, headers: { 'cache-control': 'no-store' }, status: 'fwd=uri-miss; detail=reply-failed' },
    'nobody waits for it'
  )
  t.strictSame(storedKeys(), [])
  t.match(await get(), { body: 'call 3', status: /; stored/ })
  t.equal(calls(), 3)
})

t.test('a body that a later hook compresses gets a weak ETag (RFC 9110 section 8.8.3)', async (t) => {
  const { get } = await createTestApp(t, 300, () => 'x'.repeat(5_000), { after: (app) => app.register(compress) })
  const { etag } = (await get()).headers
  t.match(etag, /^"/)
  for (let i = 0; i < 2; i++) t.equal((await get({ 'accept-encoding': 'gzip' })).headers.etag, `W/${String(etag)}`)
  t.match(await get({ 'accept-encoding': 'gzip', 'if-none-match': `W/${String(etag)}` }), { statusCode: 304 })
  t.match(await get({ range: 'bytes=0-9', 'if-range': `W/${String(etag)}` }), { statusCode: 200 })
  const untagged = await createTestApp(
    t, 300, (_request, reply) => reply.code(404).header('cache-control', 'max-age=60').send('x'.repeat(5_000)),
    { after: (app) => app.register(compress) }
  )
  t.notOk('etag' in (await untagged.get({ 'accept-encoding': 'gzip' })).headers)
})

t.test('a reply that a hook sends before the page cache runs is not stored', async (t) => {
  const { get } = await createTestApp(t, 300, undefined, {
    before: (app) => app.addHook('onRequest', async (_request, reply) => reply.code(503).send('closed'))
  })
  t.match(await get(), { statusCode: 503, body: 'closed', status: 'undefined' })
})
