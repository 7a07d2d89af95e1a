import { memoizedVersions } from './memoized.ts'
import type { Stamp, StalenessBound, Versions } from './versions.ts'

const measurables = new WeakMap<Versions, Versions>()

/**
 * Returns a version clock that says how old its knowledge is: the given one if it can, else one that remembers its
 * checks. All caches with a clock share it, so that what one of them invalidates is invalid for all.
 *
 * @param now milliseconds since any time; it must not depend on the system time, which may be set back
 */
export function makeMeasurable (versions: Versions, now = () => performance.now()): Versions {
  if (versions.measureStaleness !== undefined) return versions
  let measurable = measurables.get(versions)
  if (measurable === undefined) {
    const memoized = memoizedVersions({ remote: versions, isTrusted: () => false, now })
    measurable = {
      ...memoized,
      measureStaleness (stamp, tags) {
        const sentAt = memoized.findCheck(stamp, tags)
        return sentAt === undefined ? undefined : now() - sentAt
      }
    }
    measurables.set(versions, measurable)
  }
  return measurable
}

/** Whether no tag had changed at an earlier check that the bound allows to use. */
export function useEarlierCheck (
  bound: StalenessBound, versions: Versions, { stamp, tags }: { stamp: Stamp, tags: readonly string[] }
): boolean {
  const staleness = versions.measureStaleness!(stamp, tags)
  bound.isUsed = staleness !== undefined && staleness <= bound.maxMs
  return bound.isUsed
}

/** Returns the clock through which tags are to be invalidated, so that no earlier check of them is used any more. */
export function findMeasurable (versions: Versions): Versions {
  return measurables.get(versions) ?? versions
}
