import t from 'tap'
import { testApp } from '../support/app.ts'
import { startRestartableRedis } from '../support/restartable-redis.ts'

const TOKEN = 's3cret'
const authorization = `Bearer ${TOKEN}`

type App = Awaited<ReturnType<typeof testApp>>

function purge (app: App, payload: object | string, headers: Record<string, string> = { authorization }) {
  const type = { 'content-type': 'application/json' }
  return app.inject({ method: 'POST', url: '/cache/purge', payload, headers: { ...type, ...headers } })
}

t.test('POST /cache/purge deletes by URL, route, tag or all, and returns how many', async (t) => {
  const app = await testApp(t, { ADMIN_TOKEN: TOKEN, HTTPBIN_DELAY: '0' })
  for (const [what, purged] of [
    [{ url: 'http://localhost/apicalls' }, 1],
    [{ url: 'http://localhost/apicalls?x' }, 0],
    [{ url: 'http://elsewhere.example/apicalls' }, 0],
    [{ url: '/apicalls' }, 1], [{ urlPrefix: '/api' }, 1], [{ route: '/apicalls' }, 1], [{ tag: 'products' }, 1],
    [{ tags: ['other', 'products'] }, 1], [{ all: true }, 2]
  ] as const) {
    await app.inject('/apicalls')
    await app.inject('/')
    const response = await purge(app, what)
    t.equal(response.statusCode, 200)
    t.same(response.json(), { purged }, JSON.stringify(what))
  }
  t.match((await app.inject('/apicalls')).headers['cache-status'], /fwd=uri-miss/)
})

t.test('POST /cache/purge needs the token, also on loopback', async (t) => {
  const app = await testApp(t, { ADMIN_TOKEN: TOKEN })
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Bearer ${TOKEN}x` }]) {
    t.equal((await purge(app, { all: true }, headers)).statusCode, 401)
  }
  const basic = Buffer.from(`admin:${TOKEN}`).toString('base64')
  t.equal((await purge(app, { all: true }, { authorization: `Basic ${basic}` })).statusCode, 200)
})

t.test('POST /cache/purge does not exist without ADMIN_TOKEN', async (t) => {
  const app = await testApp(t)
  t.equal((await purge(app, { all: true })).statusCode, 404)
  t.notOk('/cache/purge' in (await app.inject('/docs/json')).json().paths)
})

t.test('POST /cache/purge refuses an invalid body and says why', async (t) => {
  const app = await testApp(t, { ADMIN_TOKEN: TOKEN })
  for (const [payload, message] of [
    [{}, /^purge\(\) expects exactly one of/],
    [{ all: true, tag: 'x' }, /^purge\(\) expects exactly one of/],
    [[], /^purge\(\) expects exactly one of/],
    ['null', /^purge\(\) expects exactly one of/],
    ['5', /^purge\(\) expects exactly one of/],
    [{ all: false }, /all/],
    [{ urls: ['x'] }, /urls/],
    [{ tags: [''] }, /tag/],
    [{ tag: '' }, /tag/],
    [{ url: 'apicalls' }, /must be a path that begins with \/, or an absolute http or https URL, but is "apicalls"/],
    [{ urlPrefix: 'api' }, /must be a path without a query/],
    [{ url: 'ftp://localhost/' }, /The URL to purge must be/],
    [{ route: '/nowhere' }, /must be the pattern of a route with a page cache, but is "\/nowhere"/],
    ['[', /JSON/]
  ] as const) {
    const response = await purge(app, payload)
    t.equal(response.statusCode, 400, JSON.stringify(payload))
    t.match(response.json().message, message)
  }
})

t.test('POST /cache/purge returns 503 if the store is unavailable', async (t) => {
  const redis = await startRestartableRedis(t)
  const app = await testApp(t, { ADMIN_TOKEN: TOKEN, REDIS_URL: redis.url })
  await app.inject('/apicalls')
  await redis.stop()
  const response = await purge(app, { all: true })
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '10')
  t.match(response.json(), { code: 'FST_ERR_LARDER_CACHE_UNAVAILABLE', message: /^The cache store is unavailable/ })
  await redis.goOn()
})
