import { decodeValue, encodeValue } from '../../../src/cache/entry/codec.ts'
import { collectReads, currentReads, type LoadContext, ReadSet, type Store, type Versions } from '../../../src/cache/index.ts'
import type { ModelCache } from './reads.ts'

/*
 * Caches as one would write them without much thought. Each of them serves what is no longer true, and the explorer
 * must find out.
 */

const NEVER = { storedAt: 0, freshUntil: Infinity, staleUntil: Infinity }

/** Get, load, set; whoever writes deletes the keys. */
export function cacheAside (store: Store): ModelCache {
  return {
    async getOrSet (key, load) {
      const kept = await orUndefined(() => store.get(key))
      if (kept !== undefined) return decodeValue(kept.payload) as never
      const value = await load(contextOf(key, () => {}))
      await orUndefined(() => store.set(key, { payload: encodeValue(value), tags: [], stamp: '', ...NEVER }))
      return value
    },
    getMany: async () => new Map(),
    touch: async () => false,
    deleteMany: async (keys) => await store.delete(keys),
    invalidateTags: async () => {}
  }
}

/** Entries carry the versions of their tags, and every hit is checked; but the stamp is taken when the load has ended. */
export function stampedLate (store: Store, versions: Versions): ModelCache {
  return {
    ...cacheAside(store),
    async getOrSet (key, load) {
      const around = currentReads()
      around?.begin(versions, () => '')
      const kept = await orUndefined(() => store.get(key))
      if (kept !== undefined && await versions.firstChanged(kept.stamp, kept.tags) === undefined) {
        around?.add(versions, kept.tags)
        return decodeValue(kept.payload) as never
      }
      const reads = new ReadSet()
      reads.begin(versions, () => '')
      const value = await collectReads(reads, async () => await load(contextOf(key, (...tags) => reads.add(versions, tags))))
      const tags = [...reads.tags(versions)]
      around?.add(versions, tags)
      const stamp = await versions.stamp(tags)
      await orUndefined(() => store.set(key, { payload: encodeValue(value), tags, stamp, ...NEVER }))
      return value
    },
    invalidateTags: async (tags) => await versions.invalidate(tags)
  }
}

function contextOf (key: string, addTags: LoadContext['addTags']): LoadContext {
  return { key, addTags, setTtl () {}, staleFor () {}, loadedIn () {}, ignoreReads () {}, skipStore () {} }
}

async function orUndefined<T> (work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch {
    return undefined
  }
}
