import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { encode } from '@msgpack/msgpack'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { type Cache, createCache, type Entry, memoryStore, type Store } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { readPage } from '../../src/page-cache/stored-response.ts'
import { listen } from '../support/record-events.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { pageStores } from './stores.ts'

interface Site { app: FastifyInstance, cache: Cache, clock: FakeClock, store: Store, calls: () => number }

type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown

const stores = await pageStores(t)

/** An app with one cached route at /page. */
async function site (
  t: Test, storeName: string, cachePage: CachePageOptions | number,
  handler: Handler = (_request, _reply, call) => `call ${call}`
): Promise<Site> {
  const clock = fakeClock()
  const store = stores[storeName]!(t, clock.now)
  const cache = createCache({ store, now: clock.now })
  const app = Fastify()
  let calls = 0
  await app.register(pageCache, { cache, now: clock.now })
  app.route({
    method: ['GET', 'POST'],
    url: '/page',
    config: { cachePage },
    handler: async (request, reply) => handler(request, reply, ++calls)
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, cache, clock, store, calls: () => calls }
}

for (const name of Object.keys(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('the first response is stored and served until its lifetime ends', async (t) => {
      const { app, clock } = await site(t, name, 300)
      const cold = await app.inject('/page')
      t.equal(cold.body, 'call 1')
      t.match(cold.headers, {
        'cache-control': 'max-age=300',
        expires: 'Thu, 01 Jan 2026 00:05:00 GMT',
        etag: /^"[\w-]{43}"$/,
        'cache-status': 'larder; fwd=uri-miss; stored; ttl=300',
        'server-timing': /^cache;desc="miss";dur=\d+\.\d\d$/
      })
      t.notOk('age' in cold.headers)

      clock.advance(10.5)
      const warm = await app.inject('/page')
      t.equal(warm.body, 'call 1')
      t.equal(warm.headers['content-type'], cold.headers['content-type'])
      t.match(warm.headers, {
        'cache-control': 'max-age=290',
        expires: 'Thu, 01 Jan 2026 00:05:00 GMT',
        age: '10',
        etag: cold.headers.etag as string,
        'cache-status': 'larder; hit; ttl=290',
        'server-timing': /^cache;desc="hit";dur=\d+\.\d\d$/
      })

      clock.advance(289.6)
      const over = await app.inject('/page')
      t.equal(over.body, 'call 2')
      t.match(String(over.headers['cache-status']), /^larder; fwd=(stale|uri-miss); stored; ttl=300$/)
    })

    t.test('concurrent misses run the handler once', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, calls } = await site(t, name, 300, async (_request, _reply, call) => {
        await gate.promise
        return `call ${call}`
      })
      const all = Array.from({ length: 10 }, () => app.inject('/page'))
      await turn()
      gate.resolve()
      const answers = await Promise.all(all)
      t.equal(calls(), 1)
      t.same(new Set(answers.map(({ body }) => body)), new Set(['call 1']))
      t.equal(
        answers.filter(({ headers }) => headers['cache-status'] === 'larder; fwd=uri-miss; collapsed; ttl=300').length,
        9
      )
    })

    t.test('requests that wait for a response which is not stored then run in parallel', async (t) => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let running = 0
      const { app, calls } = await site(t, name, 300, async (_request, reply, call) => {
        if (++running === 5) gates[1]!.resolve() // all others are in here at once
        await gates[call === 1 ? 0 : 1]!.promise
        return reply.code(404).send('gone')
      })
      const all = Array.from({ length: 5 }, () => app.inject('/page'))
      while (calls() === 0) await turn()
      await turn()
      gates[0]!.resolve()
      const answers = await Promise.all(all)
      t.equal(calls(), 5)
      const told = answers.map(({ headers }) => headers['cache-status']).sort()
      t.same(told, [
        ...Array(4).fill('larder; fwd=uri-miss; detail=collapse-refused'), 'larder; fwd=uri-miss; detail=status-404'
      ])
    })

    t.test('a hit has the bytes, headers and ETag of the handler', async (t) => {
      const bytes = Buffer.from([0, 255, 10, 200])
      const { app } = await site(t, name, 300, (_request, reply) => reply
        .header('content-type', 'application/octet-stream').header('x-many', ['a', 'b']).header('etag', 'W/"mine"')
        .header('connection', 'x-hop').header('x-hop', '1').header('server-timing', 'db;dur=1')
        .header('age', '7').send(bytes))
      await app.inject('/page')
      const warm = await app.inject('/page')
      t.same(warm.rawPayload, bytes)
      t.match(warm.headers, {
        'content-type': 'application/octet-stream', 'x-many': ['a', 'b'], etag: 'W/"mine"', age: '7'
      })
      t.notOk('x-hop' in warm.headers, 'fields that Connection names are not kept')
      t.notMatch(String(warm.headers['server-timing']), /db/)
    })

    t.test('responses with an empty body and without a body are stored', async (t) => {
      for (const body of ['', undefined]) {
        const { app, calls } = await site(t, name, 300, (_request, reply) => reply.send(body))
        await app.inject('/page')
        t.equal((await app.inject('/page')).body, '')
        t.equal(calls(), 1)
      }
    })

    t.test('HEAD is served from the response to GET, or else from its own', async (t) => {
      const { app, calls } = await site(t, name, 300)
      const head = () => app.inject({ method: 'HEAD', url: '/page' })
      const first = await head()
      t.equal(first.body, '')
      t.equal(first.headers['content-length'], '6')
      await head()
      t.equal(calls(), 1, 'HEAD, HEAD')
      await app.inject('/page')
      t.equal(calls(), 2, 'HEAD, GET')
      const last = await head()
      t.equal(calls(), 2, 'GET, HEAD')
      t.equal(last.headers['content-length'], '6')
      t.equal(last.body, '')
      t.equal(last.headers['cache-status'], 'larder; hit; ttl=300')
    })

    t.test('tags of the route are stored with the entry', async (t) => {
      const { app, cache } = await site(t, name, { ttl: 300, tags: ['menu'] })
      await app.inject('/page')
      t.equal((await app.inject('/page')).body, 'call 1')
      await cache.invalidateTags(['menu'])
      const next = await app.inject('/page')
      t.equal(next.body, 'call 2')
      t.equal(next.headers['cache-status'], 'larder; fwd=stale; stored; ttl=300; detail=invalidated')
    })

    t.test('a foreign value under the key of a page is treated as a miss', async (t) => {
      const { app, cache, store, clock } = await site(t, name, 300)
      const listener = listen(t, cache)
      await app.inject('/page')
      const { key } = listener.events.find(({ type }) => type === 'set') as { key: string }
      for (const [i, value] of [
        new Uint8Array([0xc1]), new Uint8Array([0xa1, 0x78]),
        new Uint8Array([0x81, 0xa4, 0x62, 0x6f, 0x64, 0x79, 0xc4, 0x01, 0x00])
      ].entries()) {
        await store.set(key, {
          payload: value, storedAt: clock.now(), freshUntil: Infinity, staleUntil: Infinity, tags: [], stamp: ''
        })
        const next = await app.inject('/page')
        t.equal(next.body, `call ${i + 2}`)
        t.match(String(next.headers['cache-status']), 'larder; fwd=miss; stored; ttl=300; detail=corrupt')
      }
    })
  })
}

