import type { MaybePromise } from '../util/maybe-promise.ts'
import { memoryVersions } from './memory.ts'
import type { MemoizedVersions } from './memoized.ts'
import type { Stamp, Versions } from './versions.ts'

export interface OutageVersionsOptions {
  /** A version clock beyond this process. */
  remote: Versions
  /** False while the remote clock is known to be unavailable. */
  isAvailable: () => boolean
  /** Whether a positive result from that time may still be used while the remote clock is unavailable. */
  isTrusted: (sentAt: number) => boolean
  /** Called if the remote clock has missed too many invalidations: all entries from before are invalid. */
  onOverflow: () => void
  /** Milliseconds since 1970. */
  now: () => number
}

/** A check that found no change. */
interface Check {
  readonly stamp: Stamp
  readonly sentAt: number
  readonly generation: number
}

/** The first part of stamps that were taken while the remote clock was unavailable. */
const PREFIX = 'outage:'
/** Tags that are remembered because the remote clock has missed their invalidation. */
const MAX_MISSED = 10_000

/**
 * A remote version clock with a clock in this process that takes its place while it is unavailable, and knows what this
 * process invalidates. The remote clock learns of these invalidations before it is used again.
 */
export function outageVersions (
  { remote, isAvailable, isTrusted, onOverflow, now }: OutageVersionsOptions
): Versions & Pick<MemoizedVersions, 'reset'> {
  const checks = new WeakMap<readonly string[], Check>()
  const local = memoryVersions()
  let generation = 0
  let missed = new Set<string>()
  let settling: Promise<void> | undefined

  /** Invalidates what the remote clock has missed. Returns nothing if that is nothing; rejects if it still fails. */
  function settle (): MaybePromise<void> {
    if (missed.size > 0 && isAvailable()) settling ??= invalidateMissed().finally(() => { settling = undefined })
    return settling
  }

  async function invalidateMissed (): Promise<void> {
    const tags = [...missed]
    missed = new Set()
    try {
      await remote.invalidate(tags)
    } catch (error) {
      miss(tags)
      throw error
    }
  }

  function miss (tags: readonly string[]): void {
    for (const tag of tags) missed.add(tag)
    if (missed.size <= MAX_MISSED) return
    missed.clear()
    onOverflow()
  }

  /** Sends a change to the remote clock. If that misses it, it is told later that the tags were invalidated. */
  async function change (tags: readonly string[], send: () => MaybePromise<void>): Promise<void> {
    generation++
    try {
      await send()
    } catch (error) {
      miss(tags)
      throw error
    }
  }

  /** Checks without the remote clock. Throws its error if that is not possible. */
  function checkHere (stamp: Stamp, tags: readonly string[], error: unknown) {
    if (stamp.startsWith(PREFIX)) return local.firstChanged(stamp.slice(PREFIX.length), tags)
    const last = checks.get(tags)
    if (last?.stamp === stamp && last.generation === generation && isTrusted(last.sentAt)) return undefined
    throw error
  }

  return {
    ...remote,
    async stamp (tags) {
      try {
        const settled = settle()
        if (settled !== undefined) await settled
        return await remote.stamp(tags)
      } catch {
        return `${PREFIX}${await local.stamp()}`
      }
    },
    async firstChanged (stamp, tags) {
      const check = { stamp, sentAt: now(), generation }
      try {
        const settled = settle()
        if (settled !== undefined) await settled
      } catch (error) {
        // The remote clock may refuse just changes. It took the stamp before it has missed these.
        if (stamp.startsWith(PREFIX)) return checkHere(stamp, tags, error)
        const changed = tags.find((tag) => missed.has(tag))
        if (changed !== undefined) return changed
      }
      try {
        const changed = await remote.firstChanged(stamp, tags)
        if (changed === undefined) checks.set(tags, check)
        return changed
      } catch (error) {
        return await checkHere(stamp, tags, error)
      }
    },
    async invalidate (tags) {
      local.invalidate(tags)
      await change(tags, () => remote.invalidate(tags))
    },
    ...remote.expire && {
      async expire (tags: readonly string[]) {
        local.expire!(tags)
        await change(tags, () => remote.expire!(tags))
      }
    },
    ...remote.firstInvalidated && {
      // The remote clock does not know what it has missed.
      firstInvalidated: (stamp: Stamp, tags: readonly string[]) => stamp.startsWith(PREFIX)
        ? local.firstInvalidated!(stamp.slice(PREFIX.length), tags)
        : tags.find((tag) => missed.has(tag)) ?? remote.firstInvalidated!(stamp, tags)
    },
    reset () { generation++ }
  }
}
