import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client'
import t from 'tap'
import { type MetricJson, MetricsArchive } from '../../src/workers/metrics-archive.ts'

/** Metrics of a worker that has answered `n` requests. */
async function metricsAfter (n: number): Promise<MetricJson[]> {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'answers_total', help: 'a', labelNames: ['route'], registers }).inc({ route: '/' }, n)
  new Gauge({ name: 'entries', help: 'e', registers }).set(n)
  new Histogram({ name: 'duration_seconds', help: 'd', buckets: [1], registers }).observe(n)
  return await registry.getMetricsAsJSON() as unknown as MetricJson[]
}

const write = async (archive: MetricsArchive) => {
  const text = await AggregatorRegistry.aggregate(archive.list() as never).metrics()
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

t.test('a sum over workers keeps the counts of workers that have ended, and drops their gauges', async (t) => {
  const archive = new MetricsArchive()
  archive.record(1, await metricsAfter(10))
  archive.record(2, await metricsAfter(3))
  const before = [
    'answers_total{route="/"} 13', 'entries 13', 'duration_seconds_bucket{le="1"} 0',
    'duration_seconds_bucket{le="+Inf"} 2', 'duration_seconds_sum 13', 'duration_seconds_count 2'
  ]
  t.same(await write(archive), before)
  archive.end(1)
  const [answers, , ...durations] = before
  t.same(await write(archive), [answers, 'entries 3', ...durations])
  archive.record(3, await metricsAfter(1))
  archive.end(2)
  archive.end(7)
  t.same(await write(archive), [
    'answers_total{route="/"} 14', 'entries 1', 'duration_seconds_bucket{le="1"} 1',
    'duration_seconds_bucket{le="+Inf"} 3', 'duration_seconds_sum 14', 'duration_seconds_count 3'
  ])
})

t.test('what is remembered of ended workers does not grow with their number', async (t) => {
  const archive = new MetricsArchive()
  for (let worker = 1; worker <= 100; worker++) {
    archive.record(worker, await metricsAfter(1))
    archive.end(worker)
  }
  t.equal(archive.list().length, 1)
  t.same(archive.list()[0]!.map(({ name, values }) => [name, values.length]),
    [['answers_total', 1], ['duration_seconds', 4]])
  t.equal((await write(archive))[0], 'answers_total{route="/"} 100')
})
