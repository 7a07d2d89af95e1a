import {
  type CacheAdapter, createCache, currentReads, memoryStore, memoryVersions, type Versions
} from '../../src/cache/index.ts'
import { fakeClock } from './clock.ts'

/** Two caches with one version clock, as for two kinds of values from one database. */
export function createCaches () {
  const clock = fakeClock()
  const versions = memoryVersions()
  const make = () => createCache({ store: memoryStore({ now: clock.now }), versions, now: clock.now })
  return { clock, versions, outer: make(), inner: make() }
}

/** Reads as a database does: records the dependency first, then returns the value. */
export function read<T> (versions: Versions, tag: string, answer: T): T {
  const reads = currentReads()
  reads?.begin(versions, () => versions.stamp())
  reads?.add(versions, [tag])
  return answer
}

export async function readTags (cache: CacheAdapter, key = 'key'): Promise<string[] | undefined> {
  const found = await cache.lookup(key)
  return 'miss' in found ? undefined : [...found.tags].sort()
}

/** Returns whether the loader ran. */
export async function reloads (cache: CacheAdapter, key = 'key'): Promise<boolean> {
  let ran = false
  await cache.getOrSet(key, () => { ran = true; return 'again' })
  return ran
}