t.test('If-None-Match gets a 304 on a miss and on a hit', async (t) => {
  const { app, calls } = await site(t, 'memory', 300, () => 'same')
  const { headers: { etag } } = await app.inject('/page')
  const warm = await app.inject({ url: '/page', headers: { 'if-none-match': `"x", W/${etag}` } })
  t.equal(warm.statusCode, 304)
  t.equal(warm.body, '')
  t.match(warm.headers, {
    etag: etag as string, 'cache-control': 'max-age=300', 'cache-status': 'larder; hit; ttl=300'
  })
  t.notOk('content-type' in warm.headers)
  const cold = await app.inject({ url: '/page?other', headers: { 'if-none-match': String(etag) } })
  t.equal(cold.statusCode, 304)
  t.equal(cold.body, '')
  t.equal(calls(), 2)
  t.equal((await app.inject('/page?other')).body, 'same', 'the page was kept whole')
  t.equal((await app.inject({ url: '/page', headers: { 'if-none-match': '"x"' } })).statusCode, 200)
})

t.test('responses that HTTP forbids to store are not stored', async (t) => {
  const refusals: Array<[detail: string, handler: Handler, headers?: Record<string, string>]> = [
    ['set-cookie', (_request, reply) => reply.header('set-cookie', 'a=b').send('x')],
    ['private', (_request, reply) => reply.header('cache-control', 'Private').send('x')],
    ['no-store', (_request, reply) => reply.header('cache-control', 'no-store').send('x')],
    ['no-cache', (_request, reply) => reply.header('cache-control', 'no-cache').send('x')],
    ['lifetime-over', (_request, reply) => reply.header('cache-control', 'max-age=0').send('x')],
    ['vary-any', (_request, reply) => reply.header('vary', '*').send('x')],
    ['status-404', (_request, reply) => reply.code(404).send('x')],
    ['status-500', () => { throw new Error('broken') }],
    ['too-large', () => 'x'.repeat(1001)],
    ['authorization', () => 'x', { authorization: 'Basic eDp5' }]
  ]
  for (const [detail, handler, headers] of refusals) {
    const { app, calls } = await site(t, 'memory', { ttl: 300, maxBytes: 1000 }, handler)
    for (const call of [1, 2]) {
      const { headers: answer } = await app.inject({ url: '/page', ...headers && { headers } })
      const why = detail === 'authorization' ? 'bypass' : 'uri-miss'
      t.equal(answer['cache-status'], `larder; fwd=${why}; detail=${detail}`)
      t.notMatch(String(answer['cache-control']), /max-age=300/, `${detail}: no life is promised`)
      t.equal(calls(), call, detail)
    }
  }
})

