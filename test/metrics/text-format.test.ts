import t from 'tap'
import { Histogram } from '../../src/metrics/histogram.ts'
import { formatMetrics, type Metric } from '../../src/metrics/text-format.ts'

const define = (metric: Partial<Metric>): Metric =>
  ({ name: 'hits_total', type: 'counter', help: 'Hits.', samples: () => [[{}, 1]], ...metric })

t.test('formatMetrics writes help, type and a line for each set of labels', async (t) => {
  const samples: ReturnType<Metric['samples']> = [[{}, 1], [{ route: '/', reason: 'stale' }, 2.5]]
  t.equal(formatMetrics([define({ samples: () => samples }), define({ name: 'up', type: 'gauge', help: 'Up.' })]), `\
# HELP hits_total Hits.
# TYPE hits_total counter
hits_total 1
hits_total{route="/",reason="stale"} 2.5

# HELP up Up.
# TYPE up gauge
up 1

`)
})

t.test('formatMetrics writes a metric without samples', async (t) => {
  t.equal(formatMetrics([define({ samples: () => [] })]), '# HELP hits_total Hits.\n# TYPE hits_total counter\n\n')
})

t.test('formatMetrics escapes backslashes, quotes and line breaks in label values', async (t) => {
  const text = formatMetrics([define({ samples: () => [[{ route: 'a\\b"c\nd' }, 1]] })])
  t.match(text, 'hits_total{route="a\\\\b\\"c\\nd"} 1\n')
})

t.test('formatMetrics writes a histogram as cumulative buckets, sum and count', async (t) => {
  const histogram = new Histogram()
  for (const seconds of [0.25, 0.5, 100]) histogram.record(seconds)
  const samples: ReturnType<Metric['samples']> = [[{ route: '/' }, histogram]]
  const text = formatMetrics([define({ name: 'seconds', type: 'histogram', samples: () => samples })])
  for (const line of [
    '# TYPE seconds histogram',
    'seconds_bucket{route="/",le="0.00001"} 0',
    'seconds_bucket{route="/",le="0.25"} 1',
    'seconds_bucket{route="/",le="50"} 2',
    'seconds_bucket{route="/",le="+Inf"} 3',
    'seconds_sum{route="/"} 100.75',
    'seconds_count{route="/"} 3'
  ]) t.ok(text.includes(`${line}\n`), line)
})
