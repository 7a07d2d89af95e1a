import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('tags of the route are stored with the entry', async (t) => {
      const { app, cache } = await createTestApp(t, { ttl: 300, tags: ['menu'] }, undefined, { store })
      await app.inject('/page')
      t.equal((await app.inject('/page')).body, 'call 1')
      await cache.invalidateTags(['menu'])
      const next = await app.inject('/page')
      t.equal(next.body, 'call 2')
      t.equal(next.headers['cache-status'], 'larder; fwd=stale; stored; ttl=300; detail=invalidated')
    })
  })
}

t.test('ttl: 0 disables caching for the route', async (t) => {
  const { app } = await createTestApp(t, 0)
  await app.inject('/page')
  const second = await app.inject('/page')
  t.equal(second.body, 'call 2')
  t.equal(second.headers['cache-status'], 'larder; fwd=bypass; detail=ttl-zero')
})

t.test('a ttl of less than a second is respected', async (t) => {
  const { app, clock } = await createTestApp(t, 0.5)
  const cold = await app.inject('/page')
  t.equal(cold.headers['cache-control'], 'max-age=0', 'browsers count in whole seconds')
  clock.advance(0.4)
  t.equal((await app.inject('/page')).body, 'call 1')
  clock.advance(0.2)
  t.equal((await app.inject('/page')).body, 'call 2')
})

t.test('without a ttl the Cache-Control of the response decides, and is sent unchanged', async (t) => {
  const { app, clock } = await createTestApp(
    t, {}, (_request, reply, call) => reply.header('cache-control', 'public, max-age=60').send(`call ${call}`)
  )
  await app.inject('/page')
  clock.advance(20)
  const warm = await app.inject('/page')
  t.match(warm.headers, { 'cache-control': 'public, max-age=60', age: '20', 'cache-status': 'larder; hit; ttl=40' })
  const silent = await createTestApp(t, {})
  t.equal((await silent.app.inject('/page')).headers['cache-status'], 'larder; fwd=uri-miss; detail=no-lifetime')
})

t.test('a shorter max-age of the response wins, and its other directives stay', async (t) => {
  const { app, clock } = await createTestApp(
    t, 300,
    (_request, reply, call) => reply.header('cache-control', 'public, max-age=60').send(`call ${call}`)
  )
  t.equal((await app.inject('/page')).headers['cache-control'], 'public, max-age=60')
  clock.advance(59)
  t.equal((await app.inject('/page')).headers['cache-control'], 'public, max-age=1')
  clock.advance(1)
  t.equal((await app.inject('/page')).body, 'call 2')
})

t.test('headers in the key are listed in Vary', async (t) => {
  const { app } = await createTestApp(
    t, { ttl: 300, vary: ['Accept-Language'] },
    (request, reply) => reply.header('vary', 'accept-language').send(String(request.headers['accept-language']))
  )
  for (const language of ['de', 'fr', 'de']) {
    const answer = await app.inject({ url: '/page', headers: { 'accept-language': language } })
    t.equal(answer.body, language)
    t.equal(answer.headers.vary, 'accept-language')
  }
  const { headers } = await app.inject({ url: '/page', headers: { authorization: 'x' } })
  t.equal(headers.vary, 'accept-language', 'even if it is not stored')
})

t.test('a key function that throws fails its own request only, at once', async (t) => {
  const { app } = await createTestApp(t, { ttl: 300, key: () => { throw new Error('no key') } })
  t.equal((await app.inject('/page')).statusCode, 500)
  const promising = await createTestApp(t, { ttl: 300, key: (async () => 'x') as never })
  const { statusCode, json } = await promising.app.inject('/page')
  t.equal(statusCode, 500)
  t.match(json(), {
    code: 'FST_ERR_LARDER_ROUTE_KEY',
    message: 'The option key in cachePage of /page must return a string, but returned object.'
  })
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
