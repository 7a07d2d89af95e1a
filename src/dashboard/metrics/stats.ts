import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Cache, CACHE_CHANNEL, type CacheEvent, type Entry, REDIS_CHANNEL, type RedisClient, type RedisEvent } from '../../cache/index.ts'
import { PAGE_CHANNEL, PAGE_PREFIX, type PageEvent } from '../../page-cache/index.ts'
import { BoundedMap, Counts } from './bounded-map.ts'
import { Histogram } from './histogram.ts'

/** The prefix of the keys of pages. */
const PAGES = PAGE_PREFIX.slice(0, -1)

/** Prefixes of keys, routes and commands that are told apart. */
const MAX_NAMES = 50

/** What keys with one prefix did. Every read is a hit or a miss; an old answer follows a miss. */
export class PrefixStats {
  readonly hits = new Histogram()
  /** By the `MissReason`. */
  readonly misses = new Counts()
  stale = 0
  readonly loads = new Histogram()
  /** Seconds that the loads of the entries took which were answered. */
  saved = 0
  /** Of the entries that were answered, as they are kept. */
  bytes = 0
  sets = 0
  deletes = 0
  /** What was loaded and not kept, by the reason. */
  readonly refusals = new Counts()

  answered ({ payload, loadMs = 0 }: Entry): void {
    this.bytes += payload.length
    this.saved += loadMs / 1000
  }
}

/** What the answers of one route were: each is one of the three. */
export class RouteStats {
  readonly hits = new Histogram()
  stale = 0
  readonly misses = new Histogram()
  /** In the terms of `fwd` of `Cache-Status`, and `invalidated`. */
  readonly reasons = new Counts()
  /** Seconds that the pages took to make which were answered from the cache, fresh or old. */
  saved = 0
  /** Of their bodies. */
  bytes = 0

  answered ({ bytes = 0, loadMs = 0 }: PageEvent): void {
    this.bytes += bytes
    this.saved += loadMs / 1000
  }
}

/** What the caches were asked for, and what came of it: each time a hit, an old answer or a miss. */
export interface Totals {
  hits: Histogram
  stale: number
  misses: number
  loads: Histogram
  /** Seconds. */
  saved: number
}

export type CommandOutcome = RedisEvent['outcome']

export interface CacheStatsOptions {
  cache: Cache
  /** The client whose commands count. */
  redis?: RedisClient | undefined
}

/**
 * Counts what a cache, its pages and its Redis do, from the events that they emit: the one source of what the dashboard
 * shows and Prometheus scrapes. It takes part in every hit, so it counts in plain numbers.
 */
export class CacheStats {
  readonly keys = new BoundedMap(MAX_NAMES, () => new PrefixStats())
  readonly routes = new BoundedMap(MAX_NAMES, () => new RouteStats())
  readonly commands = new BoundedMap(MAX_NAMES, () => new BoundedMap<Histogram>(3, () => new Histogram()))
  /** Failures that failed no caller, by what was being done. */
  readonly errors = new Counts()
  readonly invalidations = new Counts()
  readonly #cache: Cache
  readonly #redis: RedisClient | undefined
  /** The prefix of the key before, with its colon: often it is the same again, and to compare is quicker than to cut. */
  #last: { start: string, keys: PrefixStats } | undefined

  constructor ({ cache, redis }: CacheStatsOptions) {
    this.#cache = cache
    this.#redis = redis
    subscribe(CACHE_CHANNEL, this.#onCacheEvent)
    subscribe(PAGE_CHANNEL, this.#onPageEvent)
    subscribe(REDIS_CHANNEL, this.#onRedisEvent)
  }

  close (): void {
    unsubscribe(CACHE_CHANNEL, this.#onCacheEvent)
    unsubscribe(PAGE_CHANNEL, this.#onPageEvent)
    unsubscribe(REDIS_CHANNEL, this.#onRedisEvent)
  }

  /** Of pages the answers count, and not what is looked up for them: that may be more than one key. */
  totals (): Totals {
    const totals: Totals = { hits: new Histogram(), stale: 0, misses: 0, loads: new Histogram(), saved: 0 }
    for (const [, { hits, misses, stale, saved }] of this.routes) {
      totals.hits.add(hits)
      totals.stale += stale
      totals.misses += misses.count
      totals.saved += saved
    }
    for (const [prefix, { hits, misses, stale, loads, saved }] of this.keys) {
      totals.loads.add(loads)
      if (prefix === PAGES) continue
      totals.hits.add(hits)
      totals.stale += stale
      totals.misses += misses.total - stale // an old answer follows a miss
      totals.saved += saved
    }
    return totals
  }

  #of (key: string): PrefixStats {
    if (this.#last !== undefined && key.startsWith(this.#last.start)) return this.#last.keys
    const colon = key.indexOf(':')
    if (colon < 0) return this.keys.of(key)
    const keys = this.keys.of(key.slice(0, colon))
    this.#last = { start: key.slice(0, colon + 1), keys }
    return keys
  }

  readonly #onCacheEvent = (message: unknown): void => {
    const event = message as CacheEvent
    if (event.cache !== this.#cache) return
    switch (event.type) {
      case 'hit': {
        const keys = this.#of(event.key)
        keys.hits.record(event.ms / 1000)
        return keys.answered(event.entry)
      }
      case 'stale': {
        const keys = this.#of(event.key)
        keys.stale++
        return keys.answered(event.entry)
      }
      case 'miss': return this.#of(event.key).misses.add(event.reason)
      case 'load': return this.#of(event.key).loads.record(event.ms / 1000)
      case 'set': this.#of(event.key).sets++; return
      case 'refuse': return this.#of(event.key).refusals.add(event.reason)
      case 'delete':
        for (const key of event.keys) this.#of(key).deletes++
        return this.invalidations.add('delete')
      case 'invalidate': return this.invalidations.add('tags')
      case 'clear': return this.invalidations.add('clear')
      case 'error': return this.errors.add(event.doing)
    }
  }

  readonly #onPageEvent = (message: unknown): void => {
    const event = message as PageEvent
    const { cache, status: { hit, fwd, detail }, ms } = event
    if (cache !== this.#cache) return
    const route = this.routes.of(event.route)
    if (hit && detail === undefined) {
      route.hits.record(ms / 1000)
      route.answered(event)
    } else if (hit || detail === 'stale-if-error') {
      route.stale++
      route.answered(event)
    } else {
      route.misses.record(ms / 1000)
      route.reasons.add(String(detail === 'invalidated' ? detail : fwd ?? detail))
    }
  }

  readonly #onRedisEvent = (message: unknown): void => {
    const { client, command, outcome, ms } = message as RedisEvent
    if (client === this.#redis) this.commands.of(command).of(outcome).record(ms / 1000)
  }
}
