import type { Stamp, Versions } from './versions.ts'

export interface NearVersions extends Versions {
  /** Some tag may have moved: asks again about everything. */
  forget (): void
}

interface Verdict {
  readonly stamp: Stamp
  readonly askedAt: number
  readonly generation: number
}

export interface NearVersionsOptions {
  far: Versions
  /** Whether what was asked of the far clock at that time still counts, as long as no tag is known to have moved since. */
  counts: (askedAt: number) => boolean
  /** Milliseconds since 1970. */
  now: () => number
}

/**
 * A clock over a shared one, which remembers what it said of the entries of a near store, so that a hit asks nobody.
 * Entries are told apart by their arrays of tags, which are kept with them and go with them.
 */
export function memoizedVersions ({ far, counts, now }: NearVersionsOptions): NearVersions {
  const current = new WeakMap<readonly string[], Verdict>()
  let generation = 0

  async function ask (stamp: Stamp, tags: readonly string[]): Promise<string | undefined> {
    const verdict = { stamp, askedAt: now(), generation }
    const changed = await far.firstChanged(stamp, tags)
    if (changed === undefined && verdict.generation === generation) current.set(tags, verdict)
    return changed
  }

  return {
    stamp: (tags) => far.stamp(tags),
    firstChanged (stamp, tags) {
      const verdict = current.get(tags)
      const holds = verdict !== undefined && verdict.generation === generation && verdict.stamp === stamp && counts(verdict.askedAt)
      return holds ? undefined : ask(stamp, tags)
    },
    async invalidate (tags) {
      generation++
      try {
        await far.invalidate(tags)
      } finally {
        generation++ // the far clock may have been asked on the way
      }
    },
    forget () { generation++ },
    ...far.batch && { batch: (work) => far.batch!(work) },
    ...far.versionOf && { versionOf: (tag) => far.versionOf!(tag) },
    ...far.isolated && { isolated: () => far.isolated!() },
    ...far.compact && { compact: (tags) => far.compact!(tags) }
  }
}
