import type { CacheAdapter } from '../cache/index.ts'
import type { Counts } from './bounded-map.ts'
import type { Histogram } from './histogram.ts'
import type { CacheStats, PrefixStats, RouteStats } from './stats.ts'
import type { Labels, Metric } from './text-format.ts'

export interface MetricsOptions {
  cache: CacheAdapter
  stats: CacheStats
  /** Whether there is a Redis. */
  redis: boolean
  /** Returns the number of open dashboards. */
  watchers: () => number
}

/** Lists the metrics of the cache. Label values are few: prefixes of keys, patterns of routes, reasons. */
export function listMetrics (options: MetricsOptions): Metric[] {
  return [
    ...cacheMetrics(options),
    ...pageMetrics(options.stats),
    ...connectionMetrics(options),
    ...memoryMetrics(options.cache)
  ]
}

function cacheMetrics ({ cache, stats }: MetricsOptions): Metric[] {
  const { prefixes, invalidations, errors } = stats
  const counter = (name: string, help: string, read: (prefix: PrefixStats) => number | Counts) =>
    defineMetric('counter', `larder_cache_${name}`, help, () => labelled(prefixes, 'prefix', 'reason', read))
  const histogram = (name: string, help: string, read: (prefix: PrefixStats) => Histogram) =>
    defineMetric('histogram', `larder_cache_${name}`, help, () => labelled(prefixes, 'prefix', 'reason', read))

  return [
    counter('hits_total', 'Cache reads that found a usable entry.', ({ hits }) => hits.count),
    counter('misses_total', 'Cache reads that found no usable entry, by reason.', ({ misses }) => misses),
    counter('stale_answers_total', 'Stale values served after a miss.', ({ stale }) => stale),
    counter('load_saved_seconds_total', 'Load time saved by serving entries from the cache.', ({ saved }) => saved),
    counter('answered_bytes_total', 'Bytes of the entries served from the cache.', ({ bytes }) => bytes),
    counter('sets_total', 'Entries stored.', ({ sets }) => sets),
    counter('deletes_total', 'Keys passed to delete, whether or not they existed.', ({ deletes }) => deletes),
    counter('refusals_total', 'Loaded values that were not stored, by reason.', ({ refusals }) => refusals),
    defineMetric('counter', 'larder_cache_invalidations_total',
      'Invalidations by this process, by cause: delete, tags or clear.', () => expand({}, 'cause', invalidations)),
    defineMetric('counter', 'larder_cache_errors_total',
      'Cache failures that did not fail the caller, by operation.', () => expand({}, 'operation', errors)),
    histogram('hit_duration_seconds', 'Duration of cache hits.', ({ hits }) => hits),
    histogram('load_duration_seconds', 'Duration of loads after a miss.', ({ loads }) => loads),
    gauge('larder_cache_loads_in_flight', 'Loads in flight in this process.', () => cache.loadsInFlight)
  ]
}

function pageMetrics ({ routes }: CacheStats): Metric[] {
  const counter = (name: string, help: string, read: (route: RouteStats) => number | Counts) =>
    defineMetric('counter', `larder_page_${name}`, help, () => labelled(routes, 'route', 'reason', read))
  const histogram = (name: string, help: string, read: (route: RouteStats) => Histogram) =>
    defineMetric('histogram', `larder_page_${name}`, help, () => labelled(routes, 'route', 'reason', read))

  return [
    counter('hits_total', 'Responses of cached routes: fresh hits.', ({ hits }) => hits.count),
    counter('misses_total', 'Responses of cached routes: misses, by reason.', ({ reasons }) => reasons),
    counter('stale_answers_total', 'Responses of cached routes: stale pages.', ({ stale }) => stale),
    counter('load_saved_seconds_total', 'Handler time saved by serving pages from the cache.', ({ saved }) => saved),
    counter('answered_bytes_total', 'Bytes of the bodies of pages served from the cache.', ({ bytes }) => bytes),
    counter('untagged_total', 'Responses of cached routes: stored or served from the cache without tags, since no ' +
      'read of the database was tracked.', ({ untagged }) => untagged),
    histogram('hit_duration_seconds', 'Duration of responses of cached routes: fresh hits.', ({ hits }) => hits),
    histogram('miss_duration_seconds', 'Duration of responses of cached routes: misses.', ({ misses }) => misses)
  ]
}

function connectionMetrics ({ cache, stats, redis, watchers }: MetricsOptions): Metric[] {
  const dashboards = gauge('larder_dashboard_watchers', 'Open connections of dashboards.', watchers)
  if (!redis) return [dashboards]
  return [
    dashboards,
    gauge('larder_redis_up', '1 while the circuit to Redis is closed, 0 while it is open.',
      () => Number(cache.storeAvailable)),
    defineMetric('histogram', 'larder_redis_command_duration_seconds',
      'Duration of Redis commands, by outcome: ok, error or timeout.',
      () => labelled(stats.commands, 'command', 'outcome', (outcomes) => outcomes))
  ]
}

function memoryMetrics (cache: CacheAdapter): Metric[] {
  if (cache.stats() === undefined) return []
  const stats = () => cache.stats()!
  const counter = (name: string, help: string, count: () => number) =>
    defineMetric('counter', `larder_memory_${name}`, help, () => [[{}, count()]])
  return [
    gauge('larder_memory_entries', 'Entries in the memory store.', () => stats().entries),
    gauge('larder_memory_bytes', 'Bytes in the memory store.', () => stats().bytes),
    gauge('larder_memory_max_bytes', 'Maximum size of the memory store.', () => stats().maxBytes),
    counter('evictions_total', 'Entries evicted from the memory store to make room.', () => stats().evictions),
    counter('refusals_total', 'Entries that were too large for the memory store.', () => stats().refusals)
  ]
}

function defineMetric (type: Metric['type'], name: string, help: string, samples: Metric['samples']): Metric {
  return { name, type, help, samples }
}

function gauge (name: string, help: string, value: () => number): Metric {
  return defineMetric('gauge', name, help, () => [[{}, value()]])
}

/** A number or histogram, or several of them by name. */
type Value = number | Histogram | Iterable<[string, number | Histogram]>

/** Yields a sample for each name; or, if its value has names too, for each pair of names. */
function * labelled<T> (
  named: Iterable<[string, T]>, label: string, innerLabel: string, read: (item: T) => Value
): Iterable<[Labels, number | Histogram]> {
  for (const [name, item] of named) {
    const labels = { [label]: name }
    const value = read(item)
    if (typeof value === 'object' && Symbol.iterator in value) yield * expand(labels, innerLabel, value)
    else yield [labels, value]
  }
}

function * expand<V> (labels: Labels, label: string, values: Iterable<[string, V]>): Iterable<[Labels, V]> {
  for (const [name, value] of values) yield [{ ...labels, [label]: name }, value]
}
