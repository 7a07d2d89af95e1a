import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createTestApp } from '../support/create-test-app.ts'

t.test('waiting requests go on if the reply of the handler never reaches our hooks', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  const gate = Promise.withResolvers<void>()
  const called = Promise.withResolvers<void>()
  let calls = 0
  app.get('/page', { config: { cachePage: 60 } }, async (_request, reply) => {
    calls++
    called.resolve()
    reply.hijack()
    await gate.promise
    reply.raw.end('hijacked')
  })
  const all = [app.inject('/page'), app.inject('/page')]
  await called.promise
  await turn()
  t.equal(calls, 1)
  gate.resolve()
  t.same((await Promise.all(all)).map(({ body }) => body), ['hijacked', 'hijacked'])
  t.equal(calls, 2)
})

t.test('the response is stored even if the client has disconnected', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls } = await createTestApp(t, 300, async (_request, _reply, call) => {
    await gate.promise
    return `call ${call}`
  })
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const leaving = new AbortController()
  const left = fetch(`${address}/page`, { signal: leaving.signal }).catch(() => 'left')
  while (calls() === 0) await turn()
  const closed = once(app.server, 'connection').catch(() => {})
  const staying = fetch(`${address}/page`)
  await closed
  leaving.abort()
  t.equal(await left, 'left')
  gate.resolve()
  t.equal(await (await staying).text(), 'call 1')
  t.equal(calls(), 1)
})

t.test('a handler that never replies holds waiting requests for at most 60 s', async (t) => {
  const { app, calls } = await createTestApp(
    t, 300, (_request, _reply, call) => call === 1 ? new Promise(() => {}) : `call ${call}`
  )
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  app.inject('/page').catch(() => {})
  const second = app.inject('/page')
  while (calls() === 0) await turn()
  t.clock.advance(60_000)
  const { body, headers } = await second
  t.equal(body, 'call 2')
  t.equal(headers['cache-status'], 'larder; fwd=uri-miss; stored; ttl=300')
})

t.test('a response that comes after its load was given up is not stored, and says so', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls } = await createTestApp(t, 300, async () => {
    await gate.promise
    return 'late'
  })
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  const first = app.inject('/page')
  while (calls() === 0) await turn()
  t.clock.advance(60_000)
  await turn()
  gate.resolve()
  t.equal((await first).headers['cache-status'], 'larder; fwd=uri-miss; ttl=300; detail=not-stored')
})
