import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { type CacheAdapter, createCache, memoryStore, type Store } from '../../src/cache/index.ts'
import { registerMetrics } from '../../src/metrics/registry.ts'
import { CacheStats } from '../../src/metrics/stats.ts'
import { testApp } from '../support/app.ts'
import { startRedis } from '../support/redis.ts'

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

/** Scrapes the metrics of a cache alone. */
async function scrape (cache: CacheAdapter, stats = new CacheStats(cache)): Promise<string> {
  stats.close()
  const registry = new Registry()
  registerMetrics(registry, stats, {})
  return await registry.metrics()
}

/** The samples of a scrape that begin with a name. */
const samples = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name)).sort()

interface Metric { name: string, type: string, labels: string, help: string }

/** Lists the metrics of a scrape, with the labels of their samples. */
function parseMetrics (text: string): Metric[] {
  return Array.from(text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm), ([, name, help, type]) => {
    const labels = new Set<string>()
    for (const line of text.split('\n')) {
      const [, sampled, within = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? []
      if (sampled?.replace(/_(bucket|sum|count)$/, '') !== name && sampled !== name) continue
      for (const [, label] of within.matchAll(/(\w+)="/g)) if (label !== 'le') labels.add(label!)
    }
    return { name: name!, type: type!, labels: [...labels].join(', '), help: help! }
  })
}

/** A service whose metrics all have samples. */
async function busyApp (t: Test) {
  const redis = await startRedis(t)
  const app = await testApp(t, { REDIS_URL: redis.url })
  await app.inject('/')
  await app.inject('/')
  await app.inject({ method: 'POST', url: '/api/products', payload: { title: 'Figs', price: '3' } })
  await app.inject('/apicalls')
  await app.inject('/apicalls')
  return app
}

t.test('/metrics counts hits, misses, deletes, invalidations, loads and bytes', async (t) => {
  const app = await testApp(t)
  await app.inject('/')
  await app.inject('/')
  await app.inject({ method: 'POST', url: '/api/products', payload: { title: 'Figs', price: '3' } })
  await app.inject('/apicalls')
  const page = await app.inject('/apicalls')
  const { headers, body } = await app.inject('/metrics')
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.same(samples(body, 'larder_cache_hits_total'), [
    'larder_cache_hits_total{prefix="page"} 1', 'larder_cache_hits_total{prefix="product_objects"} 1'
  ])
  t.same(samples(body, 'larder_cache_misses_total'), [
    'larder_cache_misses_total{prefix="page",reason="absent"} 1',
    'larder_cache_misses_total{prefix="product_objects",reason="absent"} 1'
  ])
  const values = {
    'larder_cache_deletes_total{prefix="product_objects"}': 1,
    'larder_cache_invalidations_total{cause="delete"}': 1,
    'larder_page_hits_total{route="/apicalls"}': 1,
    'larder_page_misses_total{route="/apicalls",reason="uri-miss"}': 1,
    'larder_cache_load_duration_seconds_count{prefix="page"}': 1,
    'larder_page_hit_duration_seconds_bucket{route="/apicalls",le="+Inf"}': 1,
    'larder_page_answered_bytes_total{route="/apicalls"}': Buffer.byteLength(page.body),
    larder_memory_entries: 1
  }
  for (const [name, value] of Object.entries(values)) t.same(samples(body, name), [`${name} ${value}`])
  t.same(samples(body, 'larder_redis'), [], 'there is no Redis')
  const again = (await app.inject('/metrics')).body
  const name = 'larder_page_hits_total'
  t.same(samples(again, name), [`${name}{route="/apicalls"} 1`], 'a scrape counts nothing')
})

t.test('buckets of histograms are cumulative, and the last one is the count', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const stats = new CacheStats(cache)
  for (const seconds of [0.001, 0.0015, 3, 1000]) stats.prefixes.getOrCreate('k').loads.record(seconds)
  stats.watchers = 7
  const text = await scrape(cache, stats)
  const bucket = (le: string) =>
    samples(text, `larder_cache_load_duration_seconds_bucket{prefix="k",le="${le}"}`)[0]?.split(' ')[1]
  t.same(['0.0005', '0.001', '0.0025', '2.5', '5', '50', '+Inf'].map(bucket), ['0', '1', '2', '2', '3', '3', '4'])
  const sum = 'larder_cache_load_duration_seconds_sum'
  t.same(samples(text, sum), [`${sum}{prefix="k"} 1003.0025`])
  t.same(samples(text, 'larder_dashboard_watchers'), ['larder_dashboard_watchers 7'])
})

t.test('/metrics includes the statistics of the memory store', async (t) => {
  const stats = { entries: 2, bytes: 30, maxBytes: 400, evictions: 5, refusals: 6 }
  const cache = createCache({ store: { ...memoryStore(), stats: () => stats } })
  const text = await scrape(cache)
  for (const line of ['entries 2', 'bytes 30', 'max_bytes 400', 'evictions_total 5', 'refusals_total 6']) {
    t.match(text, `larder_memory_${line}\n`)
  }
})

t.test('/metrics has no memory metrics if the store has no statistics', async (t) => {
  const { stats: _, ...store } = memoryStore()
  t.same(samples(await scrape(createCache({ store: store as Store })), 'larder_memory'), [])
})

t.test('docs/metrics.md lists the metrics of a scrape, with their labels and help texts', async (t) => {
  const { body } = await (await busyApp(t)).inject('/metrics')
  const scraped = parseMetrics(body)
  const rows = read('metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm)
  const documented = Array.from(rows, ([, name, type, labels, help]): Metric =>
    ({ name: name!, type: type!, labels: labels!.replaceAll('`', ''), help: help! }))
  const ours = (metrics: Metric[]) =>
    metrics.filter(({ name }) => name.startsWith('larder_')).map(({ name, type }) => `${name} ${type}`).sort()
  t.ok(ours(scraped).length > 25)
  t.same(ours(documented), ours(scraped))
  for (const { name, labels, help } of scraped) {
    const row = documented.find((metric) => metric.name === name)
    t.ok(row, `${name} is documented`)
    if (!name.startsWith('larder_')) continue
    if (labels !== '') t.equal(row?.labels, labels, name)
    t.equal(row?.help, help, name)
  }
})

t.test('names of metrics follow the conventions of Prometheus', async (t) => {
  const { body } = await (await busyApp(t)).inject('/metrics')
  for (const { name, type } of parseMetrics(body).filter(({ name }) => name.startsWith('larder_'))) {
    t.equal(name.endsWith('_total'), type === 'counter', name)
    if (type === 'histogram') t.match(name, /_seconds$/)
    t.notMatch(name, /_(ms|milliseconds|kb|mb|percent)(_|$)/)
  }
  t.notMatch(body, /localhost|127\.0\.0\.1/, 'no URL')
})

t.test('docs/grafana-dashboard.json queries metrics that exist', async (t) => {
  const { body } = await (await busyApp(t)).inject('/metrics')
  const parts = (name: string) => [`${name}_bucket`, `${name}_sum`, `${name}_count`]
  const known = new Set(parseMetrics(body).flatMap(({ name, type }) => type === 'histogram' ? parts(name) : [name]))
  interface Dashboard { panels: Array<{ title: string, targets?: Array<{ expr: string }> }> }
  const dashboard = JSON.parse(read('grafana-dashboard.json')) as Dashboard
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  t.ok(queries.length > 10)
  const used = new Set(queries.flatMap((expr) => expr.match(/\b(?:larder|process|nodejs)_\w+/g) ?? []))
  t.ok(used.size > 10)
  for (const name of used) t.ok(known.has(name), name)
  for (const expr of queries) t.match(expr, /larder_|process_|nodejs_/, expr)
})
