import type { Worker } from 'node:cluster'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { createViewModel, processFigures } from '../../../src/dashboard/view/view-model.ts'
import type { Gauge } from '../../../src/metrics/gauges.ts'
import { registerMetrics } from '../../../src/metrics/registry.ts'
import { CacheStats } from '../../../src/metrics/stats.ts'

/** Statistics whose numbers all differ, so that none can be shown in the place of another. */
function setUp (t: Test) {
  const cache = createCache({ store: memoryStore() })
  const stats = new CacheStats(cache)
  t.teardown(() => stats.close())
  const times = (n: number, work: () => void) => { for (let i = 0; i < n; i++) work() }

  const menu = stats.prefixes.getOrCreate('menu')
  times(7, () => menu.hits.record(0.001))
  times(3, () => menu.misses.add('absent'))
  times(2, () => menu.misses.add('expired'))
  menu.stale = 1
  times(9, () => menu.loads.record(0.5))
  menu.loads.record(20)
  menu.saved = 11
  menu.bytes = 2048
  menu.sets = 13
  menu.deletes = 17
  times(4, () => menu.refusals.add('outdated'))

  const page = stats.routes.getOrCreate('/page')
  times(99, () => page.hits.record(0.002))
  page.hits.record(0.9)
  page.stale = 6
  times(8, () => page.misses.record(3))
  times(8, () => page.reasons.add('uri-miss'))
  page.saved = 23
  page.bytes = 4096

  // Lookups of pages have a row of their own, and are not part of the totals.
  times(500, () => stats.prefixes.getOrCreate('page').hits.record(0.0001))
  stats.watchers = 5
  return stats
}

t.test('createViewModel shows the event loop and the figures of the application', (t) => {
  const stats = setUp(t)
  const figures = { p50: 0.0001, p99: 0.0021, max: 0.031, utilization: 0.034 }
  Object.defineProperty(stats.eventLoop, 'figures', { value: figures })
  const gauge = (label: string, value: number | undefined, unit?: Gauge['unit']): Gauge =>
    ({ label, name: 'x', help: '', ...unit && { unit }, read: () => value })
  const fail = () => { throw new Error('gone') }
  t.same(createViewModel(stats, [], [
    gauge('Jobs', 1234), gauge('Wait', 0.5, 'seconds'), gauge('Size', 2048, 'bytes'), gauge('Share', 0.5, 'ratio'),
    gauge('Users', 7, 'count'), gauge('Nothing', undefined), { ...gauge('Failing', 1), read: fail }
  ]).figures.slice(-10), [
    ['Event-loop delay p50 / p99 / max', '0.100 ms / 2.1 ms / 31 ms'], ['Event-loop utilisation', '3.4%'],
    ['Jobs', '1,234'], ['Wait', '500 ms'], ['Size', '2.0 KiB'], ['Share', '50.0%'],
    ['Users', '7'], ['Nothing', '–'], ['Failing', '–'], ['Watching', '5']
  ])
  t.end()
})

t.test('createViewModel shows each figure in its row and column', (t) => {
  const stats = setUp(t)
  const { figures, tables } = createViewModel(stats, [])
  t.same(figures.slice(0, 5), [
    ['Hit ratio', '84.9%'], ['Hits', '107'], ['Misses', '12'], ['Stale responses', '7'], ['Load time saved', '34.0 s']
  ])
  t.same(figures.at(-1), ['Watching', '5'])
  const row = (caption: string, name: string) => {
    const { columns, rows } = tables.find((table) => table.caption === caption)!
    return Object.fromEntries(rows.find(([first]) => first === name)!.map((cell, i) => [columns[i]![0], cell]))
  }
  t.same(row('Pages by route', '/page'), {
    Route: '/page',
    Hits: '100',
    Misses: '8',
    Reasons: 'uri-miss 8',
    Stale: '6',
    Saved: '23.0 s',
    Bytes: '4.0 KiB',
    'Hit p50 / p99': '1.9 ms / 2.0 ms',
    'Miss p50 / p99': '2.75 s / 3.00 s'
  })
  t.same(row('Keys by prefix', 'menu'), {
    Prefix: 'menu',
    Hits: '7',
    Misses: '5',
    Reasons: 'absent 3, expired 2',
    Stale: '1',
    Saved: '11.0 s',
    Bytes: '2.0 KiB',
    'Hit p50 / p99': '0.950 ms / 0.999 ms',
    'Miss p50 / p99': '456 ms / 19.8 s'
  })
  t.end()
})

