import { type Entry, hasLifetime } from '../entry/entry.ts'
import { encodeValue } from '../entry/codec.ts'
import { isMiss, type Miss } from '../entry/lookup.ts'
import { decodeEntry } from '../entry/value.ts'
import type { LoadOptions } from '../options.ts'
import { andThen, orElse } from '../util/maybe-promise.ts'
import { collectReads } from '../versions/read-set.ts'
import type { EntryStore } from './entry-store.ts'
import { getSignal, type InFlightLoad } from './in-flight.ts'
import { type Acquired, acquireLease } from './lease.ts'
import type { Produce, ProduceContext, Produced } from './produce.ts'
import type { LoadResult } from './result.ts'
import { nextRetry } from './staleness.ts'
import type { NotStoredReason } from '../versions/not-stored-reason.ts'

/** Milliseconds for which all processes load in parallel after a load whose result could not be stored. */
export const HIT_FOR_MISS_MS = 10_000

/** The result of a load that did not begin, because another caller loads the key and its own caller does not wait. */
export const GIVEN_UP: LoadResult = { value: undefined, stored: false }
/** The result of a load that did not begin, because its key was written, deleted or loaded anew before. */
export const REPLACED: LoadResult = { value: undefined, stored: false }

export interface LoadRun {
  readonly key: string
  readonly load: InFlightLoad
  readonly produce: Produce
  readonly options: LoadOptions
  readonly miss: Miss
  /** Why the load is neither shared nor stored; undefined: it is both. */
  readonly isolatedBecause: NotStoredReason | undefined
}

/** Runs one load: acquires the lease, produces the value, and stores it or says why not. */
export class LoadRunner {
  readonly #entries: EntryStore
  readonly #ttl: number | null
  readonly #maxWaitMs: number

  /**
   * @param ttl seconds for which a value is stored if a call does not say; null: for ever
   * @param maxWaitMs milliseconds for which the load of another process is waited for
   */
  constructor (entries: EntryStore, ttl: number | null, maxWaitMs: number) {
    this.#entries = entries
    this.#ttl = ttl
    this.#maxWaitMs = maxWaitMs
  }

