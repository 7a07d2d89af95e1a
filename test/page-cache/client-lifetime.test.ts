import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { resolveClientLifetime } from '../../src/page-cache/client-lifetime.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { createTestApp, type Handler } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const VALIDATE = 'max-age=0, must-revalidate'

/** A handler whose response states this `Cache-Control`. */
const stating = (cacheControl: string): Handler => (_request, reply, call) =>
  reply.header('cache-control', cacheControl).send(`call ${call}`)

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('clients have to validate a response with tags, and get a 304', async (t) => {
      const { get, cache, calls } = await createTestApp(t, { ttl: 60, tags: ['posts'] }, undefined, { store })
      const first = await get()
      const { etag } = first.headers
      t.match(first, { status: 'fwd=uri-miss; stored; ttl=60', headers: { 'cache-control': VALIDATE, etag: /^"/ } })
      t.notOk('expires' in first.headers)
      const hit = await get({ 'if-none-match': String(etag) })
      t.match(hit, { statusCode: 304, status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE, etag } })
      t.notOk('expires' in hit.headers)
      t.equal(calls(), 1)

      await cache.invalidateTags(['posts'])
      t.match(await get({ 'if-none-match': String(etag) }), { statusCode: 200, body: 'call 2' })
    })

    t.test('tags of what the handler has read from the cache count', async (t) => {
      const { get, cache } = await createTestApp(t, 60, async () =>
        await cache.getOrSet('list', () => 'list', { tags: ['posts'] }), { store })
      t.match(await get(), { headers: { 'cache-control': VALIDATE } })
      t.match(await get(), { status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE } })
    })

    t.test('a response without tags keeps its max-age', async (t) => {
      const { get, clock } = await createTestApp(t, 60, undefined, { store })
      t.match(await get(), { headers: { 'cache-control': 'max-age=60', expires: 'Thu, 01 Jan 2026 00:01:00 GMT' } })
      clock.advance(10)
      t.match(await get(), {
        status: 'hit; ttl=50', headers: { 'cache-control': 'max-age=50', expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }
      })
    })

    t.test('clientTtl sets the lifetime for clients, and s-maxage that for shared caches', async (t) => {
      const plain = await createTestApp(t, { ttl: 60, clientTtl: 5 }, undefined, { store })
      t.match(await plain.get(), { headers: { 'cache-control': 'max-age=5, s-maxage=60' } })
      plain.clock.advance(20)
      t.match(await plain.get(), {
        status: 'hit; ttl=40', headers: { 'cache-control': 'max-age=5, s-maxage=60', age: '20' }
      })

      const tagged = await createTestApp(t, { ttl: 60, clientTtl: 5, tags: ['a'] }, undefined, { store })
      t.match(await tagged.get(), { headers: { 'cache-control': 'max-age=5' } }, 'shared caches see no version clock')
      t.match(await tagged.get(), { status: 'hit; ttl=60', headers: { 'cache-control': 'max-age=5' } })
    })
  })
}

t.test('a lifetime that the response states for clients outranks its tags', async (t) => {
  const cases: Array<[own: string, sent: string]> = [
    ['public', `public, ${VALIDATE}`],
    ['public, max-age=10', 'public, max-age=10'],
    ['must-revalidate', VALIDATE],
    ['s-maxage=50', VALIDATE],
    ['max-age=10, s-maxage=50', 'max-age=10']
  ]
  for (const [own, sent] of cases) {
    const { get } = await createTestApp(t, { ttl: 60, tags: ['a'] }, stating(own))
    t.match(await get(), { status: /stored/, headers: { 'cache-control': sent } }, own)
    t.match(await get(), { status: /^hit/, headers: { 'cache-control': sent } }, own)
  }
  const expiring = await createTestApp(t, { ttl: 60, tags: ['a'] }, (_request, reply) =>
    reply.header('expires', 'Thu, 01 Jan 2026 00:00:20 GMT').send('page'))
  t.match(await expiring.get(), { headers: { 'cache-control': 'max-age=20' } })
})

t.test('a shorter max-age of the response outranks clientTtl, and a longer one does not', async (t) => {
  const clientTtl = async (own: string, options: CachePageOptions = { ttl: 60 }) => {
    const { get } = await createTestApp(t, { ...options, clientTtl: 20 }, stating(own))
    const first = (await get()).headers['cache-control']
    t.match(await get(), { status: /^hit/, headers: { 'cache-control': first } })
    return first
  }
  t.equal(await clientTtl('max-age=10'), 'max-age=10')
  t.equal(await clientTtl('public, max-age=50'), 'public, max-age=20, s-maxage=50')
  t.equal(await clientTtl('public'), 'public, max-age=20, s-maxage=60')
  t.equal(await clientTtl('max-age=50', {}), 'max-age=20, s-maxage=50', 'also if the response decides')
})

