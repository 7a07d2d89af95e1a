import type { Entry } from './entry.ts'
import type { MaybePromise } from './maybe-promise.ts'
import { checkFunction, checkObject, duration } from './options.ts'
import type { Store } from './store.ts'

export interface TieredStoreOptions {
  /** Asked first. Must be in this process and hand out the entries that it was given, as `memoryStore` does. */
  near: Store
  /** The one that counts, shared with other processes. */
  far: Store
  /**
   * Seconds for which the near store is believed before the far one is asked again: the longest that an entry
   * without tags can outlive its deletion by another process. Default 1.
   */
  nearTtl?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** A near store over a far one. Reads fill the near store; writes go to the far one. */
export function tieredStore (options: TieredStoreOptions): Store {
  const { near, far } = options
  const now = options.now ?? Date.now
  checkObject('near', near, 'get', 'a store, e.g. memoryStore()')
  checkObject('far', far, 'get', 'a store, e.g. redisStore()')
  checkFunction('now', now)
  const nearMs = duration('nearTtl', options.nearTtl ?? 1) * 1000
  const believedUntil = new WeakMap<Entry, number>()

  /**
   * Counts the ends of writes, so that a read can tell that one ended since it asked: what it found may be from
   * before, and comes too late to be deleted.
   */
  let writes = 0

  async function get (key: string): Promise<Entry | undefined> {
    const kept = await near.get(key)
    if (kept !== undefined && (believedUntil.get(kept) ?? 0) > now()) return kept
    const before = writes
    const until = now() + nearMs
    const entry = await far.get(key)
    if (entry !== undefined && writes === before) {
      believedUntil.set(entry, until)
      await near.set(key, entry)
    }
    return entry
  }

  async function write<T> (keys: readonly string[], work: () => MaybePromise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      writes++
      await near.delete(keys)
    }
  }

  return {
    name: `${near.name} over ${far.name}`,
    versions: far.versions,
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    set: (key, entry) => write([key], () => far.set(key, entry)),
    add: (key, entry, replace) => write([key], () => far.add(key, entry, replace)),
    touch: (key, freshUntil, staleUntil) => write([key], () => far.touch(key, freshUntil, staleUntil)),
    increment: (key, by, initial, replace) => write([key], () => far.increment(key, by, initial, replace)),
    delete: (keys) => write(keys, () => far.delete(keys)),
    async clear () {
      await write([], () => far.clear())
      await near.clear()
    },
    async close () {
      await near.close()
      await far.close()
    },
    ...near.stats && { stats: () => near.stats!() }
  }
}
