import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'

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

t.test('routes of a scope that was registered before the page cache reply as before', async (t) => {
  const app = Fastify()
  app.register(async (scope) => {
    scope.get('/old', async () => 'old')
    scope.post('/old', async () => 'changed')
  })
  app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  t.equal((await app.inject('/old')).body, 'old')
  t.equal((await app.inject({ method: 'POST', url: '/old' })).body, 'changed')
})
