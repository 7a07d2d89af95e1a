import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import type { EntryFilter } from '../../../src/cache/stores/store.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { sendRequest } from '../../support/create-test-app.ts'
import { type MakeStore, pageStores } from '../../support/page-stores.ts'

const LONG = `/items/${'x'.repeat(300)}`

/** An app with cached routes, in which each page varies by X-A. */
async function createShop (t: Test, makeStore: MakeStore, routerOptions: object = {}) {
  const cache = createCache({ store: makeStore(t, Date.now) })
  const app = Fastify({ trustProxy: true, routerOptions: { maxParamLength: 500, ...routerOptions } })
  t.teardown(() => app.close())
  await app.register(pageCache, { cache, ttl: 60 })
  for (const url of ['/items/:id', '/items/:id/notes', '/about', '/*', '/:lang/über/:id']) {
    app.get(url, { config: { cachePage: { vary: ['x-a'] } } }, async () => 'page')
  }
  const isStored = async (url: string, host = 'a.example', headers = {}) => {
    const found = await app.larder.explain({ url: `http://${host}${url}`, headers })
    return found.page !== undefined
  }
  const store = async (url: string, host = 'a.example', headers = {}) => {
    const response = await sendRequest(app, { url, headers: { host, ...headers } })
    t.match(response, { statusCode: 200, status: /stored/ }, url)
  }
  return { app, store, isStored }
}

for (const [name, makeStore] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('a path is purged on all hosts, with all schemes, variants and responses to HEAD', async (t) => {
      const { app, store, isStored } = await createShop(t, makeStore)
      await store('/items/1?b=2&a=1')
      await store('/items/1?b=2&a=1', 'b.example', { 'x-a': '1' })
      await store('/items/1?b=2&a=1', 'b.example', { 'x-a': '2' })
      await store('/items/1?b=2&a=1', 'a.example', { 'x-forwarded-proto': 'https' })
      await sendRequest(app, { url: '/items/1?b=2&a=1', method: 'HEAD', headers: { host: 'c.example' } })
      const others = ['/items/1', '/items/1?a=1', '/items/1?a=1&b=22', '/items/11?a=1&b=2', '/items/1/notes?a=1&b=2']
      for (const url of others) await store(url)
      t.ok(await app.larder.purge({ url: '/items/1?a=1&b=2' }) >= 5)
      t.notOk(await isStored('/items/1?a=1&b=2'))
      t.notOk(await isStored('/items/1?a=1&b=2', 'b.example', { 'x-a': '2' }))
      for (const url of others) t.ok(await isStored(url), url)
      t.equal(await app.larder.purge({ url: '/items/1?a=1&b=2' }), 0)
    })

    t.test('a prefix is purged on all routes and hosts that have such URLs', async (t) => {
      const { app, store, isStored } = await createShop(t, makeStore)
      const inside = ['/items/1', '/items/12?a=1', '/items/1/notes', LONG, '/items/', '/items/1/2/3']
      const outside = ['/about', '/item', '/it*ms/1', '/de/%C3%BCber/1']
      for (const url of [...inside, ...outside]) await store(url)
      await store('/items/3', 'b.example')
      t.equal(await app.larder.purge({ urlPrefix: '/nothing' }), 0)
      t.ok(await app.larder.purge({ urlPrefix: '/items/' }) >= 7)
      for (const url of inside) t.notOk(await isStored(url), url)
      t.notOk(await isStored('/items/3', 'b.example'))
      for (const url of outside) t.ok(await isStored(url), url)
      t.ok(await app.larder.purge({ urlPrefix: '/de/%c3%bcb' }) >= 1)
      t.notOk(await isStored('/de/%C3%BCber/1'))
      await app.larder.purge({ urlPrefix: '/it*' })
      t.notOk(await isStored('/it*ms/1'))
      t.ok(await isStored('/item'))
      await app.larder.purge({ urlPrefix: '/' })
      for (const url of outside) t.notOk(await isStored(url), url)
    })

    t.test('long URLs are purged too', async (t) => {
      const { app, store, isStored } = await createShop(t, makeStore)
      for (const what of [{ url: LONG }, { urlPrefix: LONG }, { urlPrefix: LONG.slice(0, 250) }]) {
        await store(LONG)
        t.ok(await app.larder.purge(what) >= 1)
        t.notOk(await isStored(LONG))
      }
    })
  })
}

t.test('a prefix is read as the router reads URLs', async (t) => {
  const { memory } = await pageStores(t)
  const { app, store, isStored } = await createShop(t, memory!, { caseSensitive: false, ignoreDuplicateSlashes: true })
  await store('/ITEMS/Ab')
  t.ok(await app.larder.purge({ urlPrefix: '//Items/a' }) >= 1)
  t.notOk(await isStored('/items/Ab'))
  await store('/ITEMS/Ab')
  t.ok(await app.larder.purge({ url: '/items//Ab' }) >= 1)
  t.notOk(await isStored('/items/Ab'))
})

t.test('a prefix that is no path is refused', async (t) => {
  const { memory } = await pageStores(t)
  const wrong = ['', 'items', 'http://a.example/items/', '/items?a=1', '/items?', '/items#a', '/%', '/%zz', '/%c3']
  const refuse = async (app: FastifyInstance, urlPrefix: string) => await t.rejects(app.larder.purge({ urlPrefix }), {
    code: 'FST_ERR_LARDER_PURGE',
    message: 'The URL prefix to purge must be a path without a query and with whole encoded characters, ' +
      `such as /products/, but is ${JSON.stringify(urlPrefix)}. It counts for all hosts.`
  })
  for (const caseSensitive of [true, false]) {
    const { app } = await createShop(t, memory!, { caseSensitive })
    for (const urlPrefix of wrong) await refuse(app, urlPrefix)
  }
  const { app } = await createShop(t, memory!, { useSemicolonDelimiter: true })
  await refuse(app, '/items/1;a')
})

t.test('a path and a prefix are purged on all routes in one scan', async (t) => {
  const scans: EntryFilter[] = []
  const { app, store, isStored } = await createShop(t, (_t, now) => {
    const store = memoryStore({ now })
    const clear = store.clear.bind(store)
    return Object.assign(store, {
      clear (filter: EntryFilter) {
        scans.push(filter)
        return clear(filter)
      }
    })
  })
  for (const purge of [{ url: '/items/1' }, { urlPrefix: '/items' }, { urlPrefix: '/' }]) {
    await store('/items/1')
    t.equal(await app.larder.purge(purge), 2)
    t.notOk(await isStored('/items/1'))
  }
  const [path, prefix, all, ...more] = scans
  t.match(path, { prefix: /^page:.*:\/items\/1 $/, prefixes: undefined })
  t.equal(prefix!.prefix, 'page:')
  t.ok(prefix!.prefixes!.length > 2)
  t.strictSame([all, more], [{ prefix: 'page:' }, []])
})
