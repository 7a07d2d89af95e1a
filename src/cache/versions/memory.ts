import { randomUUID } from 'node:crypto'
import type { Stamp, Versions } from './versions.ts'
import { checkNames, checkPositiveInteger } from '../util/validate.ts'

export interface MemoryVersionsOptions {
  /** The number of tags with a version of their own; older ones share the floor. Default 100,000. */
  maxTags?: number
}

const OPTIONS = new Set<keyof MemoryVersionsOptions>(['maxTags'])

/** A version clock in this process. Other processes reject its stamps. */
export function memoryVersions (options: MemoryVersionsOptions = {}): Versions {
  checkNames('memoryVersions()', options, OPTIONS)
  const maxTags = checkPositiveInteger('maxTags', options.maxTags ?? 100_000)
  const epoch = `${randomUUID()}:`
  /** The time of the last change of each tag, oldest first. */
  const changes = new Map<string, number>()
  /** The time of the last invalidation of tags that have expired since. */
  const invalidations = new Map<string, number>()
  let clock = 0
  /** A tag without a version of its own has not changed since the floor, and may have changed at it. */
  let floor = 0

  function change (tags: readonly string[]): void {
    clock++
    for (const tag of tags) {
      changes.delete(tag) // so that the map stays in order
      changes.set(tag, clock)
    }
    for (const [tag, at] of changes) {
      if (changes.size <= maxTags) break
      changes.delete(tag)
      invalidations.delete(tag)
      floor = at
    }
  }

  /** Returns the first tag with a later time. */
  function findLater (stamp: Stamp, tags: readonly string[], getTime: (tag: string) => number): string | undefined {
    if (!stamp.startsWith(epoch)) return tags[0]
    const at = Number(stamp.slice(epoch.length))
    return tags.find((tag) => !(getTime(tag) <= at)) // `at` may be NaN
  }

  const lastChange = (tag: string) => changes.get(tag) ?? floor
  const lastInvalidation = (tag: string) => invalidations.get(tag) ?? lastChange(tag)

  return {
    checksAtOnce: true,

    stamp: () => epoch + clock,

    firstChanged: (stamp, tags) => findLater(stamp, tags, lastChange),

    firstInvalidated: (stamp, tags) => findLater(stamp, tags, lastInvalidation),

    versionOf: (tag) => String(lastChange(tag)),

    invalidate (tags) {
      for (const tag of tags) invalidations.delete(tag)
      change(tags)
    },

    expire (tags) {
      for (const tag of tags) invalidations.set(tag, lastInvalidation(tag))
      change(tags)
    }
  }
}
