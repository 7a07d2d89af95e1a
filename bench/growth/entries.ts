import { type Cache, createCache, memoryStore } from '../../src/cache/index.ts'
import { assert, takeTurns, typicalCall } from '../support/turns.ts'
import type { Point } from './point.ts'

const COUNTS = [1, 1_000, 100_000, 1_000_000]
const CALLS = 20_000
const ROUNDS = 9
const AT_ONCE = 10_000

/** Microseconds of a look-up in memory: of one key again and again, and of keys from all over the cache. */
export async function entries (): Promise<Point[]> {
  const curves: Record<string, (count: number, cache: Cache) => number> = {
    'one key': (count, cache) => typicalCall(CALLS, () => look(cache, count, 'page:0')),
    'keys from all over' (count, cache) {
      const keys = keysOf(count)
      return typicalCall(CALLS, (call) => look(cache, count, keys[call % keys.length]!))
    }
  }
  const points: Point[] = []
  for (const [curve, measure] of Object.entries(curves)) {
    const contenders: Record<string, () => number> = {}
    for (const count of COUNTS) {
      const cache = await filled(count)
      contenders[count] = () => measure(count, cache)
    }
    const figures = await takeTurns(ROUNDS, contenders)
    for (const count of COUNTS) points.push({ curve, at: count, figure: figures[count]! })
  }
  return points.toSorted((a, b) => a.curve.localeCompare(b.curve) || a.at - b.at)
}

async function filled (count: number): Promise<Cache> {
  const cache = createCache({ store: memoryStore({ maxBytes: 2 ** 31, maxEntries: count }) })
  for (let from = 0; from < count; from += AT_ONCE) {
    await cache.setMany(Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => [`page:${from + i}`, 'soup'] as const))
  }
  return cache
}

/** A step that is prime to the count goes all over it. */
function keysOf (count: number): string[] {
  return Array.from({ length: Math.min(count, CALLS) }, (_, i) => `page:${(i * 7919) % count}`)
}

function look (cache: Cache, count: number, key: string): void {
  assert('payload' in cache.lookup(key), `an entry among ${count}`)
}
