import { randomUUID } from 'node:crypto'
import type { Stamp, Versions } from './versions.ts'
import { checkPositiveInteger } from '../util/validate.ts'

export interface MemoryVersionsOptions {
  /** Tags remembered one by one; older ones are folded into a floor. Default 100,000. */
  maxTags?: number
}

/** A version clock in this process. Its stamps mean nothing to any other process, and are refused there. */
export function memoryVersions (options: MemoryVersionsOptions = {}): Versions {
  const maxTags = checkPositiveInteger('maxTags', options.maxTags ?? 100_000)
  const epoch = `${randomUUID()}:`
  const moved = new Map<string, number>()
  let clock = 0
  // A tag that is not listed has not moved since the floor, and may have moved at it.
  let floor = 0

  return {
    stamp: () => epoch + clock,

    firstChanged (stamp: Stamp, tags: readonly string[]) {
      if (!stamp.startsWith(epoch)) return tags[0]
      const at = Number(stamp.slice(epoch.length))
      return tags.find((tag) => !((moved.get(tag) ?? floor) <= at)) // `at` may be NaN
    },

    versionOf: (tag) => String(moved.get(tag) ?? floor),

    invalidate (tags: readonly string[]) {
      clock++
      for (const tag of tags) {
        moved.delete(tag) // so that the map stays in the order of the moves
        moved.set(tag, clock)
      }
      for (const [tag, at] of moved) {
        if (moved.size <= maxTags) break
        moved.delete(tag)
        floor = at
      }
    }
  }
}
