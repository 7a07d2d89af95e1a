import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('HEAD is served from the response to GET, or else from its own', async (t) => {
      const { app, calls } = await createTestApp(t, 300, undefined, { store })
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
  })
}

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
