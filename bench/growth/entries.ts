import { createCache, memoryStore } from '../../src/cache/index.ts'
import { assert, typicalCall } from '../support/turns.ts'
import type { Point } from './point.ts'

const COUNTS = [1, 1_000, 100_000, 1_000_000]
const CALLS = 20_000
const ROUNDS = 5
const AT_ONCE = 10_000

/** Microseconds of a look-up in memory: of one key again and again, and of keys from all over the cache. Of the quietest round, since the counts cannot take turns. */
export async function entries (): Promise<Point[]> {
  const points: Point[] = []
  for (const count of COUNTS) {
    const cache = createCache({ store: memoryStore({ maxBytes: 2 ** 31, maxEntries: count }) })
    for (let from = 0; from < count; from += AT_ONCE) {
      await cache.setMany(Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => [`page:${from + i}`, 'soup'] as const))
    }
    // A step that is prime to the count goes all over it.
    const keys = Array.from({ length: Math.min(count, CALLS) }, (_, i) => `page:${(i * 7919) % count}`)
    const look = (key: string) => assert('payload' in cache.lookup(key), `an entry among ${count}`)
    const quietest = (work: (call: number) => void) => Math.min(...Array.from({ length: ROUNDS }, () => typicalCall(CALLS, work)))
    points.push({ curve: 'one key', at: count, figure: quietest(() => look('page:0')) })
    points.push({ curve: 'keys from all over', at: count, figure: quietest((call) => look(keys[call % keys.length]!)) })
    await cache.clear()
  }
  return points.toSorted((a, b) => a.curve.localeCompare(b.curve) || a.at - b.at)
}
