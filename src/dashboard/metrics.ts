import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type Cache, CACHE_CHANNEL, type CacheEvent } from '../cache/index.ts'
import { PAGE_CHANNEL, type PageEvent } from '../page-cache/index.ts'

/** Label values of keys stay few: the part before the first colon, and of those so many. */
const MAX_PREFIXES = 50

const SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10]

export type Metrics = ReturnType<typeof createMetrics>

/** Counts what a cache and its pages do, from the events that they emit. Times are in seconds. */
export function createMetrics (cache: Cache) {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const reads = new Counter({ name: 'larder_cache_reads_total', help: 'Reads of the cache, by what they found.', labelNames: ['prefix', 'result'], registers })
  const misses = new Counter({ name: 'larder_cache_misses_total', help: 'Misses, by their reason.', labelNames: ['prefix', 'reason'], registers })
  const writes = new Counter({ name: 'larder_cache_writes_total', help: 'Entries set and deleted.', labelNames: ['prefix', 'operation'], registers })
  const refusals = new Counter({ name: 'larder_cache_refusals_total', help: 'What was loaded and not kept, by the reason.', labelNames: ['prefix', 'reason'], registers })
  const errors = new Counter({ name: 'larder_cache_errors_total', help: 'Failures of the store that failed no caller.', labelNames: ['operation'], registers })
  const loads = new Histogram({ name: 'larder_cache_load_seconds', help: 'What loads after a miss took.', labelNames: ['prefix'], buckets: SECONDS, registers })
  const pages = new Counter({ name: 'larder_page_answers_total', help: 'Answers of cached routes, by what the page cache did.', labelNames: ['route', 'status'], registers })
  const answers = new Histogram({ name: 'larder_page_answer_seconds', help: 'What answers of cached routes took.', labelNames: ['route', 'status'], buckets: SECONDS, registers })
  const stats = (name: string, help: string, value: (stats: NonNullable<ReturnType<Cache['stats']>>) => number) => new Gauge({
    name,
    help,
    registers,
    collect () {
      const current = cache.stats()
      if (current !== undefined) this.set(value(current))
    }
  })
  stats('larder_memory_entries', 'Entries in the store in this process.', ({ entries }) => entries)
  stats('larder_memory_bytes', 'Bytes in the store in this process.', ({ bytes }) => bytes)
  stats('larder_memory_evictions', 'Entries dropped from it to make room, since the start.', ({ evictions }) => evictions)
  stats('larder_memory_refusals', 'Entries that were too large for it, since the start.', ({ refusals }) => refusals)

  const prefixes = new Set<string>()
  function prefixOf (key: string): string {
    const prefix = key.split(':', 1)[0]!
    if (!prefixes.has(prefix)) {
      if (prefixes.size >= MAX_PREFIXES) return 'other'
      prefixes.add(prefix)
    }
    return prefix
  }

  function onCacheEvent (message: unknown): void {
    const event = message as CacheEvent
    if (event.cache !== cache) return
    switch (event.type) {
      case 'hit':
      case 'stale':
        return reads.inc({ prefix: prefixOf(event.key), result: event.type })
      case 'miss':
        reads.inc({ prefix: prefixOf(event.key), result: 'miss' })
        return misses.inc({ prefix: prefixOf(event.key), reason: event.reason })
      case 'load':
        return loads.observe({ prefix: prefixOf(event.key) }, event.ms / 1000)
      case 'set':
        return writes.inc({ prefix: prefixOf(event.key), operation: 'set' })
      case 'refuse':
        return refusals.inc({ prefix: prefixOf(event.key), reason: event.reason })
      case 'delete':
        for (const key of event.keys) writes.inc({ prefix: prefixOf(key), operation: 'delete' })
        return
      case 'error':
        return errors.inc({ operation: event.doing })
    }
  }

  function onPageEvent (message: unknown): void {
    const { cache: source, route, status, ms } = message as PageEvent
    if (source !== cache) return
    const labels = { route, status: status.fwd ?? 'hit' }
    pages.inc(labels)
    answers.observe(labels, ms / 1000)
  }

  subscribe(CACHE_CHANNEL, onCacheEvent)
  subscribe(PAGE_CHANNEL, onPageEvent)

  return {
    registry,
    reads,
    misses,
    writes,
    pages,
    close () {
      unsubscribe(CACHE_CHANNEL, onCacheEvent)
      unsubscribe(PAGE_CHANNEL, onPageEvent)
      registry.clear()
    }
  }
}
