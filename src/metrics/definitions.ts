import type { Counts } from './bounded-map.ts'
import type { Histogram } from './histogram.ts'
import type { CacheStats, PrefixStats, RouteStats } from './stats.ts'

export type Labels = Readonly<Record<string, string>>

/** A metric of a cache, read at each scrape. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** One sentence, in one line. */
  readonly help: string
  /** How prom-client combines the samples of several processes. Default `sum`. */
  readonly aggregator?: 'sum' | 'min' | 'average'
  /** Yields a number for each set of labels; for type `histogram`, a histogram. */
  readonly read: (stats: CacheStats) => Iterable<[labels: Labels, value: number | Histogram]>
}

/** The metrics of a cache. Label values are few: prefixes of keys, patterns of routes, reasons. */
export const METRICS: readonly Metric[] = [
  ...cacheMetrics(), ...pageMetrics(), ...connectionMetrics(), ...memoryMetrics(),
  ...eventLoopMetrics()
]

function cacheMetrics (): Metric[] {
  const define = (type: Metric['type'], name: string, help: string, read: (prefix: PrefixStats) => Value | Counts) =>
    defineMetric(type, `larder_cache_${name}`, help, ({ prefixes }) => labelled(prefixes, 'prefix', 'reason', read))

  return [
    define('counter', 'hits_total', 'Cache reads that found a usable entry.', ({ hits }) => hits.count),
    define('counter', 'misses_total', 'Cache reads that found no usable entry, by reason.', ({ misses }) => misses),
    define('counter', 'stale_answers_total', 'Stale values served after a miss.', ({ stale }) => stale),
    define('counter', 'load_saved_seconds_total', 'Load time saved by serving entries from the cache.',
      ({ saved }) => saved),
    define('counter', 'answered_bytes_total', 'Bytes of the entries served from the cache.', ({ bytes }) => bytes),
    define('counter', 'sets_total', 'Entries stored.', ({ sets }) => sets),
    define('counter', 'deletes_total', 'Keys passed to delete, whether or not they existed.',
      ({ deletes }) => deletes),
    define('counter', 'refusals_total', 'Loaded values that were not stored, by reason.', ({ refusals }) => refusals),
    defineMetric('counter', 'larder_cache_invalidations_total',
      'Invalidations by this process, by cause: delete, tags or clear.',
      ({ invalidations }) => expand({}, 'cause', invalidations)),
    defineMetric('counter', 'larder_cache_errors_total',
      'Cache failures that did not fail the caller, by operation.', ({ errors }) => expand({}, 'operation', errors)),
    define('histogram', 'hit_duration_seconds', 'Duration of cache hits.', ({ hits }) => hits),
    define('histogram', 'load_duration_seconds', 'Duration of loads after a miss.', ({ loads }) => loads),
    gauge('larder_cache_loads_in_flight', 'Loads in flight in this process.', ({ cache }) => cache.loadsInFlight)
  ]
}

function pageMetrics (): Metric[] {
  const define = (type: Metric['type'], name: string, help: string, read: (route: RouteStats) => Value | Counts) =>
    defineMetric(type, `larder_page_${name}`, help, ({ routes }) => labelled(routes, 'route', 'reason', read))

  return [
    define('counter', 'hits_total', 'Responses of cached routes: fresh hits.', ({ hits }) => hits.count),
    define('counter', 'misses_total', 'Responses of cached routes: misses, by reason.', ({ reasons }) => reasons),
    define('counter', 'stale_answers_total', 'Responses of cached routes: stale pages.', ({ stale }) => stale),
    define('counter', 'load_saved_seconds_total', 'Handler time saved by serving pages from the cache.',
      ({ saved }) => saved),
    define('counter', 'answered_bytes_total', 'Bytes of the bodies of pages served from the cache.',
      ({ bytes }) => bytes),
    define('counter', 'untagged_total', 'Responses of cached routes: stored or served from the cache without tags, ' +
      'since no read of the database was tracked.', ({ untagged }) => untagged),
    define('histogram', 'hit_duration_seconds', 'Duration of responses of cached routes: fresh hits.',
      ({ hits }) => hits),
    define('histogram', 'miss_duration_seconds', 'Duration of responses of cached routes: misses.',
      ({ misses }) => misses)
  ]
}

/** Those of Redis have samples only if there is a Redis. */
function connectionMetrics (): Metric[] {
  return [
    gauge('larder_dashboard_watchers', 'Open connections of dashboards.', ({ watchers }) => watchers),
    {
      ...gauge('larder_redis_up', '1 while the circuit to Redis is closed, 0 while it is open.',
        ({ cache }) => cache.connection && Number(cache.storeAvailable)),
      aggregator: 'min'
    },
    defineMetric('histogram', 'larder_redis_command_duration_seconds',
      'Duration of Redis commands, by outcome: ok, error or timeout.',
      ({ commands }) => labelled(commands, 'command', 'outcome', (outcomes) => outcomes))
  ]
}

/** They have samples only if the store has statistics. */
function memoryMetrics (): Metric[] {
  return [
    gauge('larder_memory_entries', 'Entries in the memory store.', ({ cache }) => cache.stats()?.entries),
    gauge('larder_memory_bytes', 'Bytes in the memory store.', ({ cache }) => cache.stats()?.bytes),
    gauge('larder_memory_max_bytes', 'Maximum size of the memory store.', ({ cache }) => cache.stats()?.maxBytes),
    single('counter', 'larder_memory_evictions_total', 'Entries evicted from the memory store to make room.',
      ({ cache }) => cache.stats()?.evictions),
    single('counter', 'larder_memory_refusals_total', 'Entries that were too large for the memory store.',
      ({ cache }) => cache.stats()?.refusals)
  ]
}

/** The delays of the event loop are among the default metrics of prom-client. */
function eventLoopMetrics (): Metric[] {
  const help = 'Share of the last five seconds in which the event loop was busy.'
  return [{
    ...gauge('larder_event_loop_utilization_ratio', help, ({ eventLoop }) => eventLoop.figures.utilization),
    aggregator: 'average'
  }]
}

function defineMetric (type: Metric['type'], name: string, help: string, read: Metric['read']): Metric {
  return { name, type, help, read }
}

function gauge (name: string, help: string, read: (stats: CacheStats) => number | undefined): Metric {
  return single('gauge', name, help, read)
}

/** A metric with one sample; none if its value is undefined. */
function single (
  type: Metric['type'], name: string, help: string, read: (stats: CacheStats) => number | undefined
): Metric {
  return defineMetric(type, name, help, (stats) => {
    const value = read(stats)
    return value === undefined ? [] : [[{}, value]]
  })
}

type Value = number | Histogram

/** Yields a sample for each name; or, if its value has names too, for each pair of names. */
function * labelled<T> (
  named: Iterable<[string, T]>, label: string, innerLabel: string,
  read: (item: T) => Value | Iterable<[string, Value]>
): Iterable<[Labels, Value]> {
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
