import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { createTestApp, sendRequest } from '../../support/create-test-app.ts'

type Named = FastifyRequest & { user?: unknown }
const greet = (request: FastifyRequest) => `for ${String((request as Named).user)}`

t.test('headers that a hook reads are tracked even if it was registered before the page cache', async (t) => {
  const before = (app: FastifyInstance) => app.addHook(
    'onRequest', async (request: Named) => { request.user = request.headers['x-user'] }
  )
  const { get } = await createTestApp(t, 300, greet, { before })
  for (const user of ['alice', 'bob', 'alice']) {
    t.match(await get({ 'x-user': user }), {
      body: `for ${user}`, headers: { vary: 'x-user' }
    })
  }
  t.match(await get({ 'x-user': 'bob' }), { status: /^hit/ })
})

t.test('a hook that reads User-Agent is tracked too; Fastify\'s own log line is not', async (t) => {
  const before = (app: FastifyInstance) => app.addHook(
    'onRequest', async (request: Named) => { request.user = /Mobile/.test(request.headers['user-agent'] ?? '') }
  )
  const { get } = await createTestApp(t, 300, greet, { before })
  for (const agent of ['Mobile', 'Desktop']) {
    t.match(await get({ 'user-agent': agent }), {
      body: `for ${agent === 'Mobile'}`, headers: { vary: 'user-agent' }
    })
  }
  const logging = Fastify({ trustProxy: true, logger: { level: 'info', stream: { write () {} } } })
  const logged = await createTestApp(t, 300, undefined, { app: logging })
  t.notOk('vary' in (await logged.get({ 'x-forwarded-for': '192.0.2.1' })).headers)
  t.match(await logged.get({ 'x-forwarded-for': '192.0.2.2' }), { status: /^hit/ })
})

t.test('a header that a hook reads and then deletes or redacts counts as the client sent it', async (t) => {
  const hooks: Record<string, (request: Named) => void> = {
    deleted: (request) => {
      request.user = request.headers['x-user']
      delete request.headers['x-user']
    },
    redacted: (request) => {
      request.user = request.headers['x-user']
      request.headers['x-user'] = '[redacted]'
    },
    defined: (request) => {
      request.user = request.headers['x-user']
      Object.defineProperty(request.headers, 'x-user', { value: 'x', enumerable: true, configurable: true })
    }
  }
  for (const [way, hook] of Object.entries(hooks)) {
    const { get, calls } = await createTestApp(t, 300, greet, {
      after: (app) => app.addHook('preHandler', async (request) => hook(request))
    })
    for (const user of ['alice', 'bob', 'alice']) t.equal((await get({ 'x-user': user })).body, `for ${user}`, way)
    t.equal(calls(), 2, way)
  }
  for (const [name, detail] of [
    ['authorization', 'fwd=bypass; detail=authorization'], ['cookie', 'fwd=uri-miss; detail=cookie']
  ] as const) {
    const after = (app: FastifyInstance) => app.addHook('onRequest', async (request: Named) => {
      request.user = request.headers[name]
      delete request.headers[name]
    })
    const { get } = await createTestApp(t, 300, greet, { after })
    for (const user of ['alice', 'bob']) {
      t.match(await get({ [name]: user }), {
        body: `for ${user}`, status: `${detail}`
      })
    }
    t.match(await get(), { body: 'for undefined', status: /; stored/ })
    t.match(await get({ [name]: 'alice' }), { body: 'for alice' })
  }
})

t.test('ignoreHeaders of the plugin applies to all routes', async (t) => {
  const app = Fastify({ trustProxy: true })
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ignoreHeaders: ['X-Forwarded-For'] })
  app.addHook('onRequest', async ({ ip }) => { String(ip) })
  app.get('/page', { config: { cachePage: { ttl: 300, ignoreHeaders: ['user-agent'] } } }, async () => 'page')
  t.teardown(() => app.close())
  t.notOk('vary' in (await sendRequest(app, { url: '/page', headers: { 'x-forwarded-for': '192.0.2.1' } })).headers)
  t.match(await sendRequest(app, { url: '/page', headers: { 'x-forwarded-for': '192.0.2.2' } }), { status: /^hit/ })
  const bad = Fastify()
  bad.register(pageCache, { cache: createCache({ store: memoryStore() }), ignoreHeaders: 'x' as never })
  await t.rejects(async () => await bad.ready(), {
    message: /^The option ignoreHeaders of the page cache must be an array of header names, but is/
  })
})

