import { AggregatorRegistry, Registry } from 'prom-client'
import { METRICS } from './messages.ts'
import type { MetricJson } from './metrics-archive.ts'
import type { Peers } from './peers.ts'

/** How workers are combined whose metrics are neither added up nor averaged: an alert concerns the worst of them. */
const WORST = /^nodejs_eventloop_lag_(?:p\d+_)?seconds$/
const FIRST_START = 'process_start_time_seconds'

/** A registry of prom-client that writes the metrics of all workers, combined. */
class SharedRegistry extends Registry {
  readonly #peers: Peers

  constructor (peers: Peers) {
    super()
    this.#peers = peers
    peers.handle(METRICS, async () => await this.getMetricsAsJSON())
  }

  override async metrics (): Promise<string> {
    const { results } = await this.#peers.request(METRICS, await this.getMetricsAsJSON())
    const combined = (results as MetricJson[][]).map((metrics) => metrics.map(chooseAggregator))
    return await AggregatorRegistry.aggregate(combined).metrics()
  }
}

function chooseAggregator (metric: MetricJson): MetricJson {
  if (WORST.test(metric.name)) return { ...metric, aggregator: 'max' }
  return metric.name === FIRST_START ? { ...metric, aggregator: 'min' } : metric
}

/** Creates a registry of prom-client: of this process, or of all workers if there are several. */
export function createRegistry (peers: Peers | undefined): Registry {
  return peers === undefined ? new Registry() : new SharedRegistry(peers)
}
