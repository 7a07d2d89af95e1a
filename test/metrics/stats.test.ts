import { channel } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import {
  type CacheAdapter, createCache, memoryStore, REDIS_CHANNEL, type RedisClient, type RedisEvent
} from '../../src/cache/index.ts'
import { CacheStats } from '../../src/metrics/stats.ts'
import { PAGE_CHANNEL, type PageEvent } from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'

function setUp (t: Test) {
  const clock = fakeClock()
  const redis = {} as RedisClient
  const store = { ...memoryStore({ now: clock.now }), connection: redis }
  const cache = createCache({ store, now: clock.now })
  const stats = new CacheStats(cache)
  t.teardown(() => stats.close())
  const emitResponse = (status: PageEvent['status'], more: Partial<PageEvent> = {}) => {
    channel(PAGE_CHANNEL).publish({ cache, route: '/list', status, ms: 10, ...more } satisfies PageEvent)
  }
  return { clock, cache, redis, stats, emitResponse }
}

t.test('CacheStats counts reads, loads and writes by the prefix of the key', async (t) => {
  const { cache, clock, stats } = setUp(t)
  const load = () => { clock.advance(2); return 'soup' }
  const options = { ttl: 10, staleIfError: 60 }
  await cache.getOrSet('menu:1', load, options)
  await cache.getOrSet('menu:1', load, options)
  await cache.getOrSet('plain', () => 1)
  clock.advance(10)
  await cache.getOrSet('menu:1', () => { throw new Error('down') }, options)
  await cache.deleteMany(['menu:1', 'menu:2'])
  await cache.getOrSet('menu:3', async () => { await cache.delete('menu:3'); return 1 })

  const menu = stats.prefixes.getOrCreate('menu')
  t.equal(menu.hits.count, 1)
  t.same([...menu.misses], [['absent', 2], ['expired', 1]])
  t.equal(menu.stale, 1)
  t.equal(menu.loads.count, 2)
  t.equal(menu.loads.sum, 2)
  t.equal(menu.saved, 4, 'of the hit and of the stale value')
  t.equal(menu.bytes, 2 * 6)
  t.equal(menu.sets, 1)
  t.equal(menu.deletes, 3)
  t.same([...menu.refusals], [['revoked', 1]])
  t.same([...stats.errors], [['load', 1]])
  t.equal(stats.prefixes.getOrCreate('plain').loads.count, 1)
})

t.test('CacheStats counts invalidations by cause: delete, tags or clear', async (t) => {
  const { cache, stats } = setUp(t)
  await cache.delete('a')
  await cache.invalidateTags(['x', 'y'])
  await cache.clear()
  await cache.clear()
  t.same([...stats.invalidations], [['delete', 1], ['tags', 1], ['clear', 2]])
})

t.test('CacheStats counts each response of a route as a hit, stale or a miss', async (t) => {
  const { stats, emitResponse } = setUp(t)
  emitResponse({ hit: true }, { bytes: 100, loadMs: 2000 })
  emitResponse({ hit: true, detail: 'stale-while-revalidate' }, { bytes: 100, loadMs: 2000 })
  emitResponse({ fwd: 'stale', fwdStatus: 502, detail: 'stale-if-error' }, { bytes: 10, loadMs: 500 })
  emitResponse({ fwd: 'stale', detail: 'invalidated', stored: true })
  emitResponse({ fwd: 'stale', stored: true })
  emitResponse({ fwd: 'uri-miss', detail: 'no-store' })
  emitResponse({ detail: 'only-if-cached' })
  emitResponse({ hit: true })
  const route = stats.routes.getOrCreate('/list')
  t.equal(route.hits.count, 2)
  t.equal(route.stale, 2)
  t.equal(route.misses.count, 4)
  t.same([...route.reasons], [['invalidated', 1], ['stale', 1], ['uri-miss', 1], ['only-if-cached', 1]])
  t.equal(route.saved, 4.5)
  t.equal(route.bytes, 210)
})

t.test('totals counts pages by response and other keys by read', async (t) => {
  const { cache, clock, stats, emitResponse } = setUp(t)
  const load = () => { clock.advance(2); return 'soup' }
  const options = { ttl: 10, staleIfError: 60 }
  for (const key of ['menu', 'page:1', 'page:2']) {
    await cache.getOrSet(key, load, options)
    await cache.getOrSet(key, load, options)
  }
  clock.advance(10)
  await cache.getOrSet('menu', () => { throw new Error('down') }, options)
  emitResponse({ fwd: 'uri-miss' })
  emitResponse({ hit: true }, { loadMs: 1000 })
  emitResponse({ hit: true, detail: 'stale-while-revalidate' }, { loadMs: 1000 })
  const { hits, stale, misses, loads, saved } = stats.totals()
  const expected = { hits: 2, stale: 2, misses: 2, loads: 3, saved: 6 }
  t.same({ hits: hits.count, stale, misses, loads: loads.count, saved }, expected)
})

t.test('CacheStats counts Redis commands by outcome', async (t) => {
  const { stats, redis } = setUp(t)
  const emitCommand = (event: Partial<RedisEvent>) => {
    channel(REDIS_CHANNEL).publish({ client: redis, command: 'GET', outcome: 'ok', ms: 1, ...event })
  }
  emitCommand({})
  emitCommand({ outcome: 'timeout' })
  emitCommand({ client: {} as RedisClient })
  const counts = Array.from(stats.commands.getOrCreate('GET'), ([outcome, { count }]) => [outcome, count])
  t.same(counts, [['ok', 1], ['timeout', 1]])
})

t.test('CacheStats ignores other caches, limits the number of prefixes, and stops at close', async (t) => {
  const { cache, stats, emitResponse } = setUp(t)
  const other: CacheAdapter = createCache({ store: memoryStore() })
  await other.get('theirs:1')
  emitResponse({ hit: true }, { cache: other, route: '/theirs' })
  for (let i = 0; i < 60; i++) await cache.get(`p${i}:x`)
  const prefixes = Array.from(stats.prefixes, ([prefix]) => prefix)
  t.equal(prefixes.length, 51)
  t.notOk(prefixes.includes('theirs'))
  t.equal(stats.prefixes.getOrCreate('other').misses.total, 10)
  t.same([...stats.routes], [])
  stats.close()
  await cache.get('p0:x')
  t.equal(stats.prefixes.getOrCreate('p0').misses.total, 1)
})
