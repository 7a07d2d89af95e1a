import { type Entry, isSameEntry } from '../entry/entry.ts'
import { isMiss, isUnanswered, type Miss } from '../entry/lookup.ts'
import { decodableEntry } from '../entry/value.ts'
import { LoadFailedError } from '../errors.ts'
import type { Lease, LeaseWaiter } from '../stores/store.ts'
import type { LoadOptions } from '../options.ts'
import type { EntryStore } from './entry-store.ts'
import { mayRefresh, servesStaleAtOnce } from './staleness.ts'

/** Milliseconds between looks at a lease that another process holds: a lease that expires sends no message. */
const LOOK_MS = 250

/** Unusable entries that other callers store while this one looks, after which it loads for itself. */
const MAX_UNUSABLE = 100

/** The result of an attempt to become the one that loads a key. */
export interface Acquired {
  /** A usable entry that another caller has stored since the miss. */
  readonly entry?: Entry
  /** The right to store the result of the load, if the store leases keys. */
  readonly lease?: Lease | undefined
  /** Whether all callers share it, since the last result could not be stored. */
  readonly hitForMiss?: boolean | undefined
  /** The expired entry that the load is to replace. It may have been deleted since the miss. */
  readonly expired?: Entry | undefined
  /** The same, if it was still stored when the lease was acquired. */
  readonly stale?: Entry | undefined
  /** Another caller held the lease for a while. */
  readonly waited?: boolean
  /** The store cannot lease the key now. */
  readonly unavailable?: boolean
  /** Another caller has held the lease for as long as this caller waits. */
  readonly overdue?: boolean
  /** Another caller holds the lease, and this caller does not wait. */
  readonly busy?: boolean
}

/**
 * Looks again after a miss, and acquires the lease of the key in the same step. While another process holds it, waits
 * for the entry that its load stores.
 *
 * @param maxWaitMs milliseconds for which it waits at most
 */
export async function acquireLease (
  entries: EntryStore, key: string, miss: Miss, options: LoadOptions, maxWaitMs: number
): Promise<Acquired> {
  let { seen } = miss
  let expired = miss.miss === 'expired' ? seen : undefined
  // The store has just failed, so it gets no other command before the load.
  if (isUnanswered(miss)) return { unavailable: entries.leases, expired }
  let waiter: LeaseWaiter | undefined
  try {
    const startedAt = performance.now()
    let unusable = 0
    while (true) {
      const found = await entries.acquire(key, seen)
      if (found === undefined) return { unavailable: true, expired }
      const isEntry = 'payload' in found
      const entry = isEntry ? found : found.stale
      if (entry !== undefined && !isSameEntry(entry, seen)) {
        const checked = decodableEntry(await entries.check(entry))
        if (!isMiss(checked)) return { entry: checked }
        if (checked.miss === 'unavailable') return { unavailable: entries.leases }
        seen = entry
        expired = checked.miss === 'expired' ? entry : undefined
        if (waiter !== undefined && hasJustFailed(checked.stale, options, entries.now())) {
          throw new LoadFailedError(JSON.stringify(key))
        }
      }
      if (isEntry) {
        if (++unusable < MAX_UNUSABLE) continue
        return { overdue: true, waited: true }
      }
      const { lease, hitForMiss } = found
      if (found.wait === undefined) {
        return { lease, hitForMiss, expired, stale: entry && expired, waited: waiter !== undefined }
      }
      if (options.wait === false) return { busy: true }
      const remainingMs = maxWaitMs - (performance.now() - startedAt)
      if (remainingMs <= 0) return { overdue: true, waited: true }
      waiter ??= found.wait()
      await waiter.next(Math.min(LOOK_MS, remainingMs))
    }
  } finally {
    waiter?.end()
  }
}

/** Whether the load of another process has noted its failure at an entry that may be served in place of the value. */
function hasJustFailed (stale: Entry | undefined, options: LoadOptions, now: number): boolean {
  return servesStaleAtOnce(stale, options, now) && !mayRefresh(stale, now)
}
