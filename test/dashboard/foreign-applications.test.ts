import { connect } from 'node:http2'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import view from '@fastify/view'
import { Eta } from 'eta'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import dashboard, { type DashboardOptions } from '../../src/larder/dashboard.ts'
import larder from '../../src/larder/index.ts'
import { until } from '../support/until.ts'

interface Options extends DashboardOptions {
  prefix?: string
}

/** An application with a dashboard, and what else it has. */
function createApp (t: Test, options: Options, before: (app: FastifyInstance) => void = () => {}): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  before(app)
  app.register(larder, { ttl: 60 })
  app.register(async (app) => { app.get('/page', { config: { cachePage: {} } }, async () => 'page') })
  app.register(dashboard, { prefix: '/cache', ...options })
  return app
}

/** Requests the page, all that it loads, and an explanation. Returns the page. */
async function visit (t: Test, app: FastifyInstance, path = '/cache') {
  const page = await app.inject({ url: path, headers: { accept: 'text/html' } })
  t.equal(page.statusCode, 200, path)
  const base = new URL(path, 'http://localhost')
  const links = Array.from(page.body.matchAll(/(?:src|href)="(\.[^"]*)"/g), ([, link]) => new URL(link!, base).pathname)
  t.ok(links.length > 3)
  for (const url of links) t.equal((await app.inject(url)).statusCode, 200, url)
  const explain = await app.inject(`${path.replace(/\/$/, '')}/explain?url=/page`)
  t.match(explain.json(), { outcome: { rule: String } })
  return page
}

t.test('the dashboard needs no view engine, and leaves that of the application alone', async (t) => {
  const app = createApp(t, {}, (app) => {
    app.register(view, { engine: { eta: new Eta() }, propertyName: 'view' })
    app.decorateReply('sse', null)
  })
  await visit(t, app)
  await app.ready()
  t.notOk(Object.keys(app).some((name) => /dashboard|metrics/i.test(name)), 'no decorators')
})

t.test('the page works under a strict Content-Security-Policy of the application', async (t) => {
  const app = createApp(t, {}, (app) => {
    app.register(helmet, {
      contentSecurityPolicy: { directives: { 'default-src': ["'none'"], 'script-src': ["'none'"] } },
      enableCSPNonces: true
    })
    app.addHook('onSend', async (_request, reply) => { reply.header('content-security-policy', "default-src 'none'") })
  })
  const { headers } = await visit(t, app)
  t.match(headers['content-security-policy'], "script-src 'self'; style-src 'self'")
  t.match((await app.inject('/page')).headers['content-security-policy'], "default-src 'none'")
})

t.test('the dashboard is reached below a prefix of the application, with and without a slash at the end', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(async (api) => {
    api.register(larder)
    api.register(dashboard, { prefix: '/cache' })
  }, { prefix: '/api/v1' })
  await visit(t, app, '/api/v1/cache')
  await visit(t, app, '/api/v1/cache/')
})

for (const prefix of ['/', '/admin/:tenant/cache']) {
  t.test(`the prefix of the dashboard may be ${prefix}`, async (t) => {
    await visit(t, createApp(t, { prefix }), prefix.replace(':tenant', 'a%2Fb'))
  })
}

t.test('behind a proxy that removes a part of the path, the page links to itself', async (t) => {
  const app = Fastify({ rewriteUrl: ({ url }) => url!.replace(/^\/shop/, '') }) // as a proxy does
  t.teardown(() => app.close())
  app.register(larder)
  app.register(dashboard, { prefix: '/cache' })
  await visit(t, app, '/shop/cache')
  await visit(t, app, '/shop/cache/')
})

