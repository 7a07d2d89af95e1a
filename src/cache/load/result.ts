import type { Entry } from '../entry/entry.ts'
import type { NotStoredReason } from '../versions/not-stored-reason.ts'

/** The result of a load. */
export interface LoadResult {
  readonly value: unknown
  /** The value as an entry; absent if it must not or cannot be stored. */
  readonly entry?: Entry
  /** The encoded value for callers that joined the load, if there is no entry and it can be encoded. */
  readonly payload?: Uint8Array
  /** The entry is in the store now. */
  readonly stored: boolean
  /** Why it is not stored. */
  readonly notStoredBecause?: NotStoredReason
  /** Another caller began the load, in this process or in another. */
  readonly collapsed?: boolean
  /** Nothing is to be stored, and an expired entry must not be served stale any more. */
  readonly dropsStale?: boolean
  /** The value is a stale one. */
  readonly stale?: boolean
}

/** How an adapter reports the result of a load that runs elsewhere. Each method returns what `beginLoad` returned. */
export interface LoadHandle {
  /** Whether all callers run in parallel, in all processes, since the last result could not be stored. */
  readonly hitForMiss?: boolean
  /** The load has produced a value, which is stored unless it has become outdated. */
  fulfil (produced: ProducedValue): Promise<LoadResult>
  /** The load has failed. Rejects with the error unless a stale value can be served. */
  fail (error: unknown): Promise<LoadResult>
  /**
   * The load has produced nothing that may be stored; the value of its result is undefined.
   *
   * @param options.keepStale whether an expired entry may still be served stale; default false
   */
  discard (options?: { keepStale?: boolean }): Promise<LoadResult>
}

export interface ProducedValue {
  readonly value: unknown
  /** Seconds; null: never expires. */
  readonly ttl: number | null
  /** Seconds after it expired for which it may be served stale or revalidated, also if `ttl` is zero. Default 0. */
  readonly staleFor?: number
  readonly tags?: readonly string[]
  /**
   * Milliseconds that the value took to produce; null: nothing was produced, so no `load` event is emitted. Default the
   * time since `onLead`.
   */
  readonly loadMs?: number | null
  /**
   * Stores the entry whatever happens to what was read for it, e.g. because it only says where to look. Default false.
   */
  readonly ignoreReads?: boolean
}
