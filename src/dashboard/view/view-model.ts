import cluster from 'node:cluster'
import type { CacheAdapter } from '../../cache/index.ts'
import type { Counts } from '../../metrics/bounded-map.ts'
import { type Gauge, readGauge } from '../../metrics/gauges.ts'
import type { Histogram } from '../../metrics/histogram.ts'
import type { CacheStats } from '../../metrics/stats.ts'
import type { Invalidation } from '../live/recent-invalidations.ts'
import type { Figures } from './figures.ts'
import { bytes, count, duration, list, MISSING, percent, seconds, shorten } from './formats.ts'
import type { Table } from './table.ts'

const CAUSES: Readonly<Record<Invalidation['cause'], string>> = {
  delete: 'Keys were deleted by this process',
  tags: 'Tags were invalidated by this process',
  clear: 'The cache was cleared by this process',
  // The clock counts changes, but not who made them.
  change: 'The data changed, by this or another process or program'
}

/** Formats the statistics for the page. */
export function createViewModel (
  stats: CacheStats, invalidations: readonly Invalidation[], gauges: readonly Gauge[] = []
): Figures {
  const { cache, watchers } = stats
  const commands = cache.connection === undefined ? [] : [commandTable(stats)]
  return {
    figures: [
      ...readFigures(stats), ...stateFigures(cache), ...eventLoopFigures(stats), ...gauges.map(formatGauge),
      ['Watching', count(watchers)], ...processFigures()
    ],
    tables: [
      routeTable(stats), ...untaggedTables(stats), prefixTable(stats), ...commands, invalidationTable(invalidations)
    ]
  }
}

function readFigures (stats: CacheStats): Figures['figures'] {
  const { hits: { count: hits }, stale, misses, saved } = stats.totals()
  return [
    ['Hit ratio', percent(hits, hits + stale + misses)],
    ['Hits', count(hits)],
    ['Misses', count(misses)],
    ['Stale responses', count(stale)],
    ['Load time saved', seconds(saved)]
  ]
}

function stateFigures (cache: CacheAdapter): Figures['figures'] {
  const figures: Figures['figures'] = [['Loads in flight', count(cache.loadsInFlight)], ['Store', cache.storeName]]
  const memory = cache.stats()
  if (memory !== undefined) {
    const { bytes: used, maxBytes, entries, evictions } = memory
    figures.push(
      ['Memory', `${bytes(used)} of ${bytes(maxBytes)} (${percent(used, maxBytes)})`],
      ['Entries in memory', count(entries)],
      ['Evictions', count(evictions)]
    )
  }
  if (cache.connection !== undefined) {
    const circuit = cache.storeAvailable ? 'closed' : 'open, Redis is not used'
    figures.push(['Redis', cache.connection.status], ['Circuit breaker', circuit])
  }
  return figures
}

/** Names this process if it is one of several: the page shows its figures alone. */
export function processFigures ({ worker }: Pick<typeof cluster, 'worker'> = cluster): Figures['figures'] {
  return worker === undefined ? [] : [['Process', `worker ${worker.id}, pid ${worker.process.pid}`]]
}

function eventLoopFigures ({ eventLoop: { figures: { p50, p99, max, utilization } } }: CacheStats): Figures['figures'] {
  return [
    ['Event-loop delay p50 / p99 / max', [p50, p99, max].map(duration).join(' / ')],
    ['Event-loop utilisation', percent(utilization, 1)]
  ]
}

function formatGauge (gauge: Gauge): Figures['figures'][number] {
  const { label, unit = 'count' } = gauge
  const value = readGauge(gauge)
  return [label, value === undefined ? MISSING : FORMATS[unit](value)]
}

const FORMATS: Record<NonNullable<Gauge['unit']>, (value: number) => string> = {
  count, seconds: duration, bytes, ratio: (value) => percent(value, 1)
}

