import { channel } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { type Cache, createCache, memoryStore, REDIS_CHANNEL, type RedisClient, type RedisEvent } from '../../../src/cache/index.ts'
import { CacheStats } from '../../../src/dashboard/metrics/stats.ts'
import { PAGE_CHANNEL, type PageEvent } from '../../../src/page-cache/index.ts'
import { fakeClock } from '../../support/clock.ts'

function setUp (t: Test) {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const redis = {} as RedisClient
  const tally = new CacheStats({ cache, redis })
  t.teardown(() => tally.close())
  const answer = (status: PageEvent['status'], more: Partial<PageEvent> = {}) => {
    channel(PAGE_CHANNEL).publish({ cache, route: '/list', status, ms: 10, ...more } satisfies PageEvent)
  }
  return { clock, cache, redis, tally, answer }
}

t.test('reads, loads and writes are counted by the prefix of the key', async (t) => {
  const { cache, clock, tally } = setUp(t)
  const load = () => { clock.advance(2); return 'soup' }
  const options = { ttl: 10, staleIfError: 60 }
  await cache.getOrSet('menu:1', load, options)
  await cache.getOrSet('menu:1', load, options)
  await cache.getOrSet('plain', () => 1)
  clock.advance(10)
  await cache.getOrSet('menu:1', () => { throw new Error('down') }, options)
  await cache.deleteMany(['menu:1', 'menu:2'])
  await cache.getOrSet('menu:3', async () => { await cache.delete('menu:3'); return 1 })

  const menu = tally.keys.of('menu')
  t.equal(menu.hits.count, 1)
  t.same([...menu.misses], [['absent', 2], ['expired', 1]])
  t.equal(menu.stale, 1)
  t.equal(menu.loads.count, 2)
  t.equal(menu.loads.sum, 2)
  t.equal(menu.saved, 4, 'of the hit and of the stale answer')
  t.equal(menu.bytes, 2 * 5)
  t.equal(menu.sets, 1)
  t.equal(menu.deletes, 3)
  t.same([...menu.refusals], [['revoked', 1]])
  t.same([...tally.errors], [['load', 1]])
  t.equal(tally.keys.of('plain').loads.count, 1)
})

t.test('invalidations are counted by what was called', async (t) => {
  const { cache, tally } = setUp(t)
  await cache.delete('a')
  await cache.invalidateTags(['x', 'y'])
  await cache.clear()
  await cache.clear()
  t.same([...tally.invalidations], [['delete', 1], ['tags', 1], ['clear', 2]])
})

t.test('each answer of a route is a hit, a stale one or a miss', async (t) => {
  const { tally, answer } = setUp(t)
  answer({ hit: true }, { bytes: 100, loadMs: 2000 })
  answer({ hit: true, detail: 'stale-while-revalidate' }, { bytes: 100, loadMs: 2000 })
  answer({ fwd: 'stale', fwdStatus: 502, detail: 'stale-if-error' }, { bytes: 10, loadMs: 500 })
  answer({ fwd: 'stale', detail: 'invalidated', stored: true })
  answer({ fwd: 'stale', stored: true })
  answer({ fwd: 'uri-miss', detail: 'no-store' })
  answer({ detail: 'only-if-cached' })
  answer({ hit: true })
  const route = tally.routes.of('/list')
  t.equal(route.hits.count, 2)
  t.equal(route.stale, 2)
  t.equal(route.misses.count, 4)
  t.same([...route.reasons], [['invalidated', 1], ['stale', 1], ['uri-miss', 1], ['only-if-cached', 1]])
  t.equal(route.saved, 4.5)
  t.equal(route.bytes, 210)
})

t.test('all that was asked counts once: of pages their answers, of other keys their reads', async (t) => {
  const { cache, clock, tally, answer } = setUp(t)
  const load = () => { clock.advance(2); return 'soup' }
  const options = { ttl: 10, staleIfError: 60 }
  for (const key of ['menu', 'page:1', 'page:2']) {
    await cache.getOrSet(key, load, options)
    await cache.getOrSet(key, load, options)
  }
  clock.advance(10)
  await cache.getOrSet('menu', () => { throw new Error('down') }, options)
  answer({ fwd: 'uri-miss' })
  answer({ hit: true }, { loadMs: 1000 })
  answer({ hit: true, detail: 'stale-while-revalidate' }, { loadMs: 1000 })
  const { hits, stale, misses, loads, saved } = tally.totals()
  t.same({ hits: hits.count, stale, misses, loads: loads.count, saved }, { hits: 2, stale: 2, misses: 2, loads: 3, saved: 6 })
})

t.test('commands to Redis are counted by how they ended', async (t) => {
  const { tally, redis } = setUp(t)
  const tell = (event: Partial<RedisEvent>) => channel(REDIS_CHANNEL).publish({ client: redis, command: 'GET', outcome: 'ok', ms: 1, ...event })
  tell({})
  tell({ outcome: 'timeout' })
  tell({ client: {} as RedisClient })
  t.same(Array.from(tally.commands.of('GET'), ([outcome, { count }]) => [outcome, count]), [['ok', 1], ['timeout', 1]])
})

t.test('it counts its own cache alone, few prefixes, and nothing after its end', async (t) => {
  const { cache, tally, answer } = setUp(t)
  const other: Cache = createCache({ store: memoryStore() })
  await other.get('theirs:1')
  answer({ hit: true }, { cache: other, route: '/theirs' })
  for (let i = 0; i < 60; i++) await cache.get(`p${i}:x`)
  const prefixes = Array.from(tally.keys, ([prefix]) => prefix)
  t.equal(prefixes.length, 51)
  t.notOk(prefixes.includes('theirs'))
  t.equal(tally.keys.of('other').misses.total, 10)
  t.same([...tally.routes], [])
  tally.close()
  await cache.get('p0:x')
  t.equal(tally.keys.of('p0').misses.total, 1)
})
