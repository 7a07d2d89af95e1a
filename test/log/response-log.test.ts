import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { configureLog, deferChildren } from '../../src/log/index.ts'

interface Line { level: number, msg: string, [name: string]: unknown }

/** Creates an application that serves hits and others, and the lines that it logs. */
function createApp (t: Test, { level = 'info', hits = 1 } = {}) {
  const lines: Line[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const app = Fastify({ ...configureLog({ level, hits }), logger: level !== 'none' && { level, stream } })
  deferChildren(app.log)
  t.teardown(() => app.close())
  const hit = { 'server-timing': 'cache;desc="hit";dur=0.10', 'cache-status': 'larder; hit; ttl=9' }
  app.get('/hit', (_request, reply) => { reply.headers(hit).send('page') })
  app.get('/slow-hit', async (_request, reply) => {
    t.context.clock.advance(1_000)
    return reply.headers(hit).send('page')
  })
  app.get('/missing-hit', (_request, reply) => { reply.code(404).headers(hit).send('page') })
  app.get('/miss', (_request, reply) => { reply.header('server-timing', 'cache;desc="miss";dur=0.10').send('page') })
  app.get('/broken', (_request, reply) => {
    reply.raw.emit('error', new Error('the connection broke'))
    reply.send('page')
  })
  app.get('/talk', async (request) => {
    request.log.warn({ n: 1 }, 'first')
    request.log.child({ part: 'a' }).info('second')
    return 'page'
  })
  return { app, lines }
}

t.beforeEach((t) => { t.context.clock = t.clock })

t.test('each response is logged in one line, with what the cache did', async (t) => {
  const { app, lines } = createApp(t)
  await app.inject('/hit?a=1')
  await app.inject('/miss')
  t.match(lines, [
    {
      level: 30,
      msg: 'request completed',
      reqId: 'req-1',
      method: 'GET',
      url: '/hit?a=1',
      remoteAddress: '127.0.0.1',
      statusCode: 200,
      responseTime: Number,
      cacheStatus: 'larder; hit; ttl=9'
    },
    { reqId: 'req-2', url: '/miss', cacheStatus: undefined }
  ])
  t.equal(lines.length, 2)
})

t.test('a share of the hits is logged, and all errors, slow responses and misses are', async (t) => {
  const { app, lines } = createApp(t, { hits: 0.25 })
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  for (let i = 0; i < 9; i++) await app.inject('/hit')
  for (const url of ['/slow-hit', '/missing-hit', '/miss']) {
    await app.inject(url)
    await app.inject(url)
  }
  t.same(lines.map(({ url }) => url), [
    '/hit', '/hit', '/slow-hit', '/slow-hit', '/missing-hit', '/missing-hit', '/miss', '/miss'
  ])
})

t.test('no hit is logged with a share of 0', async (t) => {
  const { app, lines } = createApp(t, { hits: 0 })
  for (let i = 0; i < 9; i++) await app.inject('/hit')
  t.same(lines, [])
})

t.test('responses are not logged at level warn, and requests are logged as they arrive at level debug', async (t) => {
  const quiet = createApp(t, { level: 'warn' })
  await quiet.app.inject('/hit')
  t.same(quiet.lines, [])
  const { app, lines } = createApp(t, { level: 'debug' })
  await app.inject('/hit')
  t.match(lines, [
    { level: 20, msg: 'request arrived', method: 'GET', url: '/hit', reqId: 'req-1' },
    { level: 30, msg: 'request completed', reqId: 'req-1' }
  ])
})

t.test('the log of a request has its id, and so have its children', async (t) => {
  const { app, lines } = createApp(t)
  await app.inject('/talk')
  t.match(lines, [
    { level: 40, reqId: 'req-1', n: 1, msg: 'first' },
    { level: 30, reqId: 'req-1', part: 'a', msg: 'second' },
    { level: 30, reqId: 'req-1', url: '/talk' }
  ])
})

t.test('a response that fails on its way is logged as an error, also at level error', async (t) => {
  const { app, lines } = createApp(t, { level: 'error' })
  await t.rejects(app.inject('/broken'))
  t.match(lines, [{ level: 50, msg: 'request failed', url: '/broken', err: { message: 'the connection broke' } }])
  t.equal(lines.length, 1)
})

t.test('an application without a log works', async (t) => {
  const { app, lines } = createApp(t, { level: 'none' })
  t.equal((await app.inject('/talk')).body, 'page')
  t.same(lines, [])
})
