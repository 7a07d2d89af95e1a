import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { createTestShop } from '../../support/create-test-shop.ts'
import { sendRequest } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('an unsafe method invalidates the responses of its URL, on any route (RFC 9111 section 4.4)', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store)
      for (const [method, ends] of [
        ['POST', true], ['PUT', true], ['PATCH', true], ['DELETE', true], ['PURGE', true], ['OPTIONS', false]
      ] as const) {
        await storePage('/items/1')
        await storePage('/items/2')
        t.equal((await change(method, '/items/1')).statusCode, 204)
        t.equal(await isStored('/items/1'), !ends, method)
        t.ok(await isStored('/items/2'), 'no other page')
      }
    })

    t.test('an unsafe request that fails invalidates nothing (RFC 9111 section 4.4)', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store)
      for (const [status, ends] of [
        [200, true], [201, true], [303, true], [400, false], [404, false], [500, false], [503, false]
      ] as const) {
        await storePage('/items/1')
        await storePage('/items/2')
        await change('POST', '/items/1', { status, headers: { location: '/items/2' } })
        t.equal(await isStored('/items/1'), !ends, `${status}`)
        t.equal(await isStored('/items/2'), !ends, `${status}`)
      }
    })

    t.test('URLs are compared in their normal form (RFC 3986 section 6.2)', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store)
      for (const [page, changed, ends] of [
        [
          '/items/a?b=1&c=2', '/items/a?c=2&b=1', true
        ], ['/items/%7Ea', '/items/~a', true], ['/items/%c3%a4', '/items/%C3%A4', true],
        ['/items/a?b=1', '/items/a', false], ['/items/a', '/items/A', false]
      ] as const) {
        await storePage(page)
        await change('POST', changed)
        t.equal(await isStored(page), !ends, `${page} by ${changed}`)
      }
    })

    t.test('only listed query parameters are compared', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store, { ttl: 60, query: ['a'] })
      await storePage('/items/1?a=1&b=1')
      await change('PUT', '/items/1?a=2')
      t.ok(await isStored('/items/1?a=1'))
      await change('PUT', '/items/1?c=3&a=1')
      t.notOk(await isStored('/items/1?a=1&b=1'))
    })

    t.test('hosts are compared in their normal form, and other hosts stay', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store)
      for (const [host, ends] of [
        ['shop.example', true], ['SHOP.example:80', true], ['shop.example:8080', false], ['other.example', false]
      ] as const) {
        await storePage('/items/1', { host: 'shop.example' })
        await change('POST', '/items/1', { host })
        t.equal(await isStored('/items/1', { host: 'shop.example' }), !ends, host)
      }
    })

    t.test('Location and Content-Location of the same origin are invalidated too (RFC 9111 section 4.4)', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store)
      for (const field of ['location', 'content-location']) {
        for (const [reference, ends] of [
          ['/items/2', true], ['2', true], ['./2?', true], ['../items/2', true], [
            'http://localhost:80/items/2', true
          ], [
            'HTTP://LOCALHOST:80/items/2#part', true
          ], ['//localhost:80/items/2', true],
          [
            'http://other.example/items/2', false
          ], [
            'https://localhost:80/items/2', false
          ], [
            'http://localhost:81/items/2', false
          ], ['http://', false], ['http://[', false], ['', false], ['javascript:void', false], ['/items/%zz', false], ['/nowhere', false]
        ] as const) {
          await storePage('/items/2')
          await change('POST', '/items/1', { headers: { [field]: reference } })
          t.equal(await isStored('/items/2'), !ends, `${field}: ${reference}`)
        }
      }
    })

    t.test('all variants and responses to HEAD are invalidated too', async (t) => {
      const { app, isStored, change } = await createTestShop(t, store)
      app.get('/vary', { config: { cachePage: { ttl: 60, vary: ['x-a'] } } }, async () => 'page')
      const head = async () => (await sendRequest(app, { method: 'HEAD', url: '/items/1' })).status.startsWith('hit')
      for (const a of ['1', '2', '1', '2']) await isStored('/vary', { 'x-a': a })
      await head()
      t.ok(await head() && await isStored('/vary', { 'x-a': '1' }) && await isStored('/vary', { 'x-a': '2' }))
      await change('POST', '/vary')
      for (const a of ['1', '2']) t.notOk(await isStored('/vary', { 'x-a': a }))
      await change('POST', '/items/1')
      t.notOk(await head())
    })

    t.test('Cache-Group-Invalidation invalidates groups of its own origin (RFC 9875)', async (t) => {
      const { storePage, isStored, change } = await createTestShop(t, store)
      for (const [field, ends] of [
        ['"a"', true], ['"b", "x"', true], ['"A"', false], ['"x"', false], ['a', false], ['1', false],
        ['("a")', false], ['"a", b', false], ['"', false], ['', false], [`"${'a'.repeat(129)}"`, false], [
          `"${'a'.repeat(129)}", "a"`, true
        ],
        [`${Array.from({ length: 300 }, (_, i) => `"g${i}"`).join(', ')}, "a"`, true], ['"a";x=1', true]
      ] as const) {
        await storePage('/groups/a+b')
        await change('POST', '/other', { headers: { 'cache-group-invalidation': field } })
        t.equal(await isStored('/groups/a+b'), !ends, field)
      }
      await storePage('/groups/a+b')
      await change('POST', '/other', { headers: { 'cache-group-invalidation': '"a"' }, host: 'other.example' })
      await change('POST', '/other', { headers: { 'cache-group-invalidation': '"a"' }, status: 500 })
      await change('OPTIONS', '/other', { headers: { 'cache-group-invalidation': '"a"' } })
      t.ok(await isStored('/groups/a+b'))
    })
  })
}

