import type { Entry } from '../entry/entry.ts'
import { isMiss, isUnanswered, type Miss } from '../entry/lookup.ts'
import { decodableEntry, decodeEntry } from '../entry/value.ts'
import { LoadTimeoutError } from '../errors.ts'
import type { LoadOptions } from '../options.ts'
import { andThen, type MaybePromise } from '../util/maybe-promise.ts'
import { currentReads, ReadSet } from '../versions/read-set.ts'
import { type EntryStore, MISSES } from './entry-store.ts'
import {
  countCaller, type InFlightLoad, type InFlightLoads, isAborted, shareLoads, waitForEnd
} from './in-flight.ts'
import type { Produce } from './produce.ts'
import type { LoadResult } from './result.ts'
import { adoptEntry, GIVEN_UP, HIT_FOR_MISS_MS, LoadRunner, REPLACED } from './run.ts'
import { mayServeStale } from './staleness.ts'
import type { NotStoredReason } from '../versions/not-stored-reason.ts'

export interface LoaderOptions {
  readonly entries: EntryStore
  /** Seconds for which a value is stored if a call does not say; null: for ever. */
  readonly ttl: number | null
  /** Loads in flight that are shared and stored. */
  readonly maxLoads: number
  /** Milliseconds for which a caller waits for a load of another. */
  readonly maxWaitMs: number
}

/** A call that missed. */
interface Caller {
  readonly key: string
  readonly options: LoadOptions
  readonly miss: Miss
}

/** What a caller got by waiting for a load. `overdue`: it has waited for as long as callers wait for another's load. */
type Outcome = { readonly result: LoadResult } | { readonly error: unknown } | 'overdue'

/** Loads missing values: one load for all callers that miss a key together, in this process and in others. */
export class Loader {
  readonly inFlight: InFlightLoads
  readonly #entries: EntryStore
  readonly #maxLoads: number
  readonly #maxWaitMs: number
  readonly #runner: LoadRunner

  constructor ({ entries, ttl, maxLoads, maxWaitMs }: LoaderOptions) {
    this.inFlight = shareLoads(entries.store)
    this.#entries = entries
    this.#maxLoads = maxLoads
    this.#maxWaitMs = maxWaitMs
    this.#runner = new LoadRunner(entries, ttl, maxWaitMs)
  }

  /** Whether a load of the key is in flight that callers may wait for. */
  isLoading (key: string): boolean {
    const load = this.#find(key)
    return load !== undefined && !isAborted(load) && this.#remainingMs(load) > 0
  }

  /** Joins the load in flight if it has seen every write that the caller can know of, else starts one. */
  async load (
    key: string, produce: Produce, options: LoadOptions = {}, miss: Miss = MISSES.absent
  ): Promise<LoadResult> {
    const caller = { key, options, miss }
    const earlier = this.#find(key)
    if (earlier !== undefined) earlier.joined = true
    if (options.wait === false && this.isLoading(key)) return GIVEN_UP
    const isolatedBecause = this.#reasonNotToShare(earlier)
    if (isolatedBecause !== undefined) return await this.#start(caller, produce, isolatedBecause)
    let outcome: Outcome | undefined
    if (earlier !== undefined) {
      if (await this.#isCurrent(earlier)) {
        outcome = await this.#wait(earlier, caller, this.#remainingMs(earlier))
        if (outcome !== 'overdue' && (isTimeout(outcome) || await this.#wasCurrent(earlier, miss))) {
          return await this.#conclude(outcome, earlier, caller, true)
        }
      } else {
        // It is not to be stored, so no other process is to wait for its lease.
        earlier.revoked = true
        this.#runner.release(earlier, earlier.reads.notStoredBecause === undefined ? 0 : HIT_FOR_MISS_MS)
      }
    }
    if (outcome === 'overdue') {
      this.#runner.release(earlier!, 0)
      await earlier!.leaseHeld
    }
    // A load that began after this call has seen every such write.
    const later = this.#find(key)
    if (later !== undefined && later !== earlier) {
      later.joined = true
      if (outcome !== 'overdue') outcome = await this.#wait(later, caller, this.#remainingMs(later))
      if (outcome === 'overdue') return await this.#start(caller, produce, 'load-overdue')
      if (hasResult(outcome) && !isAborted(later)) return await this.#conclude(outcome, later, caller, true)
    }
    return await this.#start(caller, produce, this.inFlight.size >= this.#maxLoads ? 'too-many-loads' : undefined)
  }

  /** Returns the load in flight of a key that callers of this cache may join. */
  #find (key: string): InFlightLoad | undefined {
    const load = this.inFlight.get(key)
    return load?.versions === this.#entries.versions ? load : undefined
  }

