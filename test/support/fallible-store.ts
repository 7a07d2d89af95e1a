import { type Entry, memoryStore, type Store, type Versions } from '../../src/cache/index.ts'

/** An L2 that can be made unavailable: then everything but `close` rejects. Or it refuses just writes. */
export interface FallibleStore extends Store {
  isDown: boolean
  /** Names of methods that reject as those of a store that takes no writes. */
  refused: readonly string[]
  /** Calls of methods while it was available, by name. */
  readonly calls: string[]
  /** While this is set, calls wait for it before they reach the store. */
  gate: Promise<void> | undefined
}

/** What a store refuses whose memory is full, and one that takes no writes at all. */
export const NEW_DATA = ['set', 'add', 'touch', 'increment', 'acquire', 'fill', 'invalidate']
export const ALL_WRITES = [...NEW_DATA, 'delete', 'clear']

const REFUSAL = new Error('L2 takes no writes')

/** A store that leases keys to one caller at a time, has a version clock of its own, and can be made unavailable. */
export function fallibleStore (now: () => number): FallibleStore {
  const store = memoryStore({ now })
  const clock = store.versions
  const guard = <Args extends unknown[], T>(name: string, method: (...args: Args) => T) =>
    async (...args: Args): Promise<Awaited<T>> => {
      await fallible.gate
      if (fallible.isDown) throw new Error('L2 is unavailable')
      if (fallible.refused.includes(name)) throw REFUSAL
      fallible.calls.push(name)
      return await method(...args)
    }
  const versions: Versions = {
    stamp: guard('stamp', (tags?: readonly string[]) => clock.stamp(tags)),
    firstChanged: guard('firstChanged', (stamp: string, tags: readonly string[]) => clock.firstChanged(stamp, tags)),
    invalidate: guard('invalidate', (tags: readonly string[]) => clock.invalidate(tags))
  }
  const leased = new Map<string, object>()
  const fallible: FallibleStore = {
    isDown: false,
    refused: [],
    refusesWrites: (error) => error === REFUSAL,
    calls: [],
    gate: undefined,
    name: 'fallible',
    get available () { return !fallible.isDown },
    versions,
    get: guard('get', store.get),
    getMany: guard('getMany', store.getMany),
    set: guard('set', (key: string, entry: Entry) => { leased.delete(key); return store.set(key, entry) }),
    add: guard('add', store.add),
    touch: guard('touch', store.touch),
    increment: guard('increment', store.increment),
    delete: guard('delete', (keys: readonly string[]) => {
      for (const key of keys) leased.delete(key)
      return store.delete(keys)
    }),
    clear: guard('clear', store.clear),
    async * scan (prefix) {
      await guard('scan', () => {})()
      yield * store.scan!(prefix)
    },
    close: store.close,
    acquire: guard('acquire', async (key: string, seen?: Entry) => {
      const stored = await store.get(key)
      if (stored !== undefined && stored !== seen) return stored
      const token = {}
      leased.set(key, token)
      return {
        lease: {
          fill: guard('fill', async (entry: Entry) => {
            if (leased.get(key) !== token) return 'revoked' as const
            leased.delete(key)
            await store.set(key, entry)
            return 'stored' as const
          }),
          release: guard('release', () => leased.delete(key))
        }
      }
    })
  }
  return fallible
}
