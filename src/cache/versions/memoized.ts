import type { MaybePromise } from '../util/maybe-promise.ts'
import type { Stamp, Versions } from './versions.ts'

export interface MemoizedVersions extends Versions {
  /** Drops all results: a tag may have changed. */
  reset (): void
  /** Returns when the last check of these tags was sent that found no change; undefined if one may have changed. */
  findCheck (stamp: Stamp, tags: readonly string[]): number | undefined
}

/** The result of a check that found no change. */
interface Check {
  readonly stamp: Stamp
  readonly sentAt: number
  readonly generation: number
}

export interface MemoizedVersionsOptions {
  /** A version clock beyond this process. */
  remote: Versions
  /** Whether a result from that time may still be used, unless `reset` has dropped it. */
  isTrusted: (sentAt: number) => boolean
  /** Milliseconds since any time. */
  now: () => number
}

/**
 * A version clock that stores the positive results of a remote one, so that a hit in L1 needs no round trip. Results
 * belong to the tags array of an entry, so that they are freed together with it.
 */
export function memoizedVersions ({ remote, isTrusted, now }: MemoizedVersionsOptions): MemoizedVersions {
  const checks = new WeakMap<readonly string[], Check>()
  let generation = 0

  async function checkRemote (stamp: Stamp, tags: readonly string[]): Promise<string | undefined> {
    const check = { stamp, sentAt: now(), generation }
    const changed = await remote.firstChanged(stamp, tags)
    if (changed === undefined && check.generation === generation) checks.set(tags, check)
    return changed
  }

  function findCheck (stamp: Stamp, tags: readonly string[]): number | undefined {
    const check = checks.get(tags)
    return check?.generation === generation && check.stamp === stamp ? check.sentAt : undefined
  }

  async function change (send: () => MaybePromise<void>): Promise<void> {
    generation++
    try {
      await send()
    } finally {
      generation++ // a check may have been sent meanwhile
    }
  }

  return {
    findCheck,
    stamp: (tags) => remote.stamp(tags),
    firstChanged (stamp, tags) {
      const sentAt = findCheck(stamp, tags)
      return sentAt !== undefined && isTrusted(sentAt) ? undefined : checkRemote(stamp, tags)
    },
    invalidate: (tags) => change(() => remote.invalidate(tags)),
    ...remote.expire && { expire: (tags) => change(() => remote.expire!(tags)) },
    ...remote.firstInvalidated && { firstInvalidated: (stamp, tags) => remote.firstInvalidated!(stamp, tags) },
    reset () { generation++ },
    ...remote.batch && { batch: (work) => remote.batch!(work) },
    ...remote.versionOf && { versionOf: (tag) => remote.versionOf!(tag) },
    ...remote.isolated && { isolated: () => remote.isolated!() },
    ...remote.compact && { compact: (tags) => remote.compact!(tags) }
  }
}
