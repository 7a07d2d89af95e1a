import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createCache, memoryStore, type Store } from '../../../src/cache/index.ts'
import { createMetrics } from '../../../src/dashboard/metrics/prometheus.ts'
import { CacheStats } from '../../../src/dashboard/metrics/stats.ts'
import { testApp } from '../../support/app.ts'
import { startRedis } from '../../support/redis.ts'

const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')

/** The samples of a scrape that begin with a name. */
const samples = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name)).sort()

interface Metric { name: string, type: string, labels: string }

/** The metrics of a scrape, with the labels of their samples. */
function metricsIn (text: string): Metric[] {
  return Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name, type]) => {
    const labels = new Set<string>()
    for (const line of text.split('\n')) {
      const [, sampled, within = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? []
      if (sampled?.replace(/_(bucket|sum|count)$/, '') !== name && sampled !== name) continue
      for (const [, label] of within.matchAll(/(\w+)="/g)) if (label !== 'le') labels.add(label!)
    }
    return { name: name!, type: type!, labels: [...labels].join(', ') }
  })
}

/** A service of which all has been asked that metrics tell about. */
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

t.test('a scrape tells what the caches did', async (t) => {
  const app = await testApp(t)
  await app.inject('/')
  await app.inject('/')
  await app.inject({ method: 'POST', url: '/api/products', payload: { title: 'Figs', price: '3' } })
  await app.inject('/apicalls')
  const page = await app.inject('/apicalls')
  const { headers, body } = await app.inject('/metrics')
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.same(samples(body, 'larder_cache_hits_total'), ['larder_cache_hits_total{prefix="page"} 1', 'larder_cache_hits_total{prefix="product_objects"} 1'])
  t.same(samples(body, 'larder_cache_misses_total'), [
    'larder_cache_misses_total{prefix="page",reason="absent"} 1', 'larder_cache_misses_total{prefix="product_objects",reason="absent"} 1'
  ])
  t.same(samples(body, 'larder_cache_deletes_total{prefix="product_objects"'), ['larder_cache_deletes_total{prefix="product_objects"} 1'])
  t.same(samples(body, 'larder_cache_invalidations_total'), ['larder_cache_invalidations_total{cause="delete"} 1'])
  t.same(samples(body, 'larder_page_hits_total'), ['larder_page_hits_total{route="/apicalls"} 1'])
  t.same(samples(body, 'larder_page_misses_total'), ['larder_page_misses_total{route="/apicalls",reason="uri-miss"} 1'])
  t.same(samples(body, 'larder_cache_load_duration_seconds_count{prefix="page"}'), ['larder_cache_load_duration_seconds_count{prefix="page"} 1'])
  t.same(samples(body, 'larder_page_hit_duration_seconds_bucket{route="/apicalls",le="+Inf"}'), ['larder_page_hit_duration_seconds_bucket{route="/apicalls",le="+Inf"} 1'])
  t.same(samples(body, 'larder_page_answered_bytes_total'), [`larder_page_answered_bytes_total{route="/apicalls"} ${Buffer.byteLength(page.body)}`])
  t.same(samples(body, 'larder_memory_entries'), ['larder_memory_entries 1'])
  t.same(samples(body, 'larder_redis'), [], 'there is none')
  t.same(samples((await app.inject('/metrics')).body, 'larder_page_hits_total'), ['larder_page_hits_total{route="/apicalls"} 1'], 'a scrape counts nothing')
})

t.test('buckets are cumulative, and add up to the count', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const tally = new CacheStats({ cache })
  t.teardown(() => tally.close())
  for (const seconds of [0.001, 0.0015, 3, 1000]) tally.keys.of('k').loads.record(seconds)
  const registry = createMetrics({ cache, tally, redis: false, watchers: () => 7 })
  const text = await registry.metrics()
  const bucket = (le: string) => samples(text, `larder_cache_load_duration_seconds_bucket{prefix="k",le="${le}"}`)[0]?.split(' ')[1]
  t.same(['0.0005', '0.001', '0.0025', '2.5', '5', '50', '+Inf'].map(bucket), ['0', '1', '2', '2', '3', '3', '4'])
  t.same(samples(text, 'larder_cache_load_duration_seconds_sum'), ['larder_cache_load_duration_seconds_sum{prefix="k"} 1003.0025'])
  t.same(samples(text, 'larder_dashboard_watchers'), ['larder_dashboard_watchers 7'])
})

t.test('a scrape tells of the store in this process', async (t) => {
  const stats = { entries: 2, bytes: 30, maxBytes: 400, evictions: 5, refusals: 6 }
  const cache = createCache({ store: { ...memoryStore(), stats: () => stats } })
  const tally = new CacheStats({ cache })
  t.teardown(() => tally.close())
  const text = await createMetrics({ cache, tally, redis: false, watchers: () => 0 }).metrics()
  const names = { entries: 'entries', bytes: 'bytes', maxBytes: 'max_bytes', evictions: 'evictions_total', refusals: 'refusals_total' }
  for (const [name, metric] of Object.entries(names)) t.match(text, `larder_memory_${metric} ${stats[name as keyof typeof stats]}\n`)
})

t.test('a store that tells nothing of itself has no metrics of its own', async (t) => {
  const { stats: _, ...store } = memoryStore()
  const cache = createCache({ store: store as Store })
  const tally = new CacheStats({ cache })
  t.teardown(() => tally.close())
  t.same(samples(await createMetrics({ cache, tally, redis: false, watchers: () => 0 }).metrics(), 'larder_memory'), [])
})

t.test('docs/metrics.md lists what a scrape gives, and nothing else', async (t) => {
  const { body } = await (await busyApp(t)).inject('/metrics')
  const scraped = metricsIn(body)
  const documented = Array.from(read('metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm), ([, name, type, labels]) => ({ name: name!, type: type!, labels: labels!.replaceAll('`', '') }))
  const ours = (metrics: Metric[]) => metrics.filter(({ name }) => name.startsWith('larder_')).map(({ name, type }) => `${name} ${type}`).sort()
  t.ok(ours(scraped).length > 25)
  t.same(ours(documented), ours(scraped))
  for (const { name, labels } of scraped) {
    const told = documented.find((metric) => metric.name === name)
    t.ok(told, `${name} is documented`)
    if (labels !== '' && name.startsWith('larder_')) t.equal(told?.labels, labels, name)
  }
})

t.test('names follow the conventions of Prometheus', async (t) => {
  const { body } = await (await busyApp(t)).inject('/metrics')
  for (const { name, type } of metricsIn(body).filter(({ name }) => name.startsWith('larder_'))) {
    t.equal(name.endsWith('_total'), type === 'counter', name)
    if (type === 'histogram') t.match(name, /_seconds$/)
    t.notMatch(name, /_(ms|milliseconds|kb|mb|percent)(_|$)/)
  }
  t.notMatch(body, /localhost|127\.0\.0\.1/, 'no URL')
})

t.test('the Grafana dashboard asks for metrics that exist', async (t) => {
  const { body } = await (await busyApp(t)).inject('/metrics')
  const known = new Set(metricsIn(body).flatMap(({ name, type }) => type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]))
  const dashboard = JSON.parse(read('grafana-dashboard.json')) as { panels: Array<{ title: string, targets?: Array<{ expr: string }> }> }
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  t.ok(queries.length > 10)
  const used = new Set(queries.flatMap((expr) => expr.match(/\b(?:larder|process|nodejs)_\w+/g) ?? []))
  t.ok(used.size > 10)
  for (const name of used) t.ok(known.has(name), name)
  for (const expr of queries) t.match(expr, /larder_|process_|nodejs_/, expr)
})