t.test('handlers of the application for errors and unknown paths do not change those of the dashboard', async (t) => {
  const app = createApp(t, { token: 'a' }, (app) => {
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send('application'))
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing'))
    app.setSerializerCompiler(() => () => 'serialized')
    app.setReplySerializer(() => 'serialized')
    app.setValidatorCompiler(() => { throw new Error('another kind of schema') })
    app.removeAllContentTypeParsers()
  })
  const refused = await app.inject('/cache/explain?url=/')
  t.match(refused, { statusCode: 401, headers: { 'www-authenticate': /^Basic/, 'cache-control': 'no-store' } })
  t.match(refused.json(), { code: 'FST_ERR_LARDER_TOKEN', error: 'Unauthorized' })
  const page = await app.inject({ url: '/cache/explain', headers: { accept: 'text/html' } })
  t.match(page, { statusCode: 401, body: /href="\.\/assets\/dashboard\.css"/ })
  const headers = { authorization: 'Bearer a' }
  t.match((await app.inject({ url: '/cache/explain?url=/page', headers })).json(), { outcome: { rule: String } })
  const purged = await app.inject({ method: 'POST', url: '/cache/purge', headers, payload: { all: true } })
  t.same(purged.json(), { purged: 0 })
  t.equal((await app.inject('/nothing')).body, 'nothing')
  t.equal((await app.inject({ url: '/cache/assets/none.js', headers })).body, 'nothing')
})

t.test('hooks of the application guard the dashboard too', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(larder)
  app.register(async (admin) => {
    admin.register(cookie)
    admin.addHook('onRequest', async ({ cookies }) => {
      if (cookies.login !== 'yes') throw Object.assign(new Error('Log in first.'), { statusCode: 401 })
    })
    admin.register(dashboard, { prefix: '/cache', openTo: 'everyone' })
  })
  const refused = await app.inject('/cache')
  t.match(refused, { statusCode: 401, body: 'Log in first.' })
  const headers = { host: 'shop.example', 'x-forwarded-for': '192.0.2.1', cookie: 'login=yes' }
  t.equal((await app.inject({ url: '/cache', headers })).statusCode, 200)
})

t.test('routes of the dashboard are neither stored nor documented, whatever hooks do to all routes', async (t) => {
  const app = createApp(t, {}, (app) => {
    app.register(swagger)
    app.register(rateLimit, { max: 1_000 })
    app.register(compress, { threshold: 0 })
    app.addHook('onRoute', (route) => { route.config = { ...route.config, cachePage: 60 } })
  })
  await visit(t, app)
  const second = await app.inject('/cache')
  t.notMatch(second.headers['cache-status'], 'hit')
  t.equal(second.headers['cache-control'], 'no-store')
  t.same(Object.keys(app.swagger().paths ?? {}).filter((path) => path.startsWith('/cache')), [])
})

t.test('requests of the dashboard are not among the figures', async (t) => {
  const app = createApp(t, {})
  await visit(t, app)
  t.match((await app.inject('/cache')).body, 'No page has been requested yet.')
  await app.inject('/page')
  t.match((await app.inject('/cache')).body, /<th scope="row">\/page<\/th>\s*<td[^>]*>0<\/td>\s*<td[^>]*>1</)
})

t.test('two scopes have caches and dashboards of their own, and one cache can have two dashboards', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const name of ['a', 'b']) {
    app.register(async (scope) => {
      scope.register(larder)
      scope.register(async (scope) => {
        scope.get('/page', { config: { cachePage: 60 } }, async () => name)
        scope.register(dashboard, { prefix: '/cache' })
        scope.register(dashboard, { prefix: '/again' })
      })
    }, { prefix: `/${name}` })
  }
  await app.inject('/a/page')
  for (const path of ['/a/cache', '/a/again']) t.match((await app.inject(path)).body, '/a/page', path)
  t.notMatch((await app.inject('/b/cache')).body, '/a/page')
})

t.test('the dashboard works over HTTP/2, with events', async (t) => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  app.register(larder)
  app.register(dashboard, { prefix: '/cache', links: { Shop: '/' } })
  const client = connect(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => client.destroy())
  const read = (path: string, text: string) => {
    const stream = client.request({ ':path': path })
    let body = ''
    stream.setEncoding('utf8').on('data', (chunk) => { body += chunk })
    return until(`${path} has sent ${text}`, () => body.includes(text))
  }
  await read('/cache', '<a href="/">Shop</a>')
  await read('/cache/events', 'event: start\ndata: {"html":')
  await read('/cache/events', 'event: update\ndata: {"html":')
})