t.test('an error response carries no lifetime and no validator', async (t) => {
  const { app } = await site(t, 'memory', 300, () => { throw new Error('broken') })
  t.equal((await app.inject('/page')).headers['cache-control'], 'no-store')
})

t.test('unsafe methods bypass the cache and invalidate the stored response', async (t) => {
  const { app } = await site(t, 'memory', 300)
  await app.inject('/page')
  const post = await app.inject({ method: 'POST', url: '/page' })
  t.equal(post.body, 'call 2')
  t.equal(post.headers['cache-status'], 'larder; fwd=method')
  t.notOk('cache-control' in post.headers)
  t.equal((await app.inject('/page')).body, 'call 3')
})

t.test('ttl: 0 disables caching for the route', async (t) => {
  const { app } = await site(t, 'memory', 0)
  await app.inject('/page')
  const second = await app.inject('/page')
  t.equal(second.body, 'call 2')
  t.equal(second.headers['cache-status'], 'larder; fwd=bypass; detail=ttl-zero')
})

t.test('a ttl of less than a second is respected', async (t) => {
  const { app, clock } = await site(t, 'memory', 0.5)
  const cold = await app.inject('/page')
  t.equal(cold.headers['cache-control'], 'max-age=0', 'browsers count in whole seconds')
  clock.advance(0.4)
  t.equal((await app.inject('/page')).body, 'call 1')
  clock.advance(0.2)
  t.equal((await app.inject('/page')).body, 'call 2')
})

t.test('without a ttl the Cache-Control of the response decides, and is sent unchanged', async (t) => {
  const { app, clock } = await site(
    t, 'memory', {}, (_request, reply, call) => reply.header('cache-control', 'public, max-age=60').send(`call ${call}`)
  )
  await app.inject('/page')
  clock.advance(20)
  const warm = await app.inject('/page')
  t.match(warm.headers, { 'cache-control': 'public, max-age=60', age: '20', 'cache-status': 'larder; hit; ttl=40' })
  const silent = await site(t, 'memory', {})
  t.equal((await silent.app.inject('/page')).headers['cache-status'], 'larder; fwd=uri-miss; detail=no-lifetime')
})

t.test('a shorter max-age of the response wins, and its other directives stay', async (t) => {
  const { app, clock } = await site(
    t, 'memory', 300,
    (_request, reply, call) => reply.header('cache-control', 'public, max-age=60').send(`call ${call}`)
  )
  t.equal((await app.inject('/page')).headers['cache-control'], 'public, max-age=60')
  clock.advance(59)
  t.equal((await app.inject('/page')).headers['cache-control'], 'public, max-age=1')
  clock.advance(1)
  t.equal((await app.inject('/page')).body, 'call 2')
})

t.test('headers in the key are listed in Vary', async (t) => {
  const { app } = await site(
    t, 'memory', { ttl: 300, vary: ['Accept-Language'] },
    (request, reply) => reply.header('vary', 'accept-language').send(String(request.headers['accept-language']))
  )
  for (const language of ['de', 'fr', 'de']) {
    const answer = await app.inject({ url: '/page', headers: { 'accept-language': language } })
    t.equal(answer.body, language)
    t.equal(answer.headers.vary, 'accept-language')
  }
  const { headers } = await app.inject({ url: '/page', headers: { authorization: 'x' } })
  t.equal(headers.vary, 'accept-language', 'even when it is not kept')
})

