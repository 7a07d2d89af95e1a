import type { Redis } from 'ioredis'
import {
  type CacheOptions, createCache, memoryStore, type Store, tieredStore
} from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { fallibleStore } from '../../../support/fallible-store.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

let prefixes = 0
/** A key prefix that no other test of the process uses. */
export const newPrefix = () => `test${++prefixes}`

/** Waits until everything has run that only waits for its turn. */
export const turn = () => new Promise(setImmediate)

/** A Redis store without a backplane, as for a cluster. */
export function silentStore (client: Redis, now: () => number): Store {
  const { backplane, ...silent } = patientRedisStore({ client, prefix: newPrefix(), now })
  return silent
}

/** A store that counts the reads of another. */
export function countReads (store: Store): Store & { reads: number } {
  const counting = {
    ...store,
    reads: 0,
    get (key: string) {
      counting.reads++
      return store.get(key)
    }
  }
  return counting
}

/** A store that can hold back the results of reads, and the start of deletions, of another. */
export function holdBack (store: Store) {
  let gate: PromiseWithResolvers<void> | undefined
  const held: Store = {
    ...store,
    async get (key) {
      const entry = await store.get(key)
      await gate?.promise
      return entry
    },
    async delete (keys) {
      await gate?.promise
      return await store.delete(keys)
    }
  }
  return {
    held,
    /** Holds back all calls from now on; returns how to release them. */
    hold () {
      const { resolve } = gate = Promise.withResolvers<void>()
      return () => {
        gate = undefined
        resolve()
      }
    },
    /** Lets later calls pass. What is held back stays so. */
    holdNoMore () { gate = undefined }
  }
}

/** A process with a tiered store, and the cache of another that uses the same L2. */
export function oneProcess (nearTtl: number) {
  const { now, advance } = fakeClock()
  const far = memoryStore({ now })
  const { held, ...holding } = holdBack(far)
  return {
    advance,
    mine: createCache({ store: tieredStore({ near: memoryStore({ now }), far: held, nearTtl, now }), now }),
    far: createCache({ store: far, now }),
    ...holding
  }
}

/** Two processes, each with its own L1, over one L2 in Redis without a backplane. */
export function twoProcesses (client: Redis, nearTtl?: number) {
  const { now, advance } = fakeClock()
  const far = countReads(silentStore(client, now))
  const newCache = () => createCache({
    store: tieredStore({ near: memoryStore({ now }), far, now, ...nearTtl !== undefined && { nearTtl } }), now
  })
  return { advance, far, mine: newCache(), theirs: newCache() }
}

/** A process whose L2 can be unavailable, and another one without L1, whose L2 is the same. */
export function fallibleProcess (options: Pick<CacheOptions, 'versions'> = {}) {
  const { now, advance } = fakeClock()
  const far = fallibleStore(now)
  const store = tieredStore({ near: memoryStore({ now }), far, now })
  return {
    advance,
    far,
    store,
    mine: createCache({ store, now, ...options }),
    theirs: createCache({ store: far, now, ...options })
  }
}
