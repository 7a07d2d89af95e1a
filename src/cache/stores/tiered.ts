import type { Entry } from '../entry/entry.ts'
import type { MaybePromise } from '../util/maybe-promise.ts'
import { checkDuration, checkFunction, checkObject } from '../util/validate.ts'
import { memoizedVersions } from '../versions/memoized.ts'
import { getLru } from './memory.ts'
import type { Lease, LeaseResult, Store } from './store.ts'

export interface TieredStoreOptions {
  /** L1: a store that `memoryStore` returned. */
  near: Store
  /** L2: the store that other processes share. */
  far: Store
  /**
   * Seconds for which L1 is trusted after L2 was read, or after the backplane last caught up: the longest time that a
   * change by another process can go unseen, whatever fails. Default 1.
   */
  nearTtl?: number
  /** Returns the time in milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/**
 * L1 in the memory of this process over a shared L2. Reads of L2 fill L1; writes go to L2 and delete from L1. If L2 has
 * a backplane, L1 is trusted for as long as that reports changes; otherwise, and while it is down, for `nearTtl`.
 */
export function tieredStore (options: TieredStoreOptions): Store {
  const { near, far, now = Date.now } = options
  checkObject('near', near, 'get', 'a store that memoryStore() returned')
  checkObject('far', far, 'get', 'a store, e.g. redisStore()')
  checkFunction('now', now)
  const l1 = getLru(near)
  if (l1 === undefined) {
    throw new TypeError(`near must be a store that memoryStore() returned, got another store, "${near.name}"`)
  }
  const nearMs = checkDuration('nearTtl', options.nearTtl ?? 1) * 1000
  const { backplane } = far
  const fence = new ReadFence()
  let versions = far.versions

  if (backplane !== undefined) {
    const memoized = versions = memoizedVersions({ remote: far.versions, isTrusted, now })
    backplane.listen({
      onEntry: (key) => forget([key]),
      onTag: memoized.reset,
      onAll () {
        fence.breakAll()
        l1.clear()
        memoized.reset()
      }
    })
  }

  /**
   * Whether a reply of L2 is still valid, if the backplane has reported no change of it.
   *
   * @param readAt when L2 was read, in milliseconds since 1970
   */
  function isTrusted (readAt: number): boolean {
    const time = now()
    return isRecent(time - readAt) || (backplane !== undefined && isRecent(time - backplane.caughtUpTo))
  }

  /** A negative age means that the system clock was set back, so that it says nothing. */
  function isRecent (ageMs: number): boolean {
    return ageMs >= 0 && ageMs < nearMs
  }

  function get (key: string): MaybePromise<Entry | undefined> {
    const slot = l1!.get(key)
    if (slot?.reader === fence && isTrusted(slot.readAt!)) return slot.entry
    return readL2(key, () => far.get(key))
  }

  /** Stores in L1 the entry that L2 returns, unless the key changes meanwhile: it may be older than the change. */
  async function readL2<T extends object | undefined> (key: string, read: () => MaybePromise<T>): Promise<T> {
    const readAt = now()
    const fenced = fence.enter(key)
    try {
      const result = await read()
      if (isEntry(result) && !fenced.isBroken()) l1!.set(key, result, readAt, fence)
      return result
    } finally {
      fenced.leave()
    }
  }

  function forget (keys: readonly string[]): void {
    fence.break(keys)
    for (const key of keys) l1!.delete(key)
  }

  /** Writes to L2. L1 forgets the keys afterwards, even if the write fails: it may have been carried out. */
  async function write<T> (keys: readonly string[], work: () => MaybePromise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      forget(keys)
    }
  }

  async function acquire (key: string, seen?: Entry): Promise<Entry | LeaseResult> {
    l1!.delete(key)
    const result = await readL2(key, () => far.acquire!(key, seen))
    if (isEntry(result) || result.lease === undefined) return result
    const { lease } = result
    // Filling a lease is a write like any other: the next read fills L1. The entry must not be put into L1 here, since
    // the backplane may report this write together with a later one of another process.
    const forgetting: Lease = {
      fill: (entry) => write([key], () => lease.fill(entry)),
      release: (hitForMissMs, stale) => write([key], () => lease.release(hitForMissMs, stale))
    }
    return { ...result, lease: forgetting }
  }

  return {
    name: `${near.name} over ${far.name}`,
    versions,
    get available () { return far.available ?? true },
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    set: (key, entry) => write([key], () => far.set(key, entry)),
    add: (key, entry, replace) => write([key], () => far.add(key, entry, replace)),
    touch: (key, freshUntil, staleUntil) => write([key], () => far.touch(key, freshUntil, staleUntil)),
    increment: (key, by, initial, replace) => write([key], () => far.increment(key, by, initial, replace)),
    delete: (keys) => write(keys, () => far.delete(keys)),
    async clear (filter) {
      try {
        return await far.clear(filter)
      } finally {
        fence.breakAll()
        l1.deleteMatching(filter)
      }
    },
    async close () {
      l1.clear()
      await far.close()
    },
    ...far.acquire && { acquire },
    stats: () => l1.stats()
  }
}

function isEntry (result: Entry | LeaseResult | object | undefined): result is Entry {
  return result !== undefined && 'payload' in result
}

/**
 * Fences reads of L2 against concurrent writes. A read may return a value from before a write that ended meanwhile, and
 * must not put it into L1 then. So each read enters the fence of its key, a write breaks it, and the read checks that
 * before it fills L1.
 */
class ReadFence {
  /** The keys that are being read. */
  readonly #byKey = new Map<string, { readers: number, writes: number }>()

  enter (key: string) {
    let fence = this.#byKey.get(key)
    if (fence === undefined) this.#byKey.set(key, fence = { readers: 0, writes: 0 })
    fence.readers++
    const { writes } = fence
    return {
      isBroken: () => fence.writes !== writes,
      leave: () => { if (--fence.readers === 0) this.#byKey.delete(key) }
    }
  }

  break (keys: readonly string[]): void {
    for (const key of keys) {
      const fence = this.#byKey.get(key)
      if (fence !== undefined) fence.writes++
    }
  }

  breakAll (): void {
    for (const fence of this.#byKey.values()) fence.writes++
  }
}
