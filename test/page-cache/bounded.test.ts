import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore, memoryVersions, type Versions } from '../../src/cache/index.ts'
import { makeMeasurable } from '../../src/cache/versions/measurable.ts'
import { CacheStats } from '../../src/metrics/stats.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { createTestApp, sendRequest } from '../support/create-test-app.ts'

/** An app whose one cached page has a tag on a version clock beyond this process. */
async function setUp (t: Test, options: CachePageOptions = {}) {
  const clock = fakeClock()
  const { checksAtOnce: _, ...remote } = memoryVersions()
  const failure: { error?: Error } = {}
  let checks = 0
  const versions: Versions = {
    ...remote,
    async firstChanged (stamp, tags) {
      checks++
      if (failure.error !== undefined) throw failure.error
      return await remote.firstChanged(stamp, tags)
    }
  }
  makeMeasurable(versions, clock.now)
  const app = await createTestApp(t, { ttl: 60, tags: ['news'], ...options }, undefined, { versions, clock })
  return { ...app, remote, failure, checks: () => checks }
}

t.test('with maxStaleness, one check of the version clock serves all requests for so many milliseconds', async (t) => {
  const { get, checks, clock, remote } = await setUp(t, { maxStaleness: 50 })
  await get()
  t.match(await get(), { body: 'call 1', status: 'hit; ttl=60' })
  const before = checks()
  for (let i = 0; i < 3; i++) t.match(await get(), { body: 'call 1', status: 'hit; ttl=60; detail=bounded' })
  clock.advance(0.05)
  await remote.invalidate(['news'])
  t.match(await get(), { body: 'call 1', status: 'hit; ttl=60; detail=bounded' })
  t.equal(checks(), before)
  clock.advance(0.001)
  t.match(await get(), { body: 'call 2', status: 'fwd=stale; stored; ttl=60; detail=invalidated' })
})

t.test('maxStaleness is milliseconds, or a text with a unit; without it each request is checked', async (t) => {
  for (const [maxStaleness, expected] of [[undefined, false], [0, false], [50, true], ['50ms', true], ['1s', true]]) {
    const { get, clock } = await setUp(t, maxStaleness === undefined ? {} : { maxStaleness: maxStaleness as number })
    await get()
    await get()
    clock.advance(0.05)
    t.equal((await get()).status.endsWith('bounded'), expected, String(maxStaleness))
  }
})

t.test('when the clock cannot be read, a response is served until the time has passed, and no longer', async (t) => {
  const { get, clock, failure } = await setUp(t, { maxStaleness: 50 })
  await get()
  await get()
  failure.error = new Error('The database is not available.')
  t.match(await get(), { status: 'hit; ttl=60; detail=bounded' })
  clock.advance(0.051)
  t.match(await get(), { body: 'call 2', status: /^fwd=miss/ })
})

t.test('what this process invalidates is not served any more', async (t) => {
  const { get, cache } = await setUp(t, { maxStaleness: 1e6 })
  await get()
  await get()
  await cache.invalidateTags(['news'])
  t.match(await get(), { body: 'call 2', status: /^fwd=stale/ })
})

t.test('requests of one batch share a check, and say which of them has none of its own', async (t) => {
  const { get, clock, checks } = await setUp(t, { maxStaleness: 50, vary: ['x-a'] })
  const both = async () => (await Promise.all([get(), get(), get({ 'x-a': '1' })])).map(({ status }) => status)
  await both()
  const before = checks()
  t.same(await both(), Array(3).fill('hit; ttl=60'))
  t.equal(checks(), before + 2)
  t.same(await both(), Array(3).fill('hit; ttl=60; detail=bounded'))
  clock.advance(0.051)
  t.same(await both(), Array(3).fill('hit; ttl=60'))
})

t.test('a response that another one is made from is checked', async (t) => {
  const { app, get, remote } = await setUp(t, { maxStaleness: 1e6 })
  app.get('/outer', { config: { cachePage: 60 } }, async () => (await app.inject('/page')).body)
  const outer = async () => await sendRequest(app, { url: '/outer' })
  await get()
  await get()
  await remote.invalidate(['news'])
  t.match(await get(), { body: 'call 1', status: /bounded/ })
  t.match(await outer(), { body: 'call 2' })
  t.match(await outer(), { body: 'call 2', status: /^hit/ })
})

t.test('a page that is checked does not share the lookup of one that is not, in one batch', async (t) => {
  const { app, get, remote } = await setUp(t, { maxStaleness: 1e6 })
  const requests: Array<Promise<{ body: string }>> = []
  app.get('/outer', { config: { cachePage: 60 } }, async () => {
    requests.push(get())
    return (await app.inject('/page')).body
  })
  await get()
  await get()
  await remote.invalidate(['news'])
  t.equal((await app.inject('/outer')).body, 'call 2')
  t.match(await requests[0], { body: /call/ })
})

t.test('maxStaleness of the plugin is the default of its routes, and such hits count as fresh', async (t) => {
  const { checksAtOnce: _, ...versions } = memoryVersions()
  const cache = createCache({ store: memoryStore(), versions })
  const stats = new CacheStats(cache)
  t.teardown(() => stats.close())
  const app = Fastify()
  await app.register(pageCache, { cache, ttl: 60, maxStaleness: '1h' })
  app.get('/a', { config: { cachePage: { tags: ['a'] } } }, async () => 'a')
  app.get('/b', { config: { cachePage: { tags: ['b'], maxStaleness: 0 } } }, async () => 'b')
  for (let i = 0; i < 2; i++) for (const url of ['/a', '/b']) await app.inject(url)
  t.match(await sendRequest(app, { url: '/a' }), { status: /^hit; ttl=\d+; detail=bounded$/ })
  t.match(await sendRequest(app, { url: '/b' }), { status: /^hit; ttl=\d+$/ })
  const routes = Object.fromEntries(stats.routes)
  t.same([routes['/a']!.hits.count, routes['/a']!.stale, routes['/b']!.hits.count], [2, 0, 2])
  const wrong = Fastify()
  wrong.register(pageCache, { cache, maxStaleness: '50' })
  await t.rejects(async () => await wrong.ready(), {
    message: 'The option maxStaleness of the page cache must be a number of milliseconds from 0 to 2147483648, ' +
      "or a text such as \"50ms\", but is '50'."
  })
})
