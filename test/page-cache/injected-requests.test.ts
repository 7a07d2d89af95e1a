import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { encodeValue } from '../../src/cache/entry/codec.ts'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { ask, site } from './site.ts'
import { pageStores } from './stores.ts'

const stores = await pageStores(t)

t.test('a response built from injected requests depends on what those responses depend on', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const app = Fastify()
  await app.register(pageCache, { cache, now: clock.now })
  t.teardown(() => app.close())
  let failing = false
  const value = () => cache.getOrSet('value', () => 'x', { tags: ['t'] })
  app.get('/kept', { config: { cachePage: 300 } }, value)
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
  app.get('/nothing-kept', { config: { cachePage: 0 } }, async () => 'nothing')
  app.get('/nothing', { config: { cachePage: 300 } }, async () => 'nothing')
  app.get(
    '/outer', { config: { cachePage: 300 } },
    async (request) => (await app.inject((request.query as { of: string }).of)).body
  )

  for (const inner of ['/kept', '/kept', '/streamed', '/refused', '/failing', '/by', '/nothing', '/nothing-kept']) {
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
  const { app, cache, store, clock, kept } = await site(t, stores.memory!, { ttl: 300, staleIfError: 300 })
  await ask(app)
  const [key] = kept()
  for (const payload of [new Uint8Array([0xc1]), encodeValue({ generation: 'x', lists: [['x-a']] })]) {
    await store.set(key!, {
      payload,
      storedAt: clock.now() - 2_000,
      freshUntil: clock.now() - 1_000,
      staleUntil: clock.now() + 9_000,
      tags: [],
      stamp: ''
    })
    t.match(await ask(app), { statusCode: 200, status: 'larder; fwd=stale; stored; ttl=300' })
  }
  await cache.clear()
})

t.test('an index of variants that is deleted while it is updated is not stored again', async (t) => {
  const { app, store, kept } = await site(
    t, stores.memory!, 300,
    (_request, reply, call) => reply.header('vary', call === 1 ? 'x-a' : 'x-b').send(`call ${call}`)
  )
  await ask(app, { 'x-a': '1' })
  const primary = kept().find((key) => key.split(':').length === 3)!
  const { get } = store
  let looks = 0
  store.get = (key) => key === primary && ++looks > 2 ? undefined : get.call(store, key)
  t.equal((await ask(app, { 'x-a': '2' })).body, 'call 2')
  t.ok(looks > 2)
  t.equal(kept().filter((key) => key === primary).length, 1)
})

t.test('Vary: * is sent without other names', async (t) => {
  const { app } = await site(
    t, stores.memory!, { ttl: 300, vary: ['x-a'] }, (_request, reply) => reply.header('vary', 'x-b, *').send('x')
  )
  t.match((await ask(app)).headers, { vary: '*' })
})

t.test('the page cache refuses to be registered twice in one scope', async (t) => {
  const app = Fastify()
  const cache = createCache({ store: memoryStore() })
  await app.register(pageCache, { cache })
  await t.rejects(async () => { await app.register(pageCache, { cache }) }, {
    message: 'The page cache is already registered in this scope or in a parent scope.'
  })
})
