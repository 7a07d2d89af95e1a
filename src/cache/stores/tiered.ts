import type { Entry } from '../entry/entry.ts'
import { currentTime } from '../util/clock.ts'
import type { Duration } from '../util/duration.ts'
import { andThen, type MaybePromise } from '../util/maybe-promise.ts'
import { checkDuration, checkFunction, checkNames, checkObject } from '../util/validate.ts'
import { memoizedVersions } from '../versions/memoized.ts'
import { outageVersions } from '../versions/outage.ts'
import { MissedDeletes } from './missed-deletes.ts'
import { NearEntries } from './near-entries.ts'
import { ReadFence } from './read-fence.ts'
import { type EntryFilter, isEntry, isLeaseResult, type Lease, type LeaseResult, type Store } from './store.ts'

export interface TieredStoreOptions {
  /** L1: a store in this process that returns the stored objects at once, e.g. `memoryStore()`. */
  near: Store
  /** L2: the store that other processes share. */
  far: Store
  /**
   * How long L1 is trusted after L2 was read, or after the backplane last caught up: the longest time that a
   * change by another process can go unseen while L2 is available. Default 1 second.
   */
  nearTtl?: Duration
  /**
   * The same while L2 is unavailable: after this time an entry of L1 is expired, because another process may have
   * deleted it. An entry whose tags can be checked on a version clock outside L2, e.g. that of a database, stays fresh
   * for its whole lifetime. Default 10 seconds; never less than `nearTtl`.
   */
  outageTtl?: Duration
  /** Returns the time in milliseconds since 1970. Default the system clock, which never runs backwards here. */
  now?: () => number
}

const OPTIONS = new Set<keyof TieredStoreOptions>(['near', 'far', 'nearTtl', 'outageTtl', 'now'])

/**
 * Creates a store of two levels: L1 in the memory of this process over a shared L2.
 *
 * Reads of L2 fill L1; writes go to L2 and delete from L1. If L2 has a backplane, L1 is trusted for as long as that
 * reports changes; otherwise, and while it is down, for `nearTtl`.
 *
 * While L2 is unavailable, L1 takes its place for this process. When L2 has recovered, L1 drops what it has stored in
 * the meantime, and L2 what this process was to delete.
 */