t.test('createViewModel shows the time, cause and names of invalidations', async (t) => {
  const stats = setUp(t)
  const at = Date.UTC(2026, 0, 1)
  const invalidations = [
    { at, cause: 'change', names: ['menu'], total: 1, key: 'x'.repeat(81) },
    { at, cause: 'change', names: ['products:7'], total: 1, key: 'menu' },
    { at, cause: 'tags', names: ['menu'], total: 1 },
    { at, cause: 'clear', names: ['page:'], total: 1 },
    { at, cause: 'clear', names: [], total: 0 },
    { at, cause: 'delete', names: ['a', 'b', 'c', 'd', 'e', 'f'], total: 1_005 }
  ] as const
  const { tables } = createViewModel(stats, invalidations)
  const time = '2026-01-01T00:00:00.000Z'
  t.same(tables.at(-1)!.rows, [
    [time, 'The data changed, by this or another process or program', 'table or tag menu', `${'x'.repeat(80)}…`],
    [time, 'The data changed, by this or another process or program', 'table products, row 7', 'menu'],
    [time, 'Tags were invalidated by this process', 'menu', ''],
    [time, 'The cache was cleared by this process', 'page:*', ''],
    [time, 'The cache was cleared by this process', 'everything', ''],
    [time, 'Keys were deleted by this process', 'a, b, c, d, e and 1,000 more', '']
  ])
})

t.test('registerMetrics gives each figure its name', async (t) => {
  const stats = setUp(t)
  const registry = new Registry()
  registerMetrics(registry, stats, {})
  const text = await registry.metrics()
  for (const line of [
    'larder_cache_hits_total{prefix="menu"} 7',
    'larder_cache_misses_total{prefix="menu",reason="absent"} 3',
    'larder_cache_misses_total{prefix="menu",reason="expired"} 2',
    'larder_cache_stale_answers_total{prefix="menu"} 1',
    'larder_cache_load_saved_seconds_total{prefix="menu"} 11',
    'larder_cache_answered_bytes_total{prefix="menu"} 2048',
    'larder_cache_sets_total{prefix="menu"} 13',
    'larder_cache_deletes_total{prefix="menu"} 17',
    'larder_cache_refusals_total{prefix="menu",reason="outdated"} 4',
    'larder_cache_hit_duration_seconds_count{prefix="menu"} 7',
    'larder_cache_load_duration_seconds_count{prefix="menu"} 10',
    'larder_cache_load_duration_seconds_sum{prefix="menu"} 24.5',
    'larder_page_hits_total{route="/page"} 100',
    'larder_page_misses_total{route="/page",reason="uri-miss"} 8',
    'larder_page_stale_answers_total{route="/page"} 6',
    'larder_page_load_saved_seconds_total{route="/page"} 23',
    'larder_page_answered_bytes_total{route="/page"} 4096',
    'larder_page_hit_duration_seconds_count{route="/page"} 100',
    'larder_page_miss_duration_seconds_sum{route="/page"} 24'
  ]) t.ok(text.includes(`${line}\n`), line)
})

t.test('a worker of node:cluster names itself, because its figures are its own', async (t) => {
  const worker = { id: 2, process: { pid: 4711 } } as Worker
  t.same(processFigures({ worker }), [['Process', 'worker 2, pid 4711']])
  t.same(processFigures({}), [])
  t.same(processFigures(), [])
})
