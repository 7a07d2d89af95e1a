import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache } from '../../../src/cache/index.ts'
import pageCache, { type CachePageOptions, type Purge } from '../../../src/page-cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { until } from '../../support/until.ts'
import { createTestApp, sendRequest } from '../../support/create-test-app.ts'
import { type MakeStore, pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)
/** Ways to purge /page. */
const WAYS: Purge[] = [
  { url: 'http://localhost:80/page' }, { url: '/page' }, { urlPrefix: '/pa' }, { route: '/page' }, { tag: 'page' },
  { tags: ['other', 'page'] }, { all: true }
]

/** Two routes; pages of /items vary by X-A. */
async function createShop (t: Test, makeStore: MakeStore, more: CachePageOptions = {}) {
  const clock = fakeClock()
  const store = makeStore(t, clock.now)
  const cache = createCache({ store, now: clock.now })
  const app = Fastify()
  await app.register(pageCache, { cache, now: clock.now })
  let failing = false
  for (const [url, options] of [['/items/:id', { vary: ['x-a'], tags: ['items'] }], ['/page', {}]] as const) {
    app.get(
      url, { config: { cachePage: { ttl: 10, staleIfError: 100, ...options as CachePageOptions, ...more } } },
      async (_request, reply) => failing ? reply.code(503).send('sorry') : 'page'
    )
  }
  t.teardown(() => app.close())
  const status = async (
    url: string, headers: Record<string, string> = {}
  ) => (await sendRequest(app, { url, headers })).status
  const fill = async () => {
    for (const id of [1, 2]) {
      for (const a of ['a', 'b']) {
        for (let i = 0; i < 2; i++) {
          await status(`/items/${id}`,
            { 'x-a': a })
        }
      }
    }
    await sendRequest(app, { method: 'HEAD', url: '/page?head' })
    await status('/page')
    await cache.set('other', 1)
  }
  return { app, cache, clock, store, status, fill, fail: () => { failing = true } }
}

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('purge({ url }) deletes all variants and the response to HEAD, and nothing else', async (t) => {
      const { app, fill, status } = await createShop(t, store)
      await fill()
      for (const [url, count] of [
        [
          'http://localhost:80/items/1', 2
        ], ['http://localhost/items/1', 0], ['http://LOCALHOST/page?head', 1], ['http://localhost/page', 1], [
          'https://localhost:80/items/2', 0
        ], ['http://other/items/2', 0], ['http://localhost/nowhere', 0]
      ] as const) t.equal(await app.larder.purge({ url }), count, url)
      t.match(await status('/items/1', { 'x-a': 'a' }), /^fwd=uri-miss/)
      t.match(await status('/items/2', { 'x-a': 'a' }), /^hit/)
      t.match(await status('/page'), /^fwd=uri-miss/)
    })

    t.test('purge({ route }) deletes all responses of a pattern, and their index', async (t) => {
      const { app, fill, status } = await createShop(t, store)
      await fill()
      t.equal(await app.larder.purge({ route: '/items/:id' }), 6, 'four pages of two URLs')
      t.equal(await app.larder.purge({ route: '/items/:id' }), 0)
      t.match(await status('/items/2', { 'x-a': 'b' }), /^fwd=uri-miss/)
      t.match(await status('/page'), /^hit/)
    })

    t.test('purge({ tag }) deletes all entries with the tag', async (t) => {
      const { app, cache, fill, status } = await createShop(t, store)
      await fill()
      await cache.set('tagged', 1, { tags: ['items'] })
      t.equal(await app.larder.purge({ tag: 'items' }), 5)
      t.equal(await app.larder.purge({ tag: 'nobody' }), 0)
      t.equal(await cache.get('tagged'), undefined)
      t.match(await status('/items/2', { 'x-a': 'b' }), /^fwd=(vary|uri)-miss/)
      t.match(await status('/page'), /^hit/)
    })

    t.test('purge({ all: true }) deletes everything in the cache', async (t) => {
      const { app, cache, fill, status } = await createShop(t, store)
      await fill()
      t.equal(await app.larder.purge({ all: true }), 9)
      t.equal(await cache.get('other'), undefined)
      t.match(await status('/page'), /^fwd=uri-miss/)
    })

    t.test('a purged response is never served stale (RFC 5861)', async (t) => {
      for (const purge of WAYS) {
        const { app, clock, fill, fail, status } = await createShop(t, store, { tags: ['page'] })
        await fill()
        fail()
        clock.advance(11)
        t.match(await status('/page'), /detail=stale-if-error$/)
        t.ok(await app.larder.purge(purge) >= 1, JSON.stringify(purge))
        t.match(
          await status('/page'), /^fwd=(uri-miss|stale|miss); detail=(status-503|collapse-refused)$/,
          JSON.stringify(purge)
        )
      }
    })

    t.test('purge: a load in flight is not stored', async (t) => {
      for (const headers of [{}, { range: 'bytes=0-3' }] as Array<Record<string, string>>) {
        for (const purge of WAYS) {
          const gate = Promise.withResolvers<void>()
          const options = { ttl: 60, tags: ['page'] }
          const { app, get, calls } = await createTestApp(t, options, async (_request, _reply, call) => {
            if (call === 1) await gate.promise
            return `call ${call}`
          }, { store })
          const early = get(headers)
          await until('the handler runs', () => calls() === 1)
          t.equal(await app.larder.purge(purge), 0)
          gate.resolve()
          t.match((await early).status, /detail=(revoked|outdated|range)$/, JSON.stringify([purge, headers]))
          t.match(await get(), { body: 'call 2' })
        }
      }
    })

    t.test('purge rejects if the store fails', async (t) => {
      const { app, store: failing, fill, cache } = await createShop(t, store)
      await fill()
      failing.delete = failing.clear = async () => { throw new Error('away') }
      cache.lookup = async () => ({ miss: 'unavailable' })
      for (const purge of WAYS) await t.rejects(app.larder.purge(purge), /away/, JSON.stringify(purge))
    })
  })
}

