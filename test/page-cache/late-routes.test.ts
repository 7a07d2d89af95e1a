import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyReply } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache, { type PageCacheOptions } from '../../src/page-cache/index.ts'
import { sendRequest } from '../support/create-test-app.ts'

/*
 * Fastify loads a plugin when the code that registers it has run. So routes that this code declares in the same scope,
 * and those of scopes that were registered before, are declared before the plugin is loaded.
 */

const options = (): PageCacheOptions => ({ cache: createCache({ store: memoryStore() }), ttl: 60 })

function createApp (t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

/** Declares /page, which sends the number of the call. */
function declarePage (app: FastifyInstance, cachePage: object | number = {}, more: object = {}): void {
  let calls = 0
  app.get('/page', { config: { cachePage }, ...more }, async () => `call ${++calls}`)
}

const inScope: FastifyPluginAsync = async (app) => { declarePage(app) }

const WAYS: Record<string, (app: FastifyInstance) => unknown> = {
  'after a registration that is not awaited': (app) => {
    app.register(pageCache, options())
    declarePage(app)
  },
  'before the registration': (app) => {
    declarePage(app)
    app.register(pageCache, options())
  },
  'in a scope that is registered before': (app) => {
    app.register(inScope)
    app.register(pageCache, options())
  },
  'in a scope that is loaded before': async (app) => {
    await app.register(inScope)
    await app.register(pageCache, options())
  },
  'by a scope that was kept': async (app) => {
    let kept: FastifyInstance | undefined
    await app.register(async (scope) => { kept = scope })
    await app.register(pageCache, options())
    declarePage(kept!)
  },
  'in a scope below one with the plugin': async (app) => {
    app.register(async (app) => {
      app.register(inScope)
      app.register(pageCache, options())
    })
  }
}

for (const [way, declare] of Object.entries(WAYS)) {
  t.test(`a route that is declared ${way} is cached`, async (t) => {
    const app = createApp(t)
    await declare(app)
    t.match(await sendRequest(app, { url: '/page' }), { body: 'call 1', status: 'fwd=uri-miss; stored; ttl=60' })
    for (let i = 0; i < 2; i++) {
      t.match(await sendRequest(app, { url: '/page' }), { body: 'call 1', status: 'hit; ttl=60' })
    }
    t.match(await sendRequest(app, { url: '/page', method: 'HEAD' }), { body: '', status: 'hit; ttl=60' })
  })
}

t.test('a late route under a prefix is cached with and without the slash at its end', async (t) => {
  const app = createApp(t)
  app.register(async (app) => { app.get('/', { config: { cachePage: 60 } }, async () => 'home') }, { prefix: '/shop' })
  app.register(pageCache, options())
  for (const url of ['/shop', '/shop/']) {
    t.match(await sendRequest(app, { url }), { status: /stored/ })
    t.match(await sendRequest(app, { url }), { status: /^hit/ })
  }
})

t.test('guards of a late route and of its scope run on hits', async (t) => {
  const app = createApp(t)
  const guard = (name: string) => async (request: { headers: Record<string, unknown> }, reply: FastifyReply) =>
    request.headers[name] === 'right' ? undefined : reply.code(403).send('no')
  app.register(pageCache, options())
  app.addHook('preHandler', guard('x-scope'))
  declarePage(app, { ignoreHeaders: ['x-scope', 'x-route'] }, { preHandler: guard('x-route') })
  const headers = { 'x-scope': 'right', 'x-route': 'right' }
  t.match(await sendRequest(app, { url: '/page', headers }), { statusCode: 200 })
  t.match(await sendRequest(app, { url: '/page', headers }), { status: /^hit/ })
  for (const name of ['x-scope', 'x-route']) {
    t.match(await sendRequest(app, { url: '/page', headers: { ...headers, [name]: 'wrong' } }), { statusCode: 403 })
  }
})

t.test('a later onSend hook forbids to store a late route, or changes each of its responses once', async (t) => {
  const app = createApp(t)
  app.register(pageCache, options())
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.url === '/cookie') reply.header('set-cookie', 'a=1')
    return `${String(payload)}!`
  })
  declarePage(app)
  app.get('/cookie', { config: { cachePage: {} } }, async () => 'cookie')
  for (let i = 0; i < 2; i++) {
    t.match(await sendRequest(app, { url: '/page' }), { body: 'call 1!' })
    t.match(await sendRequest(app, { url: '/cookie' }), { body: 'cookie!', status: /detail=set-cookie$/ })
  }
})

