import { decodeValue, encodeValue } from '../../../src/cache/entry/codec.ts'
import {
  collectReads, currentReads, type LoadContext, ReadSet, type Store, type Versions
} from '../../../src/cache/index.ts'
import type { ModelCache } from './reads.ts'

/*
 * Simple caches that serve stale values. The explorer must find a scenario that proves it for each of them.
 */

const NEVER = { storedAt: 0, freshUntil: Infinity, staleUntil: Infinity }

/** Get, load, set; writers delete the keys. */
export function cacheAside (store: Store): ModelCache {
  return {
    async getOrSet (key, load) {
      const entry = await orUndefined(() => store.get(key))
      if (entry !== undefined) return decodeValue(entry.payload) as never
      const value = await load(createContext(key, () => {}))
      await orUndefined(() => store.set(key, { payload: encodeValue(value), tags: [], stamp: '', ...NEVER }))
      return value
    },
    getMany: async () => new Map(),
    touch: async () => false,
    deleteMany: async (keys) => await store.delete(keys),
    invalidateTags: async () => {}
  }
}

/** Checks the versions of an entry's tags on every hit, but takes the stamp after the load instead of before it. */
export function stampedLate (store: Store, versions: Versions): ModelCache {
  return {
    ...cacheAside(store),
    async getOrSet (key, load) {
      const outer = currentReads()
      outer?.begin(versions, () => '')
      const entry = await orUndefined(() => store.get(key))
      if (entry !== undefined && await versions.firstChanged(entry.stamp, entry.tags) === undefined) {
        outer?.add(versions, entry.tags)
        return decodeValue(entry.payload) as never
      }
      const reads = new ReadSet()
      reads.begin(versions, () => '')
      const context = createContext(key, (...tags) => reads.add(versions, tags))
      const value = await collectReads(reads, async () => await load(context))
      const tags = [...reads.tags(versions)]
      outer?.add(versions, tags)
      const stamp = await versions.stamp(tags)
      await orUndefined(() => store.set(key, { payload: encodeValue(value), tags, stamp, ...NEVER }))
      return value
    },
    invalidateTags: async (tags) => await versions.invalidate(tags)
  }
}

const { signal } = new AbortController()

function createContext (key: string, addTags: LoadContext['addTags']): LoadContext {
  const notModified = () => undefined as never
  return { key, addTags, setTtl () {}, skipStore () {}, stale: undefined, signal, notModified }
}

async function orUndefined<T> (work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch {
    return undefined
  }
}
