import { channel } from 'node:diagnostics_channel'
import t from 'tap'
import { createCache, memoryStore, type Store } from '../../src/cache/index.ts'
import { recordInvalidations } from '../../src/dashboard/invalidations.ts'
import { createMetrics } from '../../src/dashboard/metrics.ts'
import { PAGE_CHANNEL, type PageEvent } from '../../src/page-cache/index.ts'
import { testApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { startRedis } from '../support/redis.ts'

/** The samples of a scrape that begin with a name. */
const samples = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name))

t.test('metrics tell what the caches did', async (t) => {
  const app = await testApp(t)
  await app.inject('/')
  await app.inject('/')
  await app.inject({ method: 'POST', url: '/api/products', payload: { title: 'Figs', price: '3' } })
  await app.inject('/apicalls')
  await app.inject('/apicalls')
  const { headers, body } = await app.inject('/metrics')
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.same(samples(body, 'larder_cache_reads_total').sort(), [
    'larder_cache_reads_total{prefix="page",result="hit"} 1',
    'larder_cache_reads_total{prefix="page",result="miss"} 1',
    'larder_cache_reads_total{prefix="product_objects",result="hit"} 1',
    'larder_cache_reads_total{prefix="product_objects",result="miss"} 1'
  ])
  t.same(samples(body, 'larder_cache_misses_total{prefix="page"'), ['larder_cache_misses_total{prefix="page",reason="absent"} 1'])
  t.same(samples(body, 'larder_cache_writes_total{prefix="product_objects"').sort(), [
    'larder_cache_writes_total{prefix="product_objects",operation="delete"} 1',
    'larder_cache_writes_total{prefix="product_objects",operation="set"} 1'
  ])
  t.same(samples(body, 'larder_page_answers_total').sort(), [
    'larder_page_answers_total{route="/apicalls",status="hit"} 1',
    'larder_page_answers_total{route="/apicalls",status="uri-miss"} 1'
  ])
  t.same(samples(body, 'larder_cache_load_seconds_count{prefix="page"}'), ['larder_cache_load_seconds_count{prefix="page"} 1'])
  t.same(samples(body, 'larder_memory_'), ['larder_memory_entries 1', samples(body, 'larder_memory_bytes')[0], 'larder_memory_evictions 0', 'larder_memory_refusals 0'])
  t.match(body, /^process_cpu_seconds_total/m)
})

t.test('metrics tell what was loaded and not kept', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const metrics = createMetrics(cache)
  t.teardown(() => metrics.close())
  await cache.getOrSet('list:1', async () => { await cache.delete('list:1'); return 1 })
  t.same(samples(await metrics.registry.metrics(), 'larder_cache_refusals_total'), ['larder_cache_refusals_total{prefix="list",reason="revoked"} 1'])
})

t.test('metrics count only their own cache, and few prefixes', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const other = createCache({ store: memoryStore() })
  const metrics = createMetrics(cache)
  await other.get('theirs:1')
  channel(PAGE_CHANNEL).publish({ cache: other, route: '/theirs', status: { hit: true }, ms: 1 } satisfies PageEvent)
  for (let i = 0; i < 60; i++) await cache.get(`p${i}:x`)
  await cache.clear()
  await cache.invalidateTags(['counted nowhere'])
  const text = await metrics.registry.metrics()
  t.notMatch(text, 'theirs')
  t.equal(samples(text, 'larder_cache_reads_total').length, 51)
  t.match(text, 'larder_cache_reads_total{prefix="other",result="miss"} 10')
  metrics.close()
  await cache.get('p0:x')
  t.equal(samples(await metrics.registry.metrics(), 'larder').length, 0, 'nothing after the end')
})

t.test('metrics count stale answers and failures', async (t) => {
  const clock = fakeClock()
  const store: Store = memoryStore({ now: clock.now })
  const cache = createCache({ store, now: clock.now })
  const metrics = createMetrics(cache)
  t.teardown(() => metrics.close())
  await cache.getOrSet('k', () => 1, { ttl: 1, staleIfError: 60 })
  clock.advance(2)
  await cache.getOrSet('k', () => { throw new Error('down') }, { ttl: 1, staleIfError: 60 })
  const text = await metrics.registry.metrics()
  t.match(text, 'larder_cache_reads_total{prefix="k",result="stale"} 1')
  t.match(text, 'larder_cache_errors_total{operation="load"} 1')
})

t.test('the last invalidations are remembered, with what they named', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore() })
  const record = recordInvalidations(cache, clock.now)
  await createCache({ store: memoryStore() }).delete('theirs')
  await cache.deleteMany(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  await cache.invalidateTags(['menu'])
  await cache.clear()
  await cache.sweep({ prefix: 'page:' })
  t.same(record.last, [
    { at: '2026-01-01T00:00:00.000Z', cause: 'clear', keys: 'page:…' },
    { at: '2026-01-01T00:00:00.000Z', cause: 'clear', keys: 'everything' },
    { at: '2026-01-01T00:00:00.000Z', cause: 'tags', keys: 'menu' },
    { at: '2026-01-01T00:00:00.000Z', cause: 'delete', keys: 'a, b, c, d, e and 2 more' }
  ])
  for (let i = 0; i < 30; i++) await cache.delete('x')
  t.equal(record.last.length, 20)
  record.close()
  await cache.delete('after')
  t.notMatch(JSON.stringify(record.last), 'after')
})

t.test('the page shows them', async (t) => {
  const app = await testApp(t)
  t.match((await app.inject('/cache')).body, /No key has been asked for yet/)
  await app.inject('/')
  await app.inject('/')
  await app.inject('/apicalls')
  await app.inject({ method: 'DELETE', url: '/api/products/1' })
  const { statusCode, headers, body } = await app.inject('/cache')
  t.equal(statusCode, 200)
  t.match(headers['cache-control'], 'no-cache')
  for (const word of ['memory', 'product_objects', '50.0%', '/apicalls', 'uri-miss', 'delete']) t.match(body, word)
})

t.test('the page shows the state of Redis', async (t) => {
  const redis = await startRedis(t)
  const app = await testApp(t, { REDIS_URL: redis.url })
  const { body } = await app.inject('/cache')
  t.match(body, /<dt>Redis<\/dt>\s*<dd>ready<\/dd>/)
  t.equal(samples((await app.inject('/metrics')).body, 'larder_memory_entries ').length, 1)
})

t.test('beyond loopback the page wants the token', async (t) => {
  const app = await testApp(t, { HOST: '0.0.0.0', ADMIN_TOKEN: 'sesame' })
  const refused = await app.inject('/cache')
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['www-authenticate'], 'Basic realm="Larder"')
  t.equal((await app.inject({ url: '/cache', headers: { authorization: 'Bearer sesame' } })).statusCode, 200)
  t.equal((await app.inject('/metrics')).statusCode, 200)
})
