import type { MaybePromise } from '../util/maybe-promise.ts'

/** A moment on a version clock. Opaque: only the `Versions` that made it can read it. */
export type Stamp = string

/**
 * A clock that says when each tag last changed. A load takes a stamp before it begins; what it loaded is valid
 * for as long as none of its tags has moved past that stamp, so a slow load that ends late stores nothing wrong.
 *
 * An implementation that has forgotten a tag must answer as if the tag had just moved, never as if it never had.
 * It may answer at once or after a round trip.
 */
export interface Versions {
  /** The moment now. Tags that are known to be checked against it later are told, so that none need be forgotten. */
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
  /** Moves the tags: whatever was stamped before is no longer current. */
  invalidate (tags: readonly string[]): MaybePromise<void>
  /** For tools: the version of a tag, a word that is another one after each move of the tag. */
  versionOf? (tag: string): MaybePromise<string>
  /** Whether the caller sees what others do not, e.g. inside a transaction: its loads are not shared, and not kept. */
  isolated? (): boolean
  /** The fewest tags that say all that these say, where the clock knows that some include others. */
  compact? (tags: ReadonlySet<string>): Iterable<string>
}