  async run (run: LoadRun): Promise<LoadResult> {
    const { key, load, options, miss } = run
    const acquired: Acquired = run.isolatedBecause === undefined
      ? await acquireLease(this.#entries, key, miss, options, this.#maxWaitMs)
      : {}
    if (acquired.entry !== undefined) {
      this.#entries.recordDependencies(load.reads, acquired.entry)
      return adoptEntry(acquired.entry)
    }
    if (acquired.busy) {
      load.revoked = true // callers that have joined look for themselves
      return GIVEN_UP
    }
    load.lease = acquired.lease
    load.leaseUnavailable = acquired.unavailable === true
    if (acquired.waited && load.revoked) {
      await this.release(load, 0)
      return REPLACED
    }
    if (acquired.waited) {
      load.stamp = load.reads.restamp(this.#entries.versions, () => this.#entries.stamp(options.tags))
    }
    const { expired } = acquired
    try {
      const begun = acquired.overdue ? { ...run, isolatedBecause: 'load-overdue' as const } : run
      const result = await this.#produceAndStore(begun, acquired)
      const { notStoredBecause } = result
      if (notStoredBecause !== undefined) this.#entries.emit({ type: 'refuse', key, reason: notStoredBecause })
      if (expired !== undefined && result.dropsStale) await this.#dropStale(key, expired, load)
      this.release(load, HIT_FOR_MISS_MS)
      return result
    } catch (error) {
      if (expired !== undefined && !load.revoked) await this.#noteFailure(key, expired, load)
      this.release(load, HIT_FOR_MISS_MS)
      throw error
    }
  }

  async #produceAndStore (run: LoadRun, acquired: Acquired): Promise<LoadResult> {
    const { key, load, options, isolatedBecause } = run
    const { reads } = load
    const stamp = await load.stamp
    const startedAt = this.#entries.now()
    const produced = await this.#produce(run, acquired, acquired.stale)
    const { value, discard, ignoreReads = false } = produced
    const loadMs = produced.loadMs === undefined ? this.#entries.now() - startedAt : produced.loadMs
    if (loadMs !== null) this.#entries.emit({ type: 'load', key, ms: loadMs })

    const hasTime = hasLifetime(produced.ttl) || (produced.staleFor ?? 0) > 0
    if (discard !== undefined || value === undefined || !hasTime) {
      return { value, stored: false, dropsStale: !discard?.keepStale && !load.revoked }
    }
    await reads.settle()
    const notStoredBecause = ignoreReads ? isolatedBecause : reads.notStoredBecause ?? isolatedBecause
    if (notStoredBecause !== undefined) return { value, stored: false, notStoredBecause }
    const tags = ignoreReads ? [] : this.#entries.compactTags(reads)
    // A value that cannot be encoded fails the load: returning it once would hide that it can never be stored.
    const { payload = encodeValue(value), ttl } = produced
    let entry = this.#entries.createEntry(payload, ttl, tags, stamp, staleSeconds(produced, options))
    if (loadMs !== null && loadMs > 0) entry = { ...entry, loadMs }
    return { value, entry, ...await this.#store(key, entry, load) }
  }

  /** @param stale the expired entry that the load is to replace, if it is still stored */
  async #produce (run: LoadRun, acquired: Acquired, stale: Entry | undefined): Promise<Produced> {
    const { key, load, options } = run
    const { reads } = load
    const { now } = this.#entries
    const addTags = (tags: readonly string[]) => reads.add(this.#entries.versions, tags)
    addTags(options.tags ?? [])
    let usesStale = false
    const context: ProduceContext = {
      key,
      ttl: options.ttl === undefined ? this.#ttl : options.ttl,
      addTags,
      hitForMiss: acquired.hitForMiss,
      useStale () {
        if (stale === undefined || now() >= stale.staleUntil) return undefined
        const decoded = decodeEntry(stale)
        if (isMiss(decoded)) return undefined
        usesStale = true
        addTags(stale.tags)
        return { entry: stale, value: decoded.value }
      },
      getSignal: () => getSignal(load),
      now
    }
    // Awaited inside: a query builder runs when it is awaited.
    const produced = await collectReads(reads, async () => await run.produce(context))
    // Its tags are checked from the stamp of the load on, so they must not have changed before.
    const isOutdated = usesStale && stale!.tags.length > 0 &&
      await this.#entries.firstInvalidated(stale!.stamp, stale!.tags) !== undefined
    return isOutdated ? await this.#produce(run, acquired, undefined) : produced
  }

  /** Stores a result, unless something that the load may not have seen was written in the meantime. */
  async #store (
    key: string, entry: Entry, load: InFlightLoad
  ): Promise<Pick<LoadResult, 'stored' | 'notStoredBecause'>> {
    const { tags } = entry
    const outdated = tags.length > 0 && await this.#entries.firstChanged(entry.stamp, tags) !== undefined
    if (outdated) return { stored: false, notStoredBecause: 'outdated' }
    if (load.revoked) return { stored: false, notStoredBecause: 'revoked' }
    if (load.leaseUnavailable) return this.#entries.writeInOutage(key, entry)
    const written = await this.#entries.write(key, entry, load.lease)
    if (written.stored) {
      load.leaseHeld = load.lease !== undefined
      load.lease = undefined
    } else if (written.notStoredBecause === 'too-large') await this.release(load, HIT_FOR_MISS_MS, null)
    return written
  }

  /** Notes a failed load at the expired entry, so that not every request tries again. */
  async #noteFailure (key: string, expired: Entry, load: InFlightLoad): Promise<void> {
    const { store, now } = this.#entries
    const time = now()
    if (time >= expired.staleUntil) return
    const retry = nextRetry(expired, time)
    const noted: Entry = { ...expired, retry }
    // No caller waits for the refresh of an entry that is still fresh.
    const hitForMissMs = time < expired.freshUntil ? 0 : Math.min(retry.at - time, HIT_FOR_MISS_MS)
    if (load.leaseUnavailable) store.outage?.set(key, noted)
    if (this.#entries.leases) return await this.release(load, hitForMissMs, noted)
    await orElse(
      // Not if it was deleted in the meantime.
      () => andThen(store.get(key), (stored) => stored === expired && store.add(key, noted, expired)),
      (error) => this.#entries.reportError('postpone', error)
    )
  }

  /** Drops the expired entry after a load whose result is not to be stored. */
  async #dropStale (key: string, expired: Entry, load: InFlightLoad): Promise<void> {
    const { store } = this.#entries
    if (load.leaseUnavailable) return await this.#entries.remove([key])
    if (this.#entries.leases) return await this.release(load, HIT_FOR_MISS_MS, null)
    await orElse(
      () => andThen<Entry | undefined, unknown>(store.get(key), (stored) => stored === expired && store.delete([key])),
      (error) => this.#entries.reportError('drop', error)
    )
  }

  /** As `Lease.release`. */
  async release (load: InFlightLoad, hitForMissMs: number, stale?: Entry | null): Promise<void> {
    const { lease } = load
    load.lease = undefined
    if (lease === undefined) return
    load.leaseHeld = (async () => await orElse(
      () => lease.release(hitForMissMs, stale), (error) => this.#entries.reportError('release', error)
    ))()
    await load.leaseHeld
  }
}

/** The result of a load that needs no loader function: another caller has stored an entry, which can be decoded. */
export function adoptEntry (entry: Entry): LoadResult {
  const { value } = decodeEntry(entry) as { value: unknown }
  return { value, entry, stored: true, collapsed: true }
}

/** Seconds for which an entry may be served after its freshness lifetime. */
function staleSeconds ({ staleFor }: Produced, { staleWhileRevalidate = 0, staleIfError = 0 }: LoadOptions): number {
  return staleFor ?? Math.max(staleWhileRevalidate, staleIfError)
}
