import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { Cache } from '../../cache/index.ts'
import type { Counts } from './bounded-map.ts'
import type { Histogram } from './histogram.ts'
import { ScrapedHistogram } from './scraped-histogram.ts'
import type { PrefixStats, RouteStats, CacheStats } from './stats.ts'

type Labels = Record<string, string>
type Samples = Iterable<[labels: Labels, value: number]>

export interface MetricsOptions {
  cache: Cache
  tally: CacheStats
  /** Whether there is a Redis. */
  redis: boolean
  /** How many watch the dashboard. */
  watchers: () => number
}

/** What Prometheus scrapes, read from the tally at each scrape. Label values are few: prefixes of keys, routes, reasons. */
export function createMetrics ({ cache, tally, redis, watchers }: MetricsOptions): Registry {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  function counter (name: string, help: string, labelNames: string[], samples: () => Samples): void {
    // eslint-disable-next-line no-new -- it registers itself
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect () {
        this.reset()
        for (const [labels, value] of samples()) this.inc(labels, value)
      }
    })
  }
  function gauge (name: string, help: string, value: () => number): void {
    // eslint-disable-next-line no-new -- it registers itself
    new Gauge({ name, help, registers, collect () { this.set(value()) } })
  }
  function histogram (name: string, help: string, labelNames: string[], histograms: () => Iterable<[Labels, Histogram]>): void {
    registry.registerMetric(new ScrapedHistogram(name, help, labelNames, histograms))
  }
  const counts = (name: string, help: string, label: string, of: Counts) => {
    counter(name, help, [label], () => labelled(of, (value) => ({ [label]: value })))
  }
  function * ofKeys<T> (value: (keys: PrefixStats) => T): Iterable<[Labels, T]> {
    for (const [prefix, keys] of tally.keys) yield [{ prefix }, value(keys)]
  }
  function * ofRoutes<T> (value: (route: RouteStats) => T): Iterable<[Labels, T]> {
    for (const [route, it] of tally.routes) yield [{ route }, value(it)]
  }
  function * each (label: string, all: Iterable<[Labels, Counts]>): Samples {
    for (const [labels, of] of all) yield * labelled(of, (value) => ({ ...labels, [label]: value }))
  }

  counter('larder_cache_hits_total', 'Reads of the cache that found what may be used.', ['prefix'], () => ofKeys(({ hits }) => hits.count))
  counter('larder_cache_misses_total', 'Reads of the cache that found nothing that may be used, by why.', ['prefix', 'reason'], () => each('reason', ofKeys(({ misses }) => misses)))
  counter('larder_cache_stale_answers_total', 'Old values that stood in after a miss.', ['prefix'], () => ofKeys(({ stale }) => stale))
  counter('larder_cache_load_saved_seconds_total', 'Seconds that the loads had taken of what was answered from the cache.', ['prefix'], () => ofKeys(({ saved }) => saved))
  counter('larder_cache_answered_bytes_total', 'Bytes of the entries that were answered from the cache.', ['prefix'], () => ofKeys(({ bytes }) => bytes))
  counter('larder_cache_sets_total', 'Entries kept.', ['prefix'], () => ofKeys(({ sets }) => sets))
  counter('larder_cache_deletes_total', 'Keys that were asked to be deleted, there or not.', ['prefix'], () => ofKeys(({ deletes }) => deletes))
  counter('larder_cache_refusals_total', 'What was loaded and not kept, by why.', ['prefix', 'reason'], () => each('reason', ofKeys(({ refusals }) => refusals)))
  counts('larder_cache_invalidations_total', 'Invalidations by this process, by what was called: delete, tags or clear.', 'cause', tally.invalidations)
  counts('larder_cache_errors_total', 'Failures in the cache that failed no caller, by what was being done.', 'operation', tally.errors)
  histogram('larder_cache_hit_duration_seconds', 'How long reads took that hit.', ['prefix'], () => ofKeys(({ hits }) => hits))
  histogram('larder_cache_load_duration_seconds', 'How long loads took after a miss.', ['prefix'], () => ofKeys(({ loads }) => loads))
  gauge('larder_cache_loads_in_flight', 'Loads under way in this process.', () => cache.loadsInFlight)

  counter('larder_page_hits_total', 'Answers of cached routes that were pages kept and fresh.', ['route'], () => ofRoutes(({ hits }) => hits.count))
  counter('larder_page_misses_total', 'Answers of cached routes that were made for it, by why.', ['route', 'reason'], () => each('reason', ofRoutes(({ reasons }) => reasons)))
  counter('larder_page_stale_answers_total', 'Answers of cached routes that were old pages.', ['route'], () => ofRoutes(({ stale }) => stale))
  counter('larder_page_load_saved_seconds_total', 'Seconds that pages had taken to make that were answered from the cache.', ['route'], () => ofRoutes(({ saved }) => saved))
  counter('larder_page_answered_bytes_total', 'Bytes of the bodies of pages that were answered from the cache.', ['route'], () => ofRoutes(({ bytes }) => bytes))
  histogram('larder_page_hit_duration_seconds', 'How long answers took that were pages kept and fresh.', ['route'], () => ofRoutes(({ hits }) => hits))
  histogram('larder_page_miss_duration_seconds', 'How long answers took that were made.', ['route'], () => ofRoutes(({ misses }) => misses))

  gauge('larder_dashboard_watchers', 'Open connections of dashboards.', watchers)
  if (redis) {
    gauge('larder_redis_up', '1 while Redis is asked, 0 while the circuit breaker is open.', () => Number(cache.storeAvailable))
    histogram('larder_redis_command_duration_seconds', 'How long commands to Redis took, by how they ended: ok, error or timeout.', ['command', 'outcome'], function * () {
      for (const [command, outcomes] of tally.commands) yield * labelled(outcomes, (outcome) => ({ command, outcome }))
    })
  }
  const stats = () => cache.stats()!
  if (cache.stats() !== undefined) {
    gauge('larder_memory_entries', 'Entries in the store in this process.', () => stats().entries)
    gauge('larder_memory_bytes', 'Bytes in the store in this process.', () => stats().bytes)
    gauge('larder_memory_max_bytes', 'Bytes that the store in this process may take.', () => stats().maxBytes)
    counter('larder_memory_evictions_total', 'Entries dropped from the store in this process to make room.', [], () => [[{}, stats().evictions]])
    counter('larder_memory_refusals_total', 'Entries that were too large for the store in this process.', [], () => [[{}, stats().refusals]])
  }
  return registry
}

function * labelled<T> (named: Iterable<[string, T]>, labels: (name: string) => Labels): Iterable<[Labels, T]> {
  for (const [name, it] of named) yield [labels(name), it]
}
