import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import t from 'tap'
import { open } from '../../support/open-response.ts'
import { createTestApp } from '../../support/create-test-app.ts'

t.test('an error that replaces a stream has none of its caching headers', async (t) => {
  const broken: Record<string, () => unknown> = {
    'a stream': () => new Readable({ read () { this.destroy(new Error('broken')) } }),
    'a web stream': () => new ReadableStream({ pull () { throw new Error('broken') } }),
    'a stream that was read already': () => {
      const response = new Response('x')
      response.body!.getReader()
      return response
    }
  }
  for (const custom of [false, true]) {
    for (const [kind, make] of Object.entries(broken)) {
      const app = Fastify()
      if (custom) app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ sorry: true }))
      const { listener, calls } = await createTestApp(t, 300, (_request, reply) =>
        reply.header('last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT').type('text/plain').send(make()), { app })
      await app.listen({ host: '127.0.0.1', port: 0 })
      for (const answer of await Promise.all([open(app), open(app)])) {
        t.equal(answer.statusCode, 500, kind)
        t.equal(answer.headers['cache-control'], 'no-store', kind)
        for (const name of ['expires', 'etag', 'last-modified']) t.notOk(name in answer.headers, `${kind} ${name}`)
        t.ok(JSON.parse(await text(answer)))
      }
      t.equal(calls(), 2)
      t.equal(listener.events.filter(({ type }) => type === 'set').length, 0)
    }
  }
})

t.test('an error of an onSend hook after a hit has none of the caching headers of the hit', async (t) => {
  let failing = false
  const { get } = await createTestApp(t, 300, undefined, {
    after: (app) => app.addHook('onSend', async (_request, _reply, payload) => {
      if (failing && payload !== undefined && !String(payload).includes('oops')) throw new Error('oops')
      return payload
    })
  })
  await get()
  failing = true
  for (const url of ['/page', '/page?cold']) {
    const { statusCode, headers } = await get({}, { url })
    t.equal(statusCode, 500)
    t.equal(headers['cache-control'], 'no-store')
    for (const name of ['expires', 'etag', 'age']) t.notOk(name in headers, name)
  }
})

t.test('a handler that throws after it has set Cache-Control gets an error with no-store', async (t) => {
  for (const cachePage of [{}, { ttl: 300 }]) {
    for (const status of [500, 503, undefined]) {
      const { get } = await createTestApp(t, cachePage, (_request, reply) => {
        reply.headers({ 'cache-control': 'public, max-age=60', expires: 'Thu, 01 Jan 2026 00:05:00 GMT', etag: '"x"' })
        throw Object.assign(new Error('broken'), status !== undefined && { statusCode: status })
      })
      for (let i = 0; i < 2; i++) {
        const { statusCode, headers, status: cacheStatus } = await get()
        t.equal(statusCode, status ?? 500)
        t.equal(headers['cache-control'], 'no-store')
        t.notOk('expires' in headers || 'etag' in headers)
        t.match(cacheStatus, /^fwd=uri-miss; detail=/)
      }
    }
  }
})

t.test('an error that the handler sends itself may have a lifetime', async (t) => {
  const { get, calls } = await createTestApp(t, 300, (_request, reply) =>
    reply.code(503).header('cache-control', 'max-age=5').send('later'))
  await get()
  t.match(await get(), { statusCode: 503, body: 'later', status: 'hit; ttl=5' })
  t.equal(calls(), 1)
})