  /** The milliseconds for which callers may still wait for a load. */
  #remainingMs ({ startedAt }: InFlightLoad): number {
    return this.#maxWaitMs - Math.max(0, this.#entries.now() - startedAt)
  }

  /** Why the caller can neither share a load nor store its result. */
  #reasonNotToShare (inFlight: InFlightLoad | undefined): NotStoredReason | undefined {
    if (this.#entries.isolated) return 'uncommitted-read'
    // The load would wait for itself.
    return inFlight !== undefined && currentReads()?.isWithin(inFlight.reads) ? 'recursive-load' : undefined
  }

  async #start (caller: Caller, produce: Produce, isolatedBecause?: NotStoredReason): Promise<LoadResult> {
    const { key, options, miss } = caller
    const reads = options.reads ?? new ReadSet()
    const load: InFlightLoad = {
      versions: this.#entries.versions,
      startedAt: this.#entries.now(),
      stamp: this.#entries.beginTracking(reads, options.tags),
      reads,
      result: undefined as never,
      callers: 0,
      controller: undefined,
      joined: false,
      revoked: false,
      lease: undefined,
      leaseUnavailable: false,
      leaseHeld: undefined,
      stillCurrent: undefined,
      ended: false,
      waiters: new Set()
    }
    const run = () => this.#runner.run({ key, load, produce, options, miss, isolatedBecause }).finally(() => {
      reads.end()
      load.ended = true
      for (const onEnd of load.waiters) onEnd()
    })
    if (isolatedBecause === undefined) this.inFlight.start(key, load, run)
    else load.result = run()
    load.result.catch(() => {}) // its callers may have left
    const outcome = await this.#wait(load, caller)
    // The loader has no bound for its own caller.
    const settled = outcome as Exclude<Outcome, 'overdue'>
    if ('result' in settled && settled.result === REPLACED) return await this.#startOver(caller, produce)
    return await this.#conclude(settled, load, caller, false)
  }

  /** Looks again: the key was written, deleted or loaded anew before the load had begun. */
  async #startOver ({ key, options }: Caller, produce: Produce): Promise<LoadResult> {
    const found = decodableEntry(await this.#entries.find(key))
    if (isMiss(found)) return await this.load(key, produce, options, found)
    this.#entries.recordDependencies(currentReads(), found)
    return adoptEntry(found)
  }

  /**
   * Waits for a load, at most for the `timeout` of the caller.
   *
   * @param maxWaitMs milliseconds after which the load is overdue; default never
   */
  async #wait (load: InFlightLoad, caller: Caller, maxWaitMs = Infinity): Promise<Outcome> {
    return await countCaller(load, () => this.#waitFor(load, caller, maxWaitMs))
  }

  async #waitFor (load: InFlightLoad, { key, options, miss }: Caller, maxWaitMs: number): Promise<Outcome> {
    const { staleIfError, timeout } = options
    let timeoutMs = timeout === undefined ? Infinity : timeout * 1000
    if (mayServeStale(miss.stale, staleIfError, this.#entries.now())) {
      // A caller that can fall back on a stale value counts the time since the load began.
      timeoutMs = Math.max(0, timeoutMs - Math.max(0, this.#entries.now() - load.startedAt))
    }
    const waitMs = Math.min(timeoutMs, maxWaitMs)
    if (waitMs < Infinity && !await waitForEnd(load, waitMs)) {
      return timeoutMs <= maxWaitMs ? { error: new LoadTimeoutError(JSON.stringify(key), timeout!) } : 'overdue'
    }
    try {
      return { result: await load.result }
    } catch (error) {
      return { error }
    }
  }

  /** Returns the result of a load, or in place of a failure a stale value. */
  async #conclude (
    outcome: Exclude<Outcome, 'overdue'>, load: InFlightLoad, { key, options, miss }: Caller, joined: boolean
  ): Promise<LoadResult> {
    if ('result' in outcome) {
      // The value that the caller makes of this one depends on the same reads.
      currentReads()?.include(load.reads)
      return joined ? { ...outcome.result, collapsed: true } : outcome.result
    }
    // A stale value that was deleted or invalidated during the load is not served.
    const stale = load.revoked ? undefined : await this.#staleValue(miss.stale, options)
    if (stale === undefined) {
      currentReads()?.include(load.reads)
      throw outcome.error
    }
    this.#entries.reportError('load', outcome.error)
    this.#entries.emit({ type: 'stale', key, entry: stale.entry })
    this.#entries.recordDependencies(currentReads(), stale.entry)
    return { ...stale, stored: false, stale: true }
  }

  async #staleValue (
    stale: Entry | undefined, { staleIfError }: LoadOptions
  ): Promise<{ entry: Entry, value: unknown } | undefined> {
    if (!mayServeStale(stale, staleIfError, this.#entries.now())) return undefined
    const found = await this.#entries.check({ ...stale, freshUntil: Infinity })
    if (isMiss(found) && found.stale === undefined) return undefined
    const decoded = decodeEntry(stale)
    return isMiss(decoded) ? undefined : { entry: stale, value: decoded.value }
  }

  /** Whether nothing that a load has read so far has changed since. */
  #isCurrent (load: InFlightLoad): MaybePromise<boolean> {
    return andThen(load.reads.settle(), () => this.#isUnchanged(load))
  }

  #isUnchanged (load: InFlightLoad): MaybePromise<boolean> {
    if (load.revoked || isAborted(load) || load.reads.notStoredBecause !== undefined) return false
    const tags = this.#entries.compactTags(load.reads)
    if (tags.length === 0) return true
    return andThen(load.stamp, (stamp) => stamp === undefined ||
      andThen(this.#entries.firstChanged(stamp, tags), (changed) => typeof changed !== 'string' && !load.revoked))
  }

  /**
   * As `#isCurrent` after the end of a load. One check serves all callers that had joined it.
   *
   * If the load did not hold its lease to the end, another process may have deleted or written the key meanwhile, and
   * a caller may know that.
   */
  #wasCurrent (load: InFlightLoad, miss: Miss): MaybePromise<boolean> {
    // If the store answered neither the load nor this caller, there is nothing else to trust.
    const needsLease = this.#entries.leases && !(load.leaseUnavailable && isUnanswered(miss))
    return andThen<boolean | void, boolean>(needsLease ? load.leaseHeld : true, (held) =>
      held === true && (load.stillCurrent ??= this.#isCurrent(load)))
  }
}

function hasResult (outcome: Exclude<Outcome, 'overdue'>): boolean {
  return 'error' in outcome || (outcome.result !== GIVEN_UP && outcome.result !== REPLACED)
}

function isTimeout (outcome: Exclude<Outcome, 'overdue'>): boolean {
  return 'error' in outcome && outcome.error instanceof LoadTimeoutError
}