t.test('hooks of a late route may be skipped on hits by their name', async (t) => {
  const app = createApp(t)
  let calls = 0
  async function countCalls (): Promise<void> { calls++ }
  app.register(pageCache, { ...options(), skipOnHit: ['countCalls'] })
  declarePage(app, {}, { onSend: countCalls })
  for (let i = 0; i < 3; i++) await app.inject('/page')
  t.equal(calls, 1)
})

t.test('a late route that replies as if it did not exist stores that response', async (t) => {
  const app = createApp(t)
  app.setNotFoundHandler(async (_request, reply) => await reply.code(404).header('cache-control', 'max-age=9').send())
  app.register(pageCache, options())
  app.get('/page', { config: { cachePage: {} } }, (_request, reply) => { reply.callNotFound() })
  t.match(await sendRequest(app, { url: '/page' }), { statusCode: 404, status: /stored; ttl=9$/ })
  t.match(await sendRequest(app, { url: '/page' }), { statusCode: 404, status: /^hit/ })
})

t.test('late routes are purged and explained', async (t) => {
  const app = createApp(t)
  app.register(pageCache, options())
  declarePage(app)
  await app.inject('/page')
  t.match(await app.larder.explain({ url: '/page' }), { route: '/page', outcome: { cacheStatus: /hit/ } })
  t.equal(await app.larder.purge({ route: '/page' }), 1)
})

t.test('a late route keeps its constraints apart', async (t) => {
  const app = createApp(t)
  app.register(pageCache, options())
  for (const host of ['a.example', 'b.example']) {
    app.get('/page', { constraints: { host }, config: { cachePage: {} } }, async () => host)
  }
  for (const host of ['a.example', 'b.example', 'a.example']) {
    t.match(await sendRequest(app, { url: '/page', headers: { host } }), { body: host })
  }
  t.equal(await app.larder.purge({ route: '/page' }), 2)
})

t.test('an invalid option of a late route fails the start, and names the route', async (t) => {
  const app = createApp(t)
  app.register(pageCache, options())
  declarePage(app, { tll: 5 })
  await t.rejects(async () => { await app.ready() }, {
    code: 'FST_ERR_LARDER_ROUTE_OPTION', message: 'cachePage of /page has no option tll. Did you mean ttl?'
  })
})

t.test('a cached route outside of the scope of the plugin fails the start', async (t) => {
  const app = createApp(t)
  app.register(async (app) => {
    app.register(pageCache, options())
    declarePage(app)
  })
  app.route({ method: ['GET', 'POST'], url: '/other', config: { cachePage: 60 }, handler: async () => 'other' })
  await t.rejects(async () => { await app.ready() }, {
    code: 'FST_ERR_LARDER_ROUTE_SCOPE',
    message: 'Route GET, POST /other has the option cachePage, but the plugin is not registered in its scope. ' +
      'Register it there or in a scope above it.'
  })
})

t.test('two scopes with a page cache each have their own late routes', async (t) => {
  const app = createApp(t)
  const caches = ['/a', '/b'].map((prefix) => {
    const { cache } = options()
    app.register(async (app) => {
      app.register(pageCache, { cache, ttl: 60 })
      declarePage(app)
    }, { prefix })
    return cache
  })
  for (const url of ['/a/page', '/b/page']) {
    await app.inject(url)
    t.match(await sendRequest(app, { url }), { status: /^hit/ })
  }
  for (const cache of caches) t.equal(await cache.deleteMatching({ prefix: 'page:' }), 1)
})

t.test('a version of Fastify that does not list its routes fails the start', async (t) => {
  const app = createApp(t)
  app.register(pageCache, options())
  app.printRoutes = () => '└── /page (GET)\n'
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_LARDER_FASTIFY', message: /has no list of routes/ })
})
