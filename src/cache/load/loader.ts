import type { Entry } from '../entry/entry.ts'
import { LoadTimeoutError } from '../errors.ts'
import { isMiss, type LoadOptions, type LoadResult, type Miss } from '../types.ts'
import { andThen, type MaybePromise } from '../util/maybe-promise.ts'
import { currentReads, ReadSet } from '../versions/read-set.ts'
import { decodeEntry, type EntryStore, isUnanswered, MISSES } from './entry-store.ts'
import { type InFlightLoad, InFlightLoads } from './in-flight.ts'
import type { Produce } from './produce.ts'
import { HIT_FOR_MISS_MS, LoadRunner } from './run.ts'
import { mayServeStale } from './staleness.ts'

/** The longest timer of Node in milliseconds. A longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface LoaderOptions {
  readonly entries: EntryStore
  /** Seconds for which a value is stored if a call does not say; null: for ever. */
  readonly ttl: number | null
  /** Loads in flight that are shared and stored. */
  readonly maxLoads: number
}

/** A call that missed. */
interface Caller {
  readonly key: string
  readonly options: LoadOptions
  readonly miss: Miss
}

/** What a caller got by waiting for a load. */
type Outcome = { readonly result: LoadResult } | { readonly error: unknown }

/** Loads missing values: one load for all callers that miss a key together, in this process and in others. */
export class Loader {
  readonly inFlight = new InFlightLoads()
  readonly #entries: EntryStore
  readonly #maxLoads: number
  readonly #runner: LoadRunner

  constructor ({ entries, ttl, maxLoads }: LoaderOptions) {
    this.#entries = entries
    this.#maxLoads = maxLoads
    this.#runner = new LoadRunner(entries, ttl)
  }

  /** Joins the load in flight if it has seen every write that the caller can know of, else starts one. */
  async load (
    key: string, produce: Produce, options: LoadOptions = {}, miss: Miss = MISSES.absent
  ): Promise<LoadResult> {
    const caller = { key, options, miss }
    const earlier = this.inFlight.get(key)
    if (earlier !== undefined && options.wait === false) return { value: undefined, stored: false }
    const isolatedBecause = this.#reasonNotToShare(earlier)
    if (isolatedBecause !== undefined) return await this.#start(caller, produce, isolatedBecause)
    if (earlier !== undefined) {
      if (await this.#isCurrent(earlier)) {
        const outcome = await this.#wait(earlier, caller)
        if (isTimeout(outcome) || await this.#wasCurrent(earlier, miss)) {
          return await this.#conclude(outcome, earlier, caller, true)
        }
      } else {
        // It is not to be stored, so no other process is to wait for its lease.
        earlier.revoked = true
        this.#runner.release(earlier, earlier.reads.notStoredBecause === undefined ? 0 : HIT_FOR_MISS_MS)
      }
    }
    // A load that began after this call has seen every such write.
    const later = this.inFlight.get(key)
    if (later !== undefined && later !== earlier) {
      return await this.#conclude(await this.#wait(later, caller), later, caller, true)
    }
    return await this.#start(caller, produce, this.inFlight.size >= this.#maxLoads ? 'too-many-loads' : undefined)
  }

  /** Why the caller can neither share a load nor store its result. */
  #reasonNotToShare (inFlight: InFlightLoad | undefined): string | undefined {
    if (this.#entries.isolated) return 'uncommitted-read'
    // The load would wait for itself.
    return inFlight !== undefined && currentReads()?.isWithin(inFlight.reads) ? 'recursive-load' : undefined
  }

  async #start (caller: Caller, produce: Produce, isolatedBecause: string | undefined): Promise<LoadResult> {
    const { key, options, miss } = caller
    const reads = options.reads ?? new ReadSet()
    const load: InFlightLoad = {
      startedAt: this.#entries.now(),
      stamp: this.#entries.beginTracking(reads, options.tags),
      reads,
      result: undefined as never,
      revoked: false,
      lease: undefined,
      leaseUnavailable: false,
      leaseHeld: undefined,
      stillCurrent: undefined
    }
    const run = () =>
      this.#runner.run({ key, load, produce, options, miss, isolatedBecause }).finally(() => reads.end())
    if (isolatedBecause === undefined) this.inFlight.start(key, load, run)
    else load.result = run()
    return await this.#conclude(await this.#wait(load, caller), load, caller, false)
  }

  /** Waits for a load, at most for the `timeout` of the caller. */
  async #wait (load: InFlightLoad, { key, options, miss }: Caller): Promise<Outcome> {
    const { staleIfError } = options
    let { timeout } = options
    if (timeout !== undefined && mayServeStale(miss.stale, staleIfError, this.#entries.now())) {
      // A caller that can fall back on a stale value counts the time since the load began.
      timeout = Math.max(0, timeout - (this.#entries.now() - load.startedAt) / 1000)
    }
    try {
      return { result: await within(timeout, key, load.result) }
    } catch (error) {
      return { error }
    }
  }

  /** Returns the result of a load, or in place of a failure a stale value. */
  async #conclude (
    outcome: Outcome, load: InFlightLoad, { key, options, miss }: Caller, joined: boolean
  ): Promise<LoadResult> {
    if ('result' in outcome) {
      // The value that the caller makes of this one depends on the same reads.
      currentReads()?.include(load.reads)
      return joined ? { ...outcome.result, coalesced: true } : outcome.result
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
    if (isMiss(await this.#entries.verify({ ...stale, freshUntil: Infinity }))) return undefined
    const decoded = decodeEntry(stale)
    return isMiss(decoded) ? undefined : { entry: stale, value: decoded.value }
  }

  /** Whether nothing that a load has read so far has changed since. */
  #isCurrent (load: InFlightLoad): MaybePromise<boolean> {
    if (load.revoked || load.reads.notStoredBecause !== undefined) return false
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

function isTimeout (outcome: Outcome): boolean {
  return 'error' in outcome && outcome.error instanceof LoadTimeoutError
}

async function within<T> (seconds: number | undefined, key: string, work: Promise<T>): Promise<T> {
  if (seconds === undefined) return await work
  const deadline = Promise.withResolvers<never>()
  const expire = () => deadline.reject(new LoadTimeoutError(key, seconds))
  const timer = setTimeout(expire, Math.min(seconds * 1000, LONGEST_TIMER_MS))
  try {
    return await Promise.race([work, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