const READ_COLUMNS: Table['columns'] = [
  ['Hits', 'number'], ['Misses', 'number'], ['Reasons', 'text'], ['Stale', 'number'], ['Saved', 'number'],
  ['Bytes', 'number'], ['Hit p50 / p99', 'number'], ['Miss p50 / p99', 'number']
]

function routeTable ({ routes }: CacheStats): Table {
  return {
    caption: 'Pages by route',
    columns: [['Route', 'text'], ...READ_COLUMNS],
    rows: Array.from(routes, ([route, { hits, misses, reasons, stale, saved, bytes: served }]) => [
      route, count(hits.count), count(misses.count), formatReasons(reasons), count(stale), seconds(saved),
      bytes(served), quantiles(hits), quantiles(misses)
    ]),
    empty: 'No page has been requested yet.'
  }
}

/** Lists the routes that may depend on reads that were not tracked, if there are any. */
function untaggedTables ({ routes }: CacheStats): Table[] {
  const untagged = [...routes].filter(([, { untagged }]) => untagged > 0)
  if (untagged.length === 0) return []
  return [{
    caption: 'Routes without tags: no read of the database was tracked, so no change invalidates them',
    columns: [['Route', 'text'], ['Responses', 'number']],
    rows: untagged.map(([route, { untagged }]) => [route, count(untagged)]),
    empty: ''
  }]
}

function prefixTable ({ prefixes }: CacheStats): Table {
  return {
    caption: 'Keys by prefix',
    columns: [['Prefix', 'text'], ...READ_COLUMNS],
    rows: Array.from(prefixes, ([prefix, { hits, misses, stale, saved, bytes: served, loads }]) => [
      prefix, count(hits.count), count(misses.total), formatReasons(misses), count(stale), seconds(saved),
      bytes(served), quantiles(hits), quantiles(loads)
    ]),
    empty: 'No key has been read yet.'
  }
}

function commandTable ({ commands }: CacheStats): Table {
  return {
    caption: 'Redis commands',
    columns: [['Command', 'text'], ['Outcome', 'text'], ['Count', 'number'], ['p50 / p99', 'number']],
    rows: [...commands].flatMap(([command, outcomes]) => Array.from(outcomes, ([outcome, durations]) =>
      [command, outcome, count(durations.count), quantiles(durations)])),
    empty: 'No command has been sent to Redis yet.'
  }
}

function invalidationTable (invalidations: readonly Invalidation[]): Table {
  return {
    caption: 'Last invalidations',
    columns: [['Time (UTC)', 'time'], ['Cause', 'text'], ['What', 'text'], ['Found when reading', 'text']],
    rows: invalidations.map(({ at, cause, names, total, key = '' }) => [
      new Date(at).toISOString(),
      CAUSES[cause],
      formatNames(cause, names, total),
      shorten(key)
    ]),
    empty: 'Nothing has been invalidated yet.'
  }
}

function formatNames (cause: Invalidation['cause'], names: readonly string[], total: number): string {
  if (cause === 'clear') return formatCleared(names)
  return cause === 'change' ? describeTag(names[0]!) : list(names, total)
}

/** Names the table and the row of a tag. A tag that names no row is about a table, or is one of the application. */
function describeTag (tag: string): string {
  const [, table, row] = /^([^:]+):(.+)$/.exec(tag) ?? []
  if (table === undefined) return `table or tag ${shorten(tag)}`
  return `table ${shorten(table)}, row ${shorten(row!)}`
}

function formatCleared ([prefix]: readonly string[]): string {
  return prefix === undefined ? 'everything' : `${shorten(prefix)}*`
}

function formatReasons (counts: Counts): string {
  return Array.from(counts, ([name, n]) => `${name} ${count(n)}`).join(', ')
}

function quantiles (histogram: Histogram): string {
  return `${duration(histogram.quantile(0.5))} / ${duration(histogram.quantile(0.99))}`
}
