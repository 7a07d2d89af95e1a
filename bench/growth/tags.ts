import { createCache, memoryStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { connect, newFile } from '../support/files.ts'
import { assert, median, typicalCall } from '../support/turns.ts'
import type { Point } from './point.ts'

const COUNTS = [1, 10, 100, 1_000]
const CALLS = 10_000
const ROUNDS = 5
const COMMITS = 100

type Cache = ReturnType<typeof createCache>

/** Measures the microseconds of a lookup, by the number of tags of the entry. */
export async function tags (): Promise<Point[]> {
  const path = await newFile('growth', 2_000)
  const database = openDatabase(`file:${path}`)
  const other = connect(path)
  // Not one of the rows below.
  const write = other.prepare("UPDATE products SET price = '1' WHERE id = 2000")
  const inMemory = createCache({ store: memoryStore() })
  const onClock = createCache({ store: memoryStore(), versions: database.versions })
  const points: Point[] = []
  for (const count of COUNTS) {
    const named = Array.from({ length: count }, (_, i) => `products:${i + 1}`)
    for (const cache of [inMemory, onClock]) await cache.set(`${count}`, 'soup', { tags: named })
    const lookUp = (cache: Cache) => {
      assert('payload' in cache.lookup(`${count}`), `an entry with ${count} tags`)
    }
    const typical = (cache: Cache) => {
      return median(Array.from({ length: ROUNDS }, () => typicalCall(CALLS, () => lookUp(cache))))
    }
    points.push({ curve: 'clock in memory', at: count, figure: typical(inMemory) })
    points.push({ curve: 'clock in SQLite', at: count, figure: typical(onClock) })
    points.push({
      curve: 'the first after a commit',
      at: count,
      figure: median(Array.from({ length: COMMITS }, () => {
        write.run()
        const began = performance.now()
        lookUp(onClock)
        return (performance.now() - began) * 1000
      }))
    })
  }
  other.close()
  await database.close()
  return points.toSorted((a, b) => a.curve.localeCompare(b.curve) || a.at - b.at)
}
