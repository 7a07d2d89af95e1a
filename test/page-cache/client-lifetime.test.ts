import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { resolveClientLifetime } from '../../src/page-cache/client-lifetime.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { type Handler, onePage } from './one-page.ts'
import { pageStores } from './stores.ts'

const VALIDATE = 'max-age=0, must-revalidate'

/** A handler whose response states this `Cache-Control`. */
const stating = (cacheControl: string): Handler => (_request, reply, call) =>
  reply.header('cache-control', cacheControl).send(`call ${call}`)

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('clients have to validate a response with tags, and get a 304', async (t) => {
      const { ask, cache, calls } = await onePage(t, { ttl: 60, tags: ['posts'] }, undefined, { store })
      const first = await ask()
      const { etag } = first.headers
      t.match(first, { status: 'fwd=uri-miss; stored; ttl=60', headers: { 'cache-control': VALIDATE, etag: /^"/ } })
      t.notOk('expires' in first.headers)
      const hit = await ask({ 'if-none-match': String(etag) })
      t.match(hit, { statusCode: 304, status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE, etag } })
      t.notOk('expires' in hit.headers)
      t.equal(calls(), 1)

      await cache.invalidateTags(['posts'])
      t.match(await ask({ 'if-none-match': String(etag) }), { statusCode: 200, body: 'call 2' })
    })

    t.test('tags of what the handler has read from the cache count', async (t) => {
      const { ask, cache } = await onePage(t, 60, async () =>
        await cache.getOrSet('list', () => 'list', { tags: ['posts'] }), { store })
      t.match(await ask(), { headers: { 'cache-control': VALIDATE } })
      t.match(await ask(), { status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE } })
    })

    t.test('a response without tags keeps its max-age', async (t) => {
      const { ask, clock } = await onePage(t, 60, undefined, { store })
      t.match(await ask(), { headers: { 'cache-control': 'max-age=60', expires: 'Thu, 01 Jan 2026 00:01:00 GMT' } })
      clock.advance(10)
      t.match(await ask(), {
        status: 'hit; ttl=50', headers: { 'cache-control': 'max-age=50', expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }
      })
    })

    t.test('clientTtl sets the lifetime for clients, and s-maxage that for shared caches', async (t) => {
      const plain = await onePage(t, { ttl: 60, clientTtl: 5 }, undefined, { store })
      t.match(await plain.ask(), { headers: { 'cache-control': 'max-age=5, s-maxage=60' } })
      plain.clock.advance(20)
      t.match(await plain.ask(), {
        status: 'hit; ttl=40', headers: { 'cache-control': 'max-age=5, s-maxage=60', age: '20' }
      })

      const tagged = await onePage(t, { ttl: 60, clientTtl: 5, tags: ['a'] }, undefined, { store })
      t.match(await tagged.ask(), { headers: { 'cache-control': 'max-age=5' } }, 'shared caches see no version clock')
      t.match(await tagged.ask(), { status: 'hit; ttl=60', headers: { 'cache-control': 'max-age=5' } })
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
    const { ask } = await onePage(t, { ttl: 60, tags: ['a'] }, stating(own))
    t.match(await ask(), { status: /stored/, headers: { 'cache-control': sent } }, own)
    t.match(await ask(), { status: /^hit/, headers: { 'cache-control': sent } }, own)
  }
  const expiring = await onePage(t, { ttl: 60, tags: ['a'] }, (_request, reply) =>
    reply.header('expires', 'Thu, 01 Jan 2026 00:00:20 GMT').send('page'))
  t.match(await expiring.ask(), { headers: { 'cache-control': 'max-age=20' } })
})

t.test('a shorter max-age of the response outranks clientTtl, and a longer one does not', async (t) => {
  const clientTtl = async (own: string, options: CachePageOptions = { ttl: 60 }) => {
    const { ask } = await onePage(t, { ...options, clientTtl: 20 }, stating(own))
    const first = (await ask()).headers['cache-control']
    t.match(await ask(), { status: /^hit/, headers: { 'cache-control': first } })
    return first
  }
  t.equal(await clientTtl('max-age=10'), 'max-age=10')
  t.equal(await clientTtl('public, max-age=50'), 'public, max-age=20, s-maxage=50')
  t.equal(await clientTtl('public'), 'public, max-age=20, s-maxage=60')
  t.equal(await clientTtl('max-age=50', {}), 'max-age=20, s-maxage=50', 'also if the response decides')
})

t.test('a clientTtl of zero makes clients validate, whatever the response depends on', async (t) => {
  const { ask } = await onePage(t, { ttl: 60, clientTtl: 0 }, (_request, reply) =>
    reply.header('expires', 'Thu, 01 Jan 2026 00:00:20 GMT').send('page'))
  for (const status of ['fwd=uri-miss; stored; ttl=20', 'hit; ttl=20']) {
    const answer = await ask()
    t.match(answer, { status, headers: { 'cache-control': `${VALIDATE}, s-maxage=20` } })
    t.notOk('expires' in answer.headers)
  }
})

t.test('clientTtl may be longer than the ttl', async (t) => {
  const { ask } = await onePage(t, { ttl: 60, clientTtl: 3600 })
  t.match(await ask(), { headers: { 'cache-control': 'max-age=3600' } })
  t.match(await ask(), { status: 'hit; ttl=60', headers: { 'cache-control': 'max-age=3600' } })
})

t.test('clients validate a stream, which may still read something with tags, until its tags are known', async (t) => {
  const { ask, cache } = await onePage(t, 60, (request, reply) => reply.type('text/plain').send(Readable.from(
    request.headers['x-tagged'] === undefined
      ? ['plain']
      : (async function * () { yield await cache.getOrSet('list', () => 'list', { tags: ['a'] }) as string })()
  )))
  for (const headers of [{}, { 'x-tagged': '1' }]) {
    t.match(await ask(headers), { headers: { 'cache-control': VALIDATE } })
  }
  t.match(await ask(), { status: 'hit; ttl=60', headers: { 'cache-control': 'max-age=60' } })
  t.match(await ask({ 'x-tagged': '1' }), { status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE } })
})

t.test('clients validate a response in a cache group, which is a tag', async (t) => {
  const { ask } = await onePage(t, 60, (_request, reply) => reply.header('cache-groups', '"a"').send('page'))
  t.match(await ask(), { headers: { 'cache-control': VALIDATE } })
  t.match(await ask(), { status: 'hit; ttl=60', headers: { 'cache-control': VALIDATE } })
})

t.test('parts of a response with tags, and responses to HEAD, have the same lifetime', async (t) => {
  const { ask } = await onePage(t, { ttl: 60, tags: ['a'] })
  await ask()
  t.match(await ask({ range: 'bytes=0-1' }), { statusCode: 206, headers: { 'cache-control': VALIDATE } })
  t.match(await ask({}, { method: 'HEAD' }), { statusCode: 200, headers: { 'cache-control': VALIDATE } })
})

t.test('a route without a ttl and a clientTtl sends the response\'s own Cache-Control, with tags too', async (t) => {
  const { ask } = await onePage(t, { tags: ['a'] }, stating('max-age=30, s-maxage=50'))
  for (let i = 0; i < 2; i++) t.match(await ask(), { headers: { 'cache-control': 'max-age=30, s-maxage=50' } })
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