export function tieredStore (options: TieredStoreOptions): Store {
  checkNames('tieredStore()', options, OPTIONS)
  const { near, far, now = currentTime } = options
  checkObject('near', near, 'get', 'a store in this process, e.g. memoryStore()')
  checkObject('far', far, 'get', 'a store, e.g. redisStore()')
  checkFunction('now', now)
  const nearMs = checkDuration('nearTtl', options.nearTtl ?? 1) * 1000
  const outageMs = Math.max(nearMs, checkDuration('outageTtl', options.outageTtl ?? 10) * 1000)
  const { backplane } = far
  const l1 = new NearEntries({ near, backplane, nearMs, outageMs, outages: () => far.outages ?? 0, now })
  const fence = new ReadFence()
  const missed = new MissedDeletes(far, now)
  const isAvailable = () => far.available ?? true
  const isRefusal = (error: unknown) => far.refusesWrites?.(error) === true

  // A store that is never unavailable says nothing about it.
  const local = far.available !== undefined && outageVersions({
    remote: far.versions,
    isAvailable,
    isTrusted: (checkedAt) => l1.isTrustedInOutage(checkedAt),
    onOverflow: () => missed.addClear(''),
    now
  })
  const remote = local || far.versions
  const memoized = backplane && memoizedVersions({ remote, isTrusted: (checkedAt) => l1.isTrusted(checkedAt), now })
  const onTag = () => {
    if (local) local.reset()
    memoized?.reset()
  }
  backplane?.listen({
    onEntry: (key) => forget([key]),
    onTag,
    onAll () {
      fence.breakAll()
      l1.clear()
      onTag()
    }
  })

  function get (key: string): MaybePromise<Entry | undefined> {
    return l1.getTrusted(key) ?? readL2(key, () => far.get(key))
  }

  /** Sends a command to L2, after the deletions that L2 has missed: they must neither be undone nor undo it. */
  function useL2<T> (send: () => MaybePromise<T>): MaybePromise<T> {
    return andThen(isAvailable() ? missed.settle() : undefined, send)
  }

  function readL2<T extends Entry | LeaseResult | undefined> (
    key: string, read: () => MaybePromise<T>
  ): MaybePromise<T> {
    return useL2(() => readAndFill(key, read))
  }

  /** Stores in L1 the entry that L2 returns, unless the key changes meanwhile: it may be older than the change. */
  async function readAndFill<T extends Entry | LeaseResult | undefined> (
    key: string, read: () => MaybePromise<T>
  ): Promise<T> {
    const readAt = now()
    const fenced = fence.enter(key)
    try {
      let result = await read()
      if (isEntry(result) && missed.hasCleared(key, result.storedAt)) {
        await far.delete([key])
        result = await read()
      }
      l1.endOutage()
      if (fenced.isBroken()) return result
      if (isLeaseResult(result)) l1.delete([key])
      else result = l1.update(key, result, readAt) as T
      return result
    } finally {
      fenced.leave()
    }
  }

  function forget (keys: readonly string[]): void {
    fence.break(keys)
    l1.delete(keys)
  }

  /** Writes to L2. L1 forgets the keys afterwards, even if the write fails: it may have been carried out. */
  async function write<T> (keys: readonly string[], work: () => MaybePromise<T>): Promise<T> {
    try {
      const result = await work()
      l1.endOutage()
      return result
    } finally {
      forget(keys)
    }
  }

  /** As `write`. If L2 fails or refuses the entry, L1 stores it, unless the key has changed meanwhile. */
  async function writeEntry<T> (key: string, entry: Entry, work: () => MaybePromise<T>): Promise<T> {
    const fenced = fence.enter(key)
    try {
      const result = await work()
      l1.endOutage()
      l1.endRefusal()
      fenced.leave()
      missed.noteWrite(key, entry.storedAt)
      forget([key])
      return result
    } catch (error) {
      const isLatest = !fenced.isBroken()
      fenced.leave()
      fence.break([key])
      if (!isLatest) l1.delete([key])
      else if (isRefusal(error)) l1.setRefused(key, entry)
      else l1.set(key, entry)
      throw error
    }
  }

  async function clear (filter: EntryFilter = {}): Promise<number> {
    try {
      return await far.clear(filter)
    } catch (error) {
      // Entries with tags are invalid already.
      const prefixes = filter.tags === undefined ? filter.prefixes ?? [filter.prefix ?? ''] : []
      for (const prefix of prefixes) missed.addClear(prefix)
      throw error
    }
  }

  async function * scan (prefix: string): AsyncGenerator<Array<readonly [string, Entry]>> {
    await useL2(() => {})
    for await (const step of far.scan!(prefix)) {
      yield step.filter(([key, { storedAt }]) => !missed.hasCleared(key, storedAt))
    }
  }

  async function acquire (key: string, seen?: Entry): Promise<Entry | LeaseResult> {
    let result: Entry | LeaseResult
    try {
      result = await readL2(key, () => far.acquire!(key, seen))
    } catch (error) {
      if (!isRefusal(error)) throw error
      return { lease: leaseHere(key), refusal: error }
    }
    if (!isLeaseResult(result) || result.lease === undefined) return result
    l1.endRefusal()
    const { lease } = result
    // Filling a lease is a write like any other: the next read fills L1. The entry must not be put into L1 here, since
    // the backplane may report this write together with a later one of another process.
    const forgetting: Lease = {
      fill: (entry) => writeEntry(key, entry, () => lease.fill(entry)),
      release: (hitForMissMs, stale) => stale === undefined
        ? lease.release(hitForMissMs)
        : write([key], () => lease.release(hitForMissMs, stale))
    }
    return { ...result, lease: forgetting }
  }

  /** A lease that holds in this process only: the entry that fills it is stored in L1. */
  function leaseHere (key: string): Lease {
    const fenced = fence.enter(key)
    return {
      fill (entry) {
        fenced.leave()
        if (fenced.isBroken()) return 'revoked'
        return l1.setRefused(key, entry) ? 'stored' : 'too-large'
      },
      async release (_hitForMissMs, stale) {
        fenced.leave()
        if (fenced.isBroken()) return false
        if (stale === null) await remove([key])
        else if (stale !== undefined) l1.setRefused(key, stale)
        return true
      }
    }
  }

  function remove (keys: readonly string[]): Promise<number> {
    return missed.watch(keys, () => write(keys, () => far.delete(keys)))
  }

  return {
    name: `${near.name} over ${far.name}`,
    versions: memoized ?? remote,
    get available () { return isAvailable() },
    connection: far.connection,
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    set: (key, entry) => missed.watch([key], () => writeEntry(key, entry, () => useL2(() => far.set(key, entry)))),
    add: (key, entry, replace) => write([key], () => useL2(() => far.add(key, entry, replace))),
    touch: (key, freshUntil, staleUntil) => write([key], () => useL2(() => far.touch(key, freshUntil, staleUntil))),
    increment: (key, by, initial, replace) => write([key], () => useL2(() => far.increment(key, by, initial, replace))),
    delete: remove,
    async clear (filter) {
      try {
        return await clear(filter)
      } finally {
        fence.breakAll()
        l1.clear(filter)
      }
    },
    ...far.scan && { scan },
    ...far.locks && { locks: far.locks },
    close: () => andThen(l1.clear(), () => far.close()),
    ...far.acquire ? { acquire } : { base: far },
    outage: l1,
    ...near.stats && { stats: () => near.stats!() }
  }
}
