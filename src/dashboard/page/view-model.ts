import type { Redis } from 'ioredis'
import type { Cache } from '../../cache/index.ts'
import type { Counts } from '../metrics/bounded-map.ts'
import { bytes, count, duration, percent, seconds } from './formats.ts'
import type { Histogram } from '../metrics/histogram.ts'
import type { Invalidation } from './recent-invalidations.ts'
import type { CacheStats } from '../metrics/stats.ts'

/** As templates/partials/table.eta takes it. */
export interface Table {
  caption: string
  columns: Array<[label: string, type: 'text' | 'number' | 'time']>
  rows: string[][]
  empty: string
}

export interface Figures {
  figures: Array<[name: string, value: string]>
  tables: Table[]
}

export interface FiguresOptions {
  cache: Cache
  tally: CacheStats
  invalidations: readonly Invalidation[]
  redis: Pick<Redis, 'status'> | undefined
  watchers: number
}

const CAUSES: Readonly<Record<Invalidation['cause'], string>> = {
  delete: 'Keys were deleted',
  tags: 'Tags were invalidated',
  clear: 'The cache was cleared',
  change: 'What it was made of changed'
}

/** What /cache shows, in words and numbers for people. */
export function createViewModel ({ cache, tally, invalidations, redis, watchers }: FiguresOptions): Figures {
  return {
    figures: [...readFigures(tally), ...stateFigures(cache, redis), ['Watching', count(watchers)]],
    tables: [routeTable(tally), keyTable(tally), ...redis === undefined ? [] : [commandTable(tally)], invalidationTable(invalidations)]
  }
}

function readFigures (tally: CacheStats): Figures['figures'] {
  const { hits: { count: hits }, stale, misses, saved } = tally.totals()
  return [['Hit ratio', percent(hits, hits + stale + misses)], ['Hits', count(hits)], ['Misses', count(misses)], ['Stale answers', count(stale)], ['Loads saved', seconds(saved)]]
}

function stateFigures (cache: Cache, redis: FiguresOptions['redis']): Figures['figures'] {
  const figures: Figures['figures'] = [['Loads in flight', count(cache.loadsInFlight)], ['Store', cache.storeName]]
  const stats = cache.stats()
  if (stats !== undefined) {
    figures.push(
      ['Near store', `${bytes(stats.bytes)} of ${bytes(stats.maxBytes)} (${percent(stats.bytes, stats.maxBytes)})`],
      ['Entries near', count(stats.entries)],
      ['Evictions', count(stats.evictions)]
    )
  }
  if (redis !== undefined) figures.push(['Redis', redis.status], ['Circuit breaker', cache.storeAvailable ? 'closed, Redis is asked' : 'open, Redis is not asked'])
  return figures
}

const READ_COLUMNS: Table['columns'] = [
  ['Hits', 'number'], ['Misses', 'number'], ['Why', 'text'], ['Stale', 'number'], ['Saved', 'number'], ['Bytes', 'number'], ['Hit p50 / p99', 'number'], ['Miss p50 / p99', 'number']
]

function routeTable ({ routes }: CacheStats): Table {
  return {
    caption: 'Pages, by route',
    columns: [['Route', 'text'], ...READ_COLUMNS],
    rows: Array.from(routes, ([route, { hits, misses, reasons, stale, saved, bytes: answered }]) => [
      route, count(hits.count), count(misses.count), formatReasons(reasons), count(stale), seconds(saved), bytes(answered), quantiles(hits), quantiles(misses)
    ]),
    empty: 'No page has been asked for yet.'
  }
}

function keyTable ({ keys }: CacheStats): Table {
  return {
    caption: 'Keys, by prefix',
    columns: [['Prefix', 'text'], ...READ_COLUMNS],
    rows: Array.from(keys, ([prefix, { hits, misses, stale, saved, bytes: answered, loads }]) => [
      prefix, count(hits.count), count(misses.total), formatReasons(misses), count(stale), seconds(saved), bytes(answered), quantiles(hits), quantiles(loads)
    ]),
    empty: 'No key has been asked for yet.'
  }
}

function commandTable ({ commands }: CacheStats): Table {
  return {
    caption: 'Commands to Redis',
    columns: [['Command', 'text'], ['Ended', 'text'], ['Count', 'number'], ['p50 / p99', 'number']],
    rows: [...commands].flatMap(([command, outcomes]) => Array.from(outcomes, ([outcome, taken]) => [command, outcome, count(taken.count), quantiles(taken)])),
    empty: 'Redis has not been asked yet.'
  }
}

function invalidationTable (invalidations: readonly Invalidation[]): Table {
  return {
    caption: 'The last invalidations',
    columns: [['Time (UTC)', 'time'], ['Cause', 'text'], ['What', 'text'], ['Noticed at', 'text']],
    rows: invalidations.map(({ at, cause, what, noticedAt = '' }) => [at, CAUSES[cause], what, noticedAt]),
    empty: 'Nothing has been invalidated yet.'
  }
}

function formatReasons (counts: Counts): string {
  return Array.from(counts, ([name, n]) => `${name} ${count(n)}`).join(', ')
}

function quantiles (histogram: Histogram): string {
  return `${duration(histogram.quantile(0.5))} / ${duration(histogram.quantile(0.99))}`
}