t.test('purge rejects anything but exactly one thing to purge', async (t) => {
  const { app, get } = await createTestApp(t, 60)
  await get()
  for (const purge of [
    undefined, null, 'all', {}, { all: false }, { all: 'yes' }, { tag: 1 }, { tags: 'a' }, { url: undefined },
    { url: '/page', all: true }
  ]) {
    await t.rejects(app.larder.purge(purge as never), {
      code: 'FST_ERR_LARDER_PURGE',
      message: 'purge() expects exactly one of { url }, { urlPrefix }, { route }, { tag }, { tags } or { all: true }.'
    })
  }
  // @ts-expect-error -- TypeScript refuses two kinds too
  await t.rejects(app.larder.purge({ url: '/page', tag: 'page' }), { code: 'FST_ERR_LARDER_PURGE' })
  await t.rejects(app.larder.purge({ urls: '/' } as never), {
    code: 'FST_ERR_LARDER_PURGE', message: 'purge() has no option urls. Did you mean url?'
  })
  await t.rejects(app.larder.purge({ tags: ['a', ''] }), { code: 'FST_ERR_LARDER_ARGUMENT' })
  t.match(await get(), { status: 'hit; ttl=60' })
})

t.test('purge rejects an invalid URL and an unknown route', async (t) => {
  const { app } = await createShop(t, stores.memory!)
  for (const url of ['', 'page', 'localhost:80/page', 'ftp://localhost/page', 'http://', 'javascript:void']) {
    await t.rejects(app.larder.purge({ url }), {
      code: 'FST_ERR_LARDER_PURGE',
      message: 'The URL to purge must be a path that begins with /, or an absolute http or https URL, ' +
        `but is ${JSON.stringify(url)}.`
    })
  }
  await t.rejects(app.larder.purge({ route: '/nowhere' }), {
    code: 'FST_ERR_LARDER_PURGE', message: /The route to purge must be the pattern/
  })
})
