import createError from '@fastify/error'
import { type Labels, type Metric, METRICS } from './definitions.ts'
import type { Histogram } from './histogram.ts'
import type { CacheStats } from './stats.ts'

const SameLabelsError = createError<[string]>('FST_ERR_LARDER_METRICS_LABELS',
  'The registry already has metrics of a cache with the labels %s. Choose other labels, or another registry.', 500)

const SameNameError = createError<[string]>('FST_ERR_LARDER_METRICS_NAME',
  'The registry already has another metric %s. Rename that one, or choose another registry.', 500)

/** Labels that the metrics themselves have. */
export const OWN_LABELS = ['prefix', 'route', 'reason', 'cause', 'operation', 'command', 'outcome', 'le']

/** A registry of prom-client, as far as it is used: so that applications without prom-client need no types of it. */
export interface MetricsRegistry {
  readonly contentType: string
  metrics (): Promise<string>
  registerMetric (metric: object): void
  removeSingleMetric (name: string): void
}

/** A cache whose metrics are in a registry. */
interface Source {
  readonly stats: CacheStats
  readonly labels: Labels
}

/** A sample as prom-client takes it. */
interface Sample {
  metricName: string
  labels: Labels
  value: number
}

/** A registry has each metric once, so the caches in it share the collectors. */
const sourcesByRegistry = new WeakMap<MetricsRegistry, Map<string, Source>>()

/**
 * Adds the metrics of a cache to a registry. Returns a function that removes them.
 *
 * @internal
 * @param labels are added to all samples; they tell the caches of one registry apart
 * @param own more metrics, which no other cache has
 */
export function registerMetrics (
  registry: MetricsRegistry, stats: CacheStats, labels: Labels, own: readonly Metric[] = []
): () => void {
  const sources = sourcesByRegistry.get(registry) ?? new Map<string, Source>()
  const id = JSON.stringify(Object.entries(labels).sort())
  if (sources.has(id)) throw new SameLabelsError(JSON.stringify(labels))
  const source = { stats, labels }
  addCollectors(registry, own, new Map([[id, source]]))
  try {
    if (sources.size === 0) addCollectors(registry, METRICS, sources)
  } catch (error) {
    removeCollectors(registry, own)
    throw error
  }
  sourcesByRegistry.set(registry, sources.set(id, source))
  return () => {
    removeCollectors(registry, own)
    sources.delete(id)
    if (sources.size === 0) removeCollectors(registry, METRICS)
  }
}

function removeCollectors (registry: MetricsRegistry, metrics: readonly Metric[]): void {
  for (const { name } of metrics) registry.removeSingleMetric(name)
}

/** Adds all collectors, or none if the registry has another metric with one of their names. */
function addCollectors (
  registry: MetricsRegistry, metrics: readonly Metric[], sources: ReadonlyMap<string, Source>
): void {
  for (const [i, metric] of metrics.entries()) {
    try {
      registry.registerMetric(createCollector(metric, sources))
    } catch {
      removeCollectors(registry, metrics.slice(0, i))
      throw new SameNameError(metric.name)
    }
  }
}

/** Creates what prom-client calls at each scrape. It changes the name of a counter if it writes OpenMetrics. */
function createCollector (metric: Metric, sources: ReadonlyMap<string, Source>) {
  const { name, type, help, aggregator = 'sum', read } = metric
  const collector = {
    name,
    type,
    help,
    aggregator,
    /** Resets nothing: counters go on. */
    reset () {},
    get: () => ({ name: collector.name, type, help, aggregator, values: collect() })
  }
  const collect = (): Sample[] => Array.from(sources.values(), ({ stats, labels }) => [...read(stats)]
    .flatMap(([own, value]) => createSamples(collector.name, { ...labels, ...own }, value))).flat()
  return collector
}

function createSamples (metricName: string, labels: Labels, value: number | Histogram): Sample[] {
  if (typeof value === 'number') return [{ metricName, labels, value }]
  const bucket = (le: string, count: number) =>
    ({ metricName: `${metricName}_bucket`, labels: { ...labels, le }, value: count })
  return [
    ...Array.from(value.cumulative(), ({ bound, count }) => bucket(String(bound), count)),
    bucket('+Inf', value.count),
    { metricName: `${metricName}_sum`, labels, value: value.sum },
    { metricName: `${metricName}_count`, labels, value: value.count }
  ]
}
