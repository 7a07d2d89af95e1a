import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { encodeValue } from '../../src/cache/entry/codec.ts'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { createTestApp } from '../support/create-test-app.ts'

t.test('a response built from injected requests depends on what those responses depend on', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const app = Fastify()
  await app.register(pageCache, { cache, now: clock.now })
  t.teardown(() => app.close())
  let failing = false
  const value = () => cache.getOrSet('value', () => 'x', { tags: ['t'] })
  app.get('/stored', { config: { cachePage: 300 } }, value)
  app.get(
    '/streamed', { config: { cachePage: 300 } }, async (_request, reply) => reply.send(Readable.from([await value()]))
  )
  app.get(
    '/refused', { config: { cachePage: 300 } },
    async (_request, reply) => reply.header('cache-control', 'no-store').send(await value())
  )
  app.get(
    '/failing', { config: { cachePage: { ttl: 1, staleIfError: 300 } } },
    async (_request, reply) => failing ? reply.code(503).send() : await value()
  )
  app.get('/by', { config: { cachePage: 0 } }, value)
  app.get('/nothing-stored', { config: { cachePage: 0 } }, async () => 'nothing')
  app.get('/nothing', { config: { cachePage: 300 } }, async () => 'nothing')
  app.get(
    '/outer', { config: { cachePage: 300 } },
    async (request) => (await app.inject((request.query as { of: string }).of)).body
  )

  for (const inner of [
    '/stored', '/stored', '/streamed', '/refused', '/failing', '/by', '/nothing', '/nothing-stored'
  ]) {
    if (inner === '/failing') {
      await app.inject(inner)
      failing = true
      clock.advance(2)
    }
    const url = `/outer?of=${inner}`
    await app.inject(url)
    t.match((await app.inject(url)).headers['cache-status'], /; hit/, inner)
    await cache.invalidateTags(['t'])
    const after = String((await app.inject(url)).headers['cache-status'])
    t.match(after, inner.startsWith('/nothing') ? /; hit/ : /fwd=stale; .*detail=invalidated/, inner)
  }
})

t.test('a foreign value under the key is never served stale', async (t) => {
  const { get, cache, store, clock, storedKeys } = await createTestApp(t, { ttl: 300, staleIfError: 300 })
  await get()
  const [key] = storedKeys()
  for (const payload of [new Uint8Array([0xc1]), encodeValue({ generation: 'x', lists: [['x-a']] })]) {
    await store.set(key!, {
      payload,
      storedAt: clock.now() - 2_000,
      freshUntil: clock.now() - 1_000,
      staleUntil: clock.now() + 9_000,
      tags: [],
      stamp: ''
    })
    t.match(await get(), { statusCode: 200, status: 'fwd=stale; stored; ttl=300' })
  }
  await cache.clear()
})

t.test('an index of variants that is deleted while it is updated is not stored again', async (t) => {
  const { get, store, storedKeys } = await createTestApp(
    t, 300,
    (_request, reply, call) => reply.header('vary', call === 1 ? 'x-a' : 'x-b').send(`call ${call}`)
  )
  await get({ 'x-a': '1' })
  const primary = storedKeys().find((key) => key.split(':').length === 3)!
  const { get: readEntry } = store
  let looks = 0
  store.get = (key) => key === primary && ++looks > 2 ? undefined : readEntry.call(store, key)
  t.equal((await get({ 'x-a': '2' })).body, 'call 2')
  t.ok(looks > 2)
  t.equal(storedKeys().filter((key) => key === primary).length, 1)
})

t.test('Vary: * is sent without other names', async (t) => {
  const { get } = await createTestApp(
    t, { ttl: 300, vary: ['x-a'] }, (_request, reply) => reply.header('vary', 'x-b, *').send('x')
  )
  t.match((await get()).headers, { vary: '*' })
})

t.test('the page cache refuses to be registered twice in one scope', async (t) => {
  const app = Fastify()
  const cache = createCache({ store: memoryStore() })
  await app.register(pageCache, { cache })
  await t.rejects(async () => { await app.register(pageCache, { cache }) }, {
    code: 'FST_ERR_LARDER_REGISTERED', message: /already registered in this scope or in a scope above it/
  })
})
