import type { MaybePromise } from '../util/maybe-promise.ts'

/** A time on a version clock. Opaque: only the `Versions` that created it can read it. */
export type Stamp = string

/**
 * A logical clock that records when each tag last changed. A load takes a stamp before it begins. Its result is valid
 * as long as none of its tags has changed since that stamp, so a slow load cannot store outdated data.
 *
 * If an implementation has no record of a tag, it must treat the tag as just changed, never as unchanged. It may return
 * at once or after a round trip.
 */
export interface Versions {
  /** Returns the current time. `tags` are those that will be checked against it, so that they are kept on record. */
  stamp (tags?: readonly string[]): MaybePromise<Stamp>
  /**
   * Returns one of the tags that has changed since the stamp, or undefined if none has. For a stamp that cannot be
   * compared, it returns the first tag.
   */
  firstChanged (stamp: Stamp, tags: readonly string[]): MaybePromise<string | undefined>
  /**
   * Runs `work`, which checks tags for callers that were all waiting before it began. Within it, synchronously, a
   * check that found no change may reuse the state of the database that an earlier check has read.
   */
  batch?<T> (work: () => T): T
  /**
   * Whether a check takes no round trip. Then each lookup makes one, also if it may use the result of an earlier one.
   * Default false.
   */
  readonly checksAtOnce?: boolean
  /**
   * Returns how old the knowledge is that none of the tags had changed, in milliseconds since the state of the database
   * was requested; undefined if one had, or if it is not known. Makes no round trip. Of this process' own changes it
   * knows at once. Without it, the last check of each entry counts.
   */
  measureStaleness? (stamp: Stamp, tags: readonly string[]): number | undefined
  /** Marks the tags as changed: entries that carry one of them and an earlier stamp become invalid. */
  invalidate (tags: readonly string[]): MaybePromise<void>
  /**
   * Changes the tags as `invalidate` does, but entries from before may be served stale. Without this method and the
   * next one, all changes invalidate.
   */
  expire? (tags: readonly string[]): MaybePromise<void>
  /** As `firstChanged`, but ignores what only `expire` has changed. */
  firstInvalidated? (stamp: Stamp, tags: readonly string[]): MaybePromise<string | undefined>
  /** For tools: returns the version of a tag, which differs after each change. */
  versionOf? (tag: string): MaybePromise<string>
  /** Whether the caller sees uncommitted data, e.g. in a transaction. Its loads are not shared and not stored. */
  isolated? (): boolean
  /**
   * Whether reads of the database add tags by themselves: then a value without tags may depend on reads that were not
   * noticed. Default false.
   */
  readonly tracksReads?: boolean
  /** Returns fewer tags that cover the given ones, if the clock knows that some include others. */
  compact? (tags: ReadonlySet<string>): Iterable<string>
}

/** How a lookup may use the result of an earlier check. */
export interface StalenessBound {
  /** How many milliseconds old the result may be. */
  readonly maxMs: number
  /** Whether the lookup has used one. */
  isUsed: boolean
}

/** What the version clock says of a tag. */
export interface TagState {
  readonly tag: string
  /** Another one after each change; undefined if the clock does not know. */
  readonly version: string | undefined
  /** Whether it has changed since the entry was stamped; undefined if the clock is unavailable. */
  readonly changed: boolean | undefined
}