t.test('an unsafe request succeeds even if the store fails', async (t) => {
  const { change, store, storePage, cache } = await createTestShop(t, stores.memory!)
  await storePage('/items/1')
  store.delete = () => { throw new Error('away') }
  cache.invalidateTags = async () => { throw new Error('away') }
  t.equal((await change('POST', '/items/1', { headers: { 'cache-group-invalidation': '"a"' } })).statusCode, 204)
})

t.test('routes with constraints or other parameter names for one URL are all invalidated', async (t) => {
  const app: FastifyInstance = Fastify({ routerOptions: { ignoreTrailingSlash: true, allowUnsafeRegex: true } })
  const { isStored, change } = await createTestShop(t, stores.memory!, undefined, app)
  const cached = { config: { cachePage: 60 } }
  app.get('/v/:id', { ...cached, constraints: { version: '1.0.0' } }, async () => 'one')
  app.get('/v/:name', { ...cached, constraints: { version: '2.0.0' } }, async () => 'two')
  app.get('/v/fixed', cached, async () => 'fixed')
  app.get('/unsafe/:id(^([0-9]+){4}$)', cached, async () => 'unsafe')
  app.get('/optional/:id?', cached, async () => 'optional')
  app.head('/head/:a', cached, async () => 'of HEAD')
  app.get('/head/:b', cached, async () => 'of GET')
  const one = { 'accept-version': '1.0.0' }
  const two = { 'accept-version': '2.0.0' }
  const pages: Array<[url: string, headers?: Record<string, string>]> = [
    ['/v/1', one], ['/v/1', two], ['/v/fixed'], ['/v/fixed', one], ['/unsafe/1234'], ['/optional'], ['/optional/1']
  ]
  for (const [url, headers] of pages) {
    await isStored(url, headers)
    t.ok(await isStored(url, headers), url)
  }
  const head = async () => (await sendRequest(app, { method: 'HEAD', url: '/head/1' })).status.startsWith('hit')
  await head()
  t.ok(await head())
  await isStored('/head/1')
  await change('POST', '/head/1')
  t.notOk(await isStored('/head/1'))
  t.notOk(await head())
  for (const [url, headers] of pages) {
    await change('POST', url)
    t.notOk(await isStored(url, headers), url)
  }
})
