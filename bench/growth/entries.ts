import { type CacheAdapter, createCache, memoryStore } from '../../src/cache/index.ts'
import { assert, takeTurns, typicalCall } from '../support/turns.ts'
import type { Point } from './point.ts'

const COUNTS = [1, 1_000, 100_000, 1_000_000]
const CALLS = 20_000
const ROUNDS = 9
const AT_ONCE = 10_000

/** Measures the microseconds of a lookup in memory: of one key, and of keys from all over the cache. */
export async function entries (): Promise<Point[]> {
  const curves: Record<string, (count: number, cache: CacheAdapter) => number> = {
    'one key': (count, cache) => typicalCall(CALLS, () => lookUp(cache, count, 'page:0')),
    'keys from all over' (count, cache) {
      const keys = pickKeys(count)
      return typicalCall(CALLS, (call) => lookUp(cache, count, keys[call % keys.length]!))
    }
  }
  const points: Point[] = []
  for (const [curve, measure] of Object.entries(curves)) {
    const contenders: Record<string, () => number> = {}
    for (const count of COUNTS) {
      const cache = await fillCache(count)
      contenders[count] = () => measure(count, cache)
    }
    const figures = await takeTurns(ROUNDS, contenders)
    for (const count of COUNTS) points.push({ curve, at: count, figure: figures[count]! })
  }
  return points.toSorted((a, b) => a.curve.localeCompare(b.curve) || a.at - b.at)
}

async function fillCache (count: number): Promise<CacheAdapter> {
  const cache = createCache({ store: memoryStore({ maxBytes: 2 ** 31, maxEntries: count }) })
  for (let from = 0; from < count; from += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - from)
    await cache.setMany(Array.from({ length }, (_, i) => [`page:${from + i}`, 'soup'] as const))
  }
  return cache
}

/** Picks keys from all over the cache, with a step that is prime to the count. */
function pickKeys (count: number): string[] {
  return Array.from({ length: Math.min(count, CALLS) }, (_, i) => `page:${(i * 7919) % count}`)
}

function lookUp (cache: CacheAdapter, count: number, key: string): void {
  assert('payload' in cache.lookup(key), `an entry among ${count}`)
}
