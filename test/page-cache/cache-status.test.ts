import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { until } from '../support/until.ts'
import { createTestApp, sendRequest } from '../support/create-test-app.ts'

t.test('Cache-Status reports a store that is unavailable or cannot store (RFC 9211 section 2.8)', async (t) => {
  const { get, store } = await createTestApp(t, 60)
  const { get: readEntry } = store
  store.set = () => { throw new Error('away') }
  t.match(await get(), { body: 'call 1', status: 'fwd=uri-miss; ttl=60; detail=store-unavailable' })
  store.get = () => { throw new Error('away') }
  t.match(await get(), { body: 'call 2', status: /^fwd=miss; .*detail=store-unavailable$/ })
  store.get = readEntry
  t.match(await get(), { body: 'call 3', status: /^fwd=uri-miss/ })
})

t.test('Cache-Status reports a handler that requests its own URL, which does not wait for itself', async (t) => {
  const { app, get } = await createTestApp(t, 60, async (_request, _reply, call) => {
    return call === 1 ? `outer of ${(await sendRequest(app, { url: '/page' })).status}` : 'inner'
  })
  t.match(await get(), { body: /^outer of fwd=uri-miss; .*detail=recursive-load$/ })
})

t.test('Cache-Status reports too many loads in flight, whose responses are not stored', async (t) => {
  const cache = createCache({ store: memoryStore(), maxLoads: 1 })
  const app = Fastify()
  await app.register(pageCache, { cache })
  t.teardown(() => app.close())
  const gate = Promise.withResolvers<void>()
  let running = 0
  app.get('/:id', { config: { cachePage: 60 } }, async (request) => {
    running++
    if ((request.params as { id: string }).id === '1') await gate.promise
    return 'page'
  })
  const first = sendRequest(app, { url: '/1' })
  await until('the handler runs', () => running === 1)
  t.match(await sendRequest(app, { url: '/2' }), {
    body: 'page', status: 'fwd=uri-miss; ttl=60; detail=too-many-loads'
  })
  gate.resolve()
  t.match(await first, { status: 'fwd=uri-miss; stored; ttl=60' })
})