t.test('a clientTtl of zero makes clients validate, whatever the response depends on', async (t) => {
  const { get } = await createTestApp(t, { ttl: 60, clientTtl: 0 }, (_request, reply) =>
    reply.header('expires', 'Thu, 01 Jan 2026 00:00:20 GMT').send('page'))
  for (const status of ['fwd=uri-miss; stored; ttl=20', 'hit; ttl=20']) {
    const answer = await get()
    t.match(answer, { status, headers: { 'cache-control': `${VALIDATE}, s-maxage=20` } })
    t.notOk('expires' in answer.headers)
  }
})

t.test('clientTtl may be longer than the ttl', async (t) => {
  const { get } = await createTestApp(t, { ttl: 60, clientTtl: 3600 })
  t.match(await get(), { headers: { 'cache-control': 'max-age=3600' } })
  t.match(await get(), { status: 'hit; ttl=60', headers: { 'cache-control': 'max-age=3600' } })
})

t.test('clients validate a stream, which may still read something with tags, until its tags are known', async (t) => {
  const { get, cache, untilSettled } = await createTestApp(t, 60, (request, reply) => {
    return reply.type('text/plain').send(Readable.from(request.headers['x-tagged'] === undefined
      ? ['plain']
      : (async function * () { yield await cache.getOrSet('list', () => 'list', { tags: ['a'] }) as string })()))
  })
  for (const headers of [{}, { 'x-tagged': '1' }]) {
    t.match(await get(headers), { headers: { 'cache-control': VALIDATE } })
    await untilSettled() // a stream is stored after it was sent
  }
  t.match(await get(), { status: 'hit; ttl=60', headers: { 'cache-control': 'max-age=60' } })
  t.match(await get({ 'x-tagged': '1' }), { status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE } })
})

t.test('clients validate a response in a cache group, which is a tag', async (t) => {
  const { get } = await createTestApp(t, 60, (_request, reply) => reply.header('cache-groups', '"a"').send('page'))
  t.match(await get(), { headers: { 'cache-control': VALIDATE } })
  t.match(await get(), { status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE } })
})

t.test('parts of a response with tags, and responses to HEAD, have the same lifetime', async (t) => {
  const { get } = await createTestApp(t, { ttl: 60, tags: ['a'] })
  await get()
  t.match(await get({ range: 'bytes=0-1' }), { statusCode: 206, headers: { 'cache-control': VALIDATE } })
  t.match(await get({}, { method: 'HEAD' }), { statusCode: 200, headers: { 'cache-control': VALIDATE } })
})

t.test('a route without a ttl and a clientTtl sends the response\'s own Cache-Control, with tags too', async (t) => {
  const { get } = await createTestApp(t, { tags: ['a'] }, stating('max-age=30, s-maxage=50'))
  for (let i = 0; i < 2; i++) t.match(await get(), { headers: { 'cache-control': 'max-age=30, s-maxage=50' } })
})

t.test('the plugin has a clientTtl for all routes, which that of a route replaces', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ttl: 60, clientTtl: 7 })
  app.get('/plugin', { config: { cachePage: {} } }, async () => 'page')
  app.get('/route', { config: { cachePage: { clientTtl: 3 } } }, async () => 'page')
  t.equal((await app.inject('/plugin')).headers['cache-control'], 'max-age=7, s-maxage=60')
  t.equal((await app.inject('/route')).headers['cache-control'], 'max-age=3, s-maxage=60')
})

t.test('a clientTtl that is not a number of seconds is refused at registration', async (t) => {
  const cache = createCache({ store: memoryStore() })
  for (const clientTtl of [-1, NaN, Infinity, '60', null]) {
    const app = Fastify()
    await t.rejects(async () => await app.register(pageCache, { cache, clientTtl: clientTtl as number }), {
      message: /^The option clientTtl of the page cache must be a number of seconds/
    })
    const options = { cachePage: { clientTtl: clientTtl as number } }
    const other = Fastify()
    await other.register(pageCache, { cache })
    t.throws(() => other.get('/page', { config: options }, async () => 'page'), {
      message: /^The option clientTtl in cachePage of \/page must be a number of seconds/
    })
  }
})

t.test('a response that never expires has the longest lifetime that HTTP knows', async (t) => {
  const input = { cacheControl: '', freshnessLifetime: Infinity, date: 0, hasTags: false }
  t.match(resolveClientLifetime(input), { prefix: 'max-age=', maxAge: 2 ** 31 })
  t.match(resolveClientLifetime({ ...input, clientTtl: 1 }), { cacheControl: 'max-age=1, s-maxage=2147483648' })
})
