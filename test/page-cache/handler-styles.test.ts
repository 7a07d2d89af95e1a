import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Fastify, { type RouteHandlerMethod } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'

/** An application with a handler at /page, with the page cache or without. */
async function createApp (t: Test, handler: RouteHandlerMethod, cached: boolean, asyncHook: boolean) {
  const errors: unknown[] = []
  const stream = { write: (line: string) => { errors.push((JSON.parse(line) as { msg: string }).msg) } }
  const app = Fastify({ logger: { level: 'warn', stream } })
  if (cached) await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ttl: 60 })
  if (asyncHook) {
    app.addHook('onSend', async (_request, reply) => {
      await nextTurn()
      reply.header('x-hook', '1')
    })
  }
  app.get('/page', { config: { cachePage: {} } }, handler)
  t.teardown(() => app.close())
  return { app, errors }
}

const styles: Record<string, RouteHandlerMethod> = {
  async: async () => 'page',
  'async, which sends': async (_request, reply) => { reply.send('page') },
  'async, which returns reply.send': async (_request, reply) => reply.send('page'),
  'async, which sends later': async (_request, reply) => {
    setImmediate(() => reply.send('page'))
    return await reply
  },
  'async, which returns undefined': async () => undefined,
  'async, which returns null': async () => null,
  'async, which throws': async () => { throw Object.assign(new Error('broken'), { statusCode: 418 }) },
  synchronous: () => 'page',
  'synchronous, which returns an object': () => ({ page: 1 }),
  'synchronous, which returns reply.send': (_request, reply) => reply.send('page'),
  'synchronous, which throws': () => { throw Object.assign(new Error('broken'), { statusCode: 418 }) },
  callback: (_request, reply) => { reply.send('page') },
  'callback, later': (_request, reply) => { setImmediate(() => reply.send('page')) },
  'callback, with an error': (_request, reply) => { setImmediate(() => reply.send(new Error('broken'))) },
  stream: (_request, reply) => reply.type('text/html').send(Readable.from(['pa', 'ge'])),
  'stream, returned': async (_request, reply) => {
    reply.type('text/html')
    return Readable.from(['pa', 'ge'])
  },
  hijacked: (_request, reply) => {
    reply.hijack()
    reply.raw.end('page')
  },
  'hijacked, async': async (_request, reply) => {
    reply.hijack()
    await nextTurn()
    reply.raw.end('page')
  }
}

for (const [style, handler] of Object.entries(styles)) {
  t.test(`a cached handler behaves as without the page cache: ${style}`, async (t) => {
    // Without a returned promise, Fastify itself replies twice if a hook is asynchronous.
    for (const asyncHook of style === 'async, which sends' ? [false] : [false, true]) {
      const plain = await createApp(t, handler, false, asyncHook)
      const cached = await createApp(t, handler, true, asyncHook)
      const expected = await plain.app.inject('/page')
      for (const response of [await cached.app.inject('/page'), await cached.app.inject('/page')]) {
        t.equal(response.statusCode, expected.statusCode)
        t.equal(response.body, expected.body)
        t.equal(response.headers['content-type'], expected.headers['content-type'])
        t.equal(response.headers['x-hook'], expected.headers['x-hook'])
      }
      t.strictSame(new Set(cached.errors), new Set(plain.errors), 'the same warnings')
    }
  })
}

t.test('the handler of a route is called with its instance as this, and the HEAD route wraps it once', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ttl: 60 })
  let self: unknown
  let runs = 0
  app.get('/page', { config: { cachePage: {} } }, function (_request, reply) {
    self = this
    runs++
    reply.send('page')
  })
  t.teardown(() => app.close())
  const { headers } = await app.inject({ method: 'HEAD', url: '/page' })
  t.equal(headers['cache-status'], 'larder; fwd=uri-miss; stored; ttl=60')
  t.equal(runs, 1)
  t.equal(self, app)
})
