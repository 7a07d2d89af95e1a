import { encodeValue } from '../entry/codec.ts'
import type { Lease, Store } from '../stores/store.ts'
import type { MaybePromise } from '../util/maybe-promise.ts'
import { toTimerMs } from '../util/timer.ts'
import type { ReadSet } from '../versions/read-set.ts'
import type { Stamp, Versions } from '../versions/versions.ts'
import type { LoadResult } from './result.ts'

/** A load in flight. */
export interface InFlightLoad {
  /** The version clock of its cache. Callers of a cache with another one cannot check what it has read. */
  readonly versions: Versions
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** The version clock before the load began to read; undefined if no clock answered. */
  stamp: MaybePromise<Stamp | undefined>
  /** What it has read so far. */
  readonly reads: ReadSet
  result: Promise<LoadResult>
  /** Callers that wait for the result. */
  callers: number
  /** Present if the loader function has asked for its signal. It is aborted when no caller waits any more. */
  controller: AbortController | undefined
  /** Another caller may wait for the result. */
  joined: boolean
  /**
   * The key was written, deleted or loaded anew while this load was in flight. Its result is not stored, and no caller
   * may join it.
   */
  revoked: boolean
  /** The right to store the result, if the store leases keys. */
  lease: Lease | undefined
  /** The store could not lease the key: a deletion elsewhere would go unseen, so the result is stored in L1 only. */
  leaseUnavailable: boolean
  /** After its end: whether it held the lease until then. If not, another process may have deleted the key. */
  leaseHeld: MaybePromise<boolean | void>
  /** After its end: whether the result was current then. One check for all callers that joined. */
  stillCurrent: MaybePromise<boolean> | undefined
  ended: boolean
  /** Called at its end. Callers that wait no longer leave nothing behind, however long the load takes. */
  readonly waiters: Set<() => void>
}

/** Waits until a load has ended, or for this many milliseconds. Returns whether it has ended. */
export async function waitForEnd ({ ended, waiters }: InFlightLoad, ms: number): Promise<boolean> {
  if (ended || ms <= 0) return ended
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const onEnd = () => resolve(true)
  const timer = setTimeout(resolve, toTimerMs(ms), false)
  waiters.add(onEnd)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    waiters.delete(onEnd)
  }
}

/** Returns the signal that is aborted when no caller waits for the load any more. */
export function getSignal (load: InFlightLoad): AbortSignal {
  const controller = load.controller ??= new AbortController()
  if (load.callers === 0) controller.abort()
  return controller.signal
}

/** Counts a caller while it waits for a load. */
export async function countCaller<T> (load: InFlightLoad, wait: () => Promise<T>): Promise<T> {
  load.callers++
  try {
    return await wait()
  } finally {
    if (--load.callers === 0 && !load.ended) load.controller?.abort()
  }
}

/** Whether no caller waits for the load, and its loader function was told so. */
export function isAborted ({ controller }: InFlightLoad): boolean {
  return controller !== undefined && controller.signal.aborted
}

const byStore = new WeakMap<Store, InFlightLoads>()

/**
 * Returns the loads of all caches of this process that use the store. They share them, so that a deletion by one cache
 * is not overtaken by a load of another.
 */
export function shareLoads (store: Store): InFlightLoads {
  if (store.base !== undefined) return shareLoads(store.base)
  let loads = byStore.get(store)
  if (loads === undefined) byStore.set(store, loads = new InFlightLoads())
  return loads
}

/** The loads in flight in this process, by key. Only the latest load of a key may be joined and stored. */
export class InFlightLoads {
  readonly #byKey = new Map<string, InFlightLoad>()
  #size = 0

  /** How many loads are in flight, including those that no caller may join any more. */
  get size (): number {
    return this.#size
  }

  get (key: string): InFlightLoad | undefined {
    return this.#byKey.get(key)
  }

  /** Starts a load. It replaces any other load of the key, which is revoked. */
  start (key: string, load: InFlightLoad, run: () => Promise<LoadResult>): InFlightLoad {
    this.revoke(key)
    this.#byKey.set(key, load)
    this.#size++
    load.result = run().finally(() => {
      this.#size--
      if (this.#byKey.get(key) === load) this.#byKey.delete(key)
    }).then((result) => load.joined ? addPayload(result) : result)
    return load
  }

  revoke (key: string): void {
    const load = this.#byKey.get(key)
    if (load === undefined) return
    load.revoked = true
    this.#byKey.delete(key)
  }

  /** @param prefix revokes the loads of keys that begin with it; empty: all loads */
  revokeAll (prefix = ''): void {
    for (const key of this.#byKey.keys()) {
      if (key.startsWith(prefix)) this.revoke(key)
    }
  }
}

/** Adds the encoded value if there is no entry: the caller that runs the loader may change the value later. */
function addPayload (result: LoadResult): LoadResult {
  if (result.entry !== undefined || result.value === undefined) return result
  try {
    return { ...result, payload: encodeValue(result.value) }
  } catch {
    return result
  }
}