t.test('the HEAD route that Fastify derives shares the responses of its GET route', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  let calls = 0
  app.get(
    '/page',
    {
      config: { cachePage: { ttl: 60, vary: ['x-a'] } },
      onSend: async (_request, reply) => { reply.header('x-hook', '1') }
    },
    async () => `call ${++calls}`
  )
  t.equal((await app.inject('/page')).headers.vary, 'x-a')
  const { headers, body } = await app.inject({ method: 'HEAD', url: '/page' })
  t.match(headers, { 'content-length': '6', 'cache-status': 'larder; hit; ttl=60', 'x-hook': '1', vary: 'x-a' })
  t.equal(body, '')
  t.equal(calls, 1)

  const cold = await app.inject({ method: 'HEAD', url: '/page', headers: { 'x-a': 'other' } })
  t.match(cold.headers, {
    'content-length': '6', 'cache-status': 'larder; fwd=uri-miss; stored; ttl=60', 'x-hook': '1'
  })
  const warm = await app.inject({ method: 'HEAD', url: '/page', headers: { 'x-a': 'other' } })
  t.match(warm.headers, {
    'content-length': '6', 'cache-status': 'larder; hit; ttl=60', etag: cold.headers.etag as string
  })
  t.not(cold.headers.etag, headers.etag, 'its validator is made from the body that GET would have')
})

t.test('headers that hooks set are set anew on every response', async (t) => {
  const app = Fastify()
  let requests = 0
  app.addHook('onRequest', async (_request, reply) => { reply.header('x-request', String(++requests)) })
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ttl: 60 })
  app.get('/page', { config: { cachePage: {} } }, async (_request, reply) => reply.header('x-page', '1').send('x'))
  await app.inject('/page')
  t.match((await app.inject('/page')).headers, { 'x-request': '2', 'x-page': '1' })
})

t.test('hooks that guard a route run on hits too', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/page', {
    config: { cachePage: 60 },
    preHandler: async (request, reply) => request.headers['x-key'] === 'right' ? undefined : reply.code(403).send('no')
  }, async () => 'secret')
  t.equal((await app.inject({ url: '/page', headers: { 'x-key': 'right' } })).body, 'secret')
  t.equal((await app.inject('/page')).statusCode, 403)
})

t.test('a guard that a later plugin adds runs on hits too', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.addHook('onRoute', (route) => {
    const guards = [route.preHandler ?? []].flat()
    route.preHandler = [
      ...guards, async (request, reply) => request.headers['x-role'] === 'boss' ? undefined : reply.code(403).send('no')
    ]
  })
  app.get('/page', { config: { cachePage: 60 } }, async () => 'secret')
  t.equal((await app.inject({ url: '/page', headers: { 'x-role': 'boss' } })).body, 'secret')
  t.equal(
    (await app.inject({ url: '/page', headers: { 'x-role': 'boss' } })).headers['cache-status'], 'larder; hit; ttl=60'
  )
  t.equal((await app.inject('/page')).statusCode, 403)
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

t.test('an onSend hook that changes bodies changes each response once', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.addHook('onSend', async (_request, _reply, payload) => `${String(payload)}!`)
  app.get('/page', { config: { cachePage: 60 } }, async () => 'body')
  app.get('/other', async () => 'other')
  t.equal((await app.inject('/page')).body, 'body!')
  t.equal((await app.inject('/page')).body, 'body!')
  t.equal((await app.inject('/other')).body, 'other!')
})

t.test('HEAD with a matching validator gets a 304 on a miss and on a hit', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/page', { config: { cachePage: 60 } }, async () => 'body')
  for (const status of ['larder; fwd=uri-miss; fwd-status=200; stored; ttl=60', 'larder; hit; ttl=60']) {
    const answer = await app.inject({ method: 'HEAD', url: '/page', headers: { 'if-none-match': '*' } })
    t.equal(answer.statusCode, 304)
    t.equal(answer.body, '')
    t.match(answer.headers, { 'cache-status': status, 'content-length': '4' })
  }
})

t.test('a response that was read uses no more memory than the store counts', async (t) => {
  const { app, store } = await site(t, 'memory', 300, () => 'x'.repeat(1000))
  const entries: Entry[] = []
  const { set } = store
  store.set = (key, entry) => { entries.push(entry); return set(key, entry) }
  await app.inject('/page')
  const [entry] = entries
  t.equal(readPage(entry!)!.body.buffer, entry!.payload.buffer, 'its body is a view of the entry')
  t.equal(readPage(entry!)!.body.toString(), 'x'.repeat(1000))
})