t.test('headers that hooks read before the handler count, in whatever order the hooks were registered', async (t) => {
  for (const when of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    for (const place of ['after', 'before'] as const) {
      const { get, calls } = await createTestApp(t, 300, (request) => String((request as { lang?: unknown }).lang), {
        [place]: (app: FastifyInstance) => app.addHook(
          when, async (request: FastifyRequest) => { Object.assign(request, { lang: request.headers['x-lang'] }) }
        )
      })
      for (const lang of ['de', 'fr', 'de']) {
        t.match(
          await get({ 'x-lang': lang }), { body: lang, headers: { vary: 'x-lang' } }, `${when}, ${place}`
        )
      }
      t.equal(calls(), 2)
    }
  }
})

t.test('ignoreHeaders: reads of these headers do not count', async (t) => {
  const { get, calls } = await createTestApp(
    t, { ttl: 300, ignoreHeaders: ['X-Lang', 'cookie'] },
    ({ headers }, _reply, call) => `${headers['x-lang']} ${headers.cookie} by ${call}`
  )
  await get({ 'x-lang': 'de' })
  const other = await get({ 'x-lang': 'fr', cookie: 'a=b' })
  t.match(other, { body: 'de undefined by 1', status: /^hit/ })
  t.notOk('vary' in other.headers)
  t.equal(calls(), 1)
})

t.test('headers that hooks read for logging count only if the handler reads them', async (t) => {
  const names = ['x-request-id', 'traceparent']
  const makeHeaders = (value: string) => Object.fromEntries(names.map((name) => [name, value]))
  const log = async ({ headers }: FastifyRequest) => { names.map((name) => headers[name]) }
  const after = (app: FastifyInstance) =>
    app.addHook('onRequest', log).addHook('preHandler', log).addHook('onResponse', log)
  const logging = await createTestApp(t, 300, undefined, { after })
  t.notOk('vary' in (await logging.get(makeHeaders('1'))).headers)
  t.match(await logging.get(makeHeaders('2')), { status: /^hit/ })
  for (const name of names) {
    const { get } = await createTestApp(t, 300, ({ headers }) => headers[name], { after })
    t.match(await get(makeHeaders('1')), { body: '1', headers: { vary: name } })
    t.match(await get(makeHeaders('2')), { body: '2', status: /vary-miss/ })
  }
})

t.test('headers of the message and the connection do not count if a hook reads them', async (t) => {
  const names = ['connection', 'if-none-match', 'range', 'cache-control', 'pragma', 'content-length']
  const read = ({ headers }: FastifyRequest) => names.map((name) => typeof headers[name]).join()
  const hooked = await createTestApp(t, 300, undefined, {
    after: (app) => app.addHook('onRequest', async (request) => { read(request) })
  })
  t.notOk('vary' in (await hooked.get({ 'if-none-match': '"x"', connection: 'close' })).headers)
  t.match(await hooked.get({ pragma: 'x' }), { status: /^hit/ })
  const { get } = await createTestApp(t, 300, read)
  const first = await get({ 'if-none-match': '"x"', connection: 'close' })
  t.equal(
    first.body, 'string,undefined,undefined,undefined,undefined,undefined', 'for the whole page no condition is shown'
  )
  t.equal(first.headers.vary, 'cache-control, connection, content-length, pragma')
  t.match(await get({ pragma: 'x' }), {
    body: 'undefined,undefined,undefined,undefined,string,undefined', status: /vary-miss/
  })
})
