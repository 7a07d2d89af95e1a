import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { createTestApp, type Handler } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

/** Headers that are about one message. */
const OF_ONE_MESSAGE = new Set([
  'age', 'cache-status', 'server-timing', 'date', 'connection', 'content-length', 'transfer-encoding', 'etag',
  'cache-control', 'expires'
])

const JSON_TYPE = 'application/json'
const CASES: Record<string, Handler> = {
  'a stream without a type': () => Readable.from(['page']),
  'a stream of bytes without a type': () => Readable.from([Buffer.from([0xff, 0xfe])]),
  'a stream of the web without a type': () => new Blob(['page']).stream(),
  'a Response without a type': () => new Response(Buffer.from('page')),
  'a Response with one': () => new Response('page'),
  'a Response of JSON': () => Response.json({ page: 1 }),
  'an empty response': (_request, reply) => reply.send(),
  'an empty stream': () => Readable.from([]),
  'a text': () => 'page',
  'an object': () => ({ page: 1 }),
  'bytes without a type': () => Buffer.from('page'),
  'bytes of JSON without a charset': (_request, reply) => reply.type(JSON_TYPE).send(Buffer.from('{"page":1}')),
  'a stream of JSON without a charset': (_request, reply) =>
    reply.header('content-type', JSON_TYPE).send(Readable.from(['{"page":1}'])),
  'an object with its own serializer': (_request, reply) =>
    reply.type('text/x-test').serializer(() => 'serialized').send({ page: 1 }),
  'a type in odd letters': (_request, reply) => reply.header('content-type', 'Text/HTML;Charset=x').send('page'),
  'several lines of a header': (_request, reply) => reply.header('x-lines', ['1', '2']).send('page')
}

const select = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_ONE_MESSAGE.has(name)))

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    for (const [what, handler] of Object.entries(CASES)) {
      t.test(`${what}: a hit has the headers and the body of the first response`, async (t) => {
        const { app, untilSettled } = await createTestApp(t, 60, handler, { store })
        for (const method of ['GET', 'HEAD'] as const) {
          const first = await app.inject({ method, url: '/page' })
          await untilSettled()
          const hit = await app.inject({ method, url: '/page' })
          t.match(hit.headers['cache-status'], /hit/)
          t.strictSame(select(hit.headers), select(first.headers))
          t.equal(hit.statusCode, first.statusCode)
          t.strictSame(hit.rawPayload, first.rawPayload)
        }
      })
    }
  })
}

t.test('a serializer that a hook sets does not serialize a stored response again', async (t) => {
  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => { reply.serializer((payload) => `<${String(payload)}>`) })
  const { get } = await createTestApp(t, 60, (_request, reply) => reply.type('text/html').send('page'), { app })
  t.match(await get(), { body: '<page>' })
  t.match(await get(), { body: '<page>', status: 'hit; ttl=60' })
})

t.test('an error that replaces a hit is serialized as ever', async (t) => {
  let fails = false
  const { app, get } = await createTestApp(t, 60, () => Readable.from(['page']))
  app.addHook('onSend', async () => { if (fails) throw new Error('broken') })
  await get()
  fails = true
  t.match(await get(), { statusCode: 500, body: /"message":"broken"/, headers: { 'content-type': /^application\/json/ } })
})

t.test('an object that an error handler sends in place of a hit is serialized', async (t) => {
  const app = Fastify()
  app.setErrorHandler((_error, _request, reply) => reply.code(503).send({ sorry: true }))
  let fails = false
  const { get } = await createTestApp(t, 60, () => 'page', {
    app,
    after: (app) => app.addHook('onSend', async (_request, reply) => {
      if (fails && reply.statusCode === 200) throw new Error('broken')
    })
  })
  await get()
  fails = true
  t.match(await get(), { statusCode: 503, body: '{"sorry":true}' })
})

t.test('a failure without a type that waiting requests share has none for any of them', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, listener, calls } = await createTestApp(t, 60, async (_request, reply) => {
    await gate.promise
    return reply.code(503).send()
  })
  const all = [get(), get()]
  await listener.heard('miss', 2)
  gate.resolve()
  for (const { statusCode, headers } of await Promise.all(all)) {
    t.equal(statusCode, 503)
    t.notOk('content-type' in headers)
  }
  t.equal(calls(), 1)
})