t.test('two routes with one URL share no responses', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  for (const version of ['1.0.0', '2.0.0']) {
    app.get('/page', { config: { cachePage: 60 }, constraints: { version } }, async () => version)
  }
  for (const version of ['1.0.0', '2.0.0']) {
    t.equal((await app.inject({ url: '/page', headers: { 'accept-version': version } })).body, version)
  }
})

t.test('waiting requests go on if the reply of the handler never reaches our hooks', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  const gate = Promise.withResolvers<void>()
  const called = Promise.withResolvers<void>()
  let calls = 0
  app.get('/page', { config: { cachePage: 60 } }, async (_request, reply) => {
    calls++
    called.resolve()
    reply.hijack()
    await gate.promise
    reply.raw.end('hijacked')
  })
  const all = [app.inject('/page'), app.inject('/page')]
  await called.promise
  await turn()
  t.equal(calls, 1)
  gate.resolve()
  t.same((await Promise.all(all)).map(({ body }) => body), ['hijacked', 'hijacked'])
  t.equal(calls, 2)
})

t.test('the response is stored even if the client has disconnected', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls } = await site(t, 'memory', 300, async (_request, _reply, call) => {
    await gate.promise
    return `call ${call}`
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const leaving = new AbortController()
  const left = fetch(`${address}/page`, { signal: leaving.signal }).catch(() => 'left')
  while (calls() === 0) await turn()
  const closed = once(app.server, 'connection').catch(() => {})
  const staying = fetch(`${address}/page`)
  await closed
  leaving.abort()
  t.equal(await left, 'left')
  gate.resolve()
  t.equal(await (await staying).text(), 'call 1')
  t.equal(calls(), 1)
})

t.test('a handler that never replies holds waiting requests for at most 60 s', async (t) => {
  const { app, calls } = await site(
    t, 'memory', 300, (_request, _reply, call) => call === 1 ? new Promise(() => {}) : `call ${call}`
  )
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  app.inject('/page').catch(() => {})
  const second = app.inject('/page')
  while (calls() === 0) await turn()
  t.clock.advance(60_000)
  const { body, headers } = await second
  t.equal(body, 'call 2')
  t.equal(headers['cache-status'], 'larder; fwd=uri-miss; detail=collapse-refused')
})

t.test('a response that comes after its load was given up is not stored, and says so', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls } = await site(t, 'memory', 300, async () => {
    await gate.promise
    return 'late'
  })
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  const first = app.inject('/page')
  while (calls() === 0) await turn()
  t.clock.advance(60_000)
  await turn()
  gate.resolve()
  t.equal((await first).headers['cache-status'], 'larder; fwd=uri-miss; ttl=300; detail=not-stored')
})

t.test('a key function that throws fails its own request only, at once', async (t) => {
  const { app } = await site(t, 'memory', { ttl: 300, key: () => { throw new Error('no key') } })
  t.equal((await app.inject('/page')).statusCode, 500)
  const promising = await site(t, 'memory', { ttl: 300, key: (async () => 'x') as never })
  const { statusCode, json } = await promising.app.inject('/page')
  t.equal(statusCode, 500)
  t.match(json(), { message: 'key in cachePage of /page must return a string, got object' })
})

t.test('a stored response that cannot be sent fails its own request only, on any store', async (t) => {
  for (const name of Object.keys(stores)) {
    const { app, store } = await site(t, name, 300)
    await app.inject('/page')
    const spoilt = <T>(entry: T): T => entry && {
      ...entry,
      payload: encode({
        status: 200, headers: { 'bad name': 'x' }, body: Buffer.from('x'), etag: '"x"', age: 0, varyValues: []
      })
    }
    const { get, acquire } = store
    store.get = async (key) => spoilt(await get(key))
    if (acquire !== undefined) store.acquire = async (key, seen) => spoilt(await acquire(key, seen))
    t.equal((await app.inject('/page')).statusCode, 500)
  }
})

t.test('invalid options are rejected at registration', async (t) => {
  await t.rejects(
    async () => { await Fastify().register(pageCache, {} as never) },
    /The option `cache` of the page cache must be a cache/
  )
  for (const ttl of [NaN, -1, '300']) {
    await t.rejects(async () => {
      await Fastify().register(pageCache, { cache: createCache({ store: memoryStore() }), ttl: ttl as number })
    }, /The option ttl of the page cache must be a number of seconds from 0 to 2147483648/)
  }
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  t.throws(
    () => app.get('/x', { config: { cachePage: { ttl: 'long' as never } } }, async () => 'x'), /ttl in cachePage of \/x/
  )
})
