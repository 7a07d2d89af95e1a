import { randomUUID } from 'node:crypto'
import type { Stamp, Versions } from '../../cache/index.ts'
import { compactTags } from '../compact-tags.ts'
import type { Catalog } from './catalog.ts'
import type { Look, Looks } from './looks.ts'
import type { RecentChanges, Slot } from './recent-changes.ts'
import type { StaleEntries } from './stale-entries.ts'

export interface PostgresVersionsOptions {
  readonly looks: Looks
  readonly changes: RecentChanges
  readonly staleEntries: StaleEntries
  readonly getCatalog: () => Catalog
  /** Lists changes of tags, in a transaction of their own. */
  readonly invalidate: (slots: readonly Slot[]) => Promise<void>
  /** Returns the last transaction that changed a tag. */
  readonly readLastChange: (slot: Slot) => Promise<string>
}

/** The last check of an entry that found no change. */
interface Check {
  readonly stamp: Stamp
  readonly catalog: Catalog
  readonly slots: readonly Slot[]
  /** The look until which nothing had changed; undefined if that is not known in this process. */
  look: number | undefined
}

/** A stamp that no look has: entries with it are never valid. */
export const newInvalidStamp = (): Stamp => `unavailable-${randomUUID()}`

/**
 * The version clock of a PostgreSQL database. Every change of a table changes the tag of that name, and those of the
 * changed rows (`posts:7`, `posts:author_id=7`), in whatever program it is made. Any other name is a tag too, which
 * only `invalidate` changes.
 *
 * What cannot be checked counts as changed: nothing fails, and nothing is served that may be stale.
 */
export function postgresVersions (
  { looks, changes, staleEntries, getCatalog, invalidate, readLastChange }: PostgresVersionsOptions
): Versions {
  /** Freed together with the entries that have these tags. */
  const checks = new WeakMap<readonly string[], Check>()

  function beginCheck (stamp: Stamp, tags: readonly string[]): Check {
    const catalog = getCatalog()
    const last = checks.get(tags)
    if (last?.stamp === stamp && last.catalog === catalog) return last
    const slots = tags.map((tag) => catalog.resolve(tag))
    return { stamp, catalog, slots, look: looks.findNumber(stamp) }
  }

  async function check (look: Look, stamp: Stamp, tags: readonly string[]): Promise<string | undefined> {
    const check = beginCheck(stamp, tags)
    if (check.look === undefined || !changes.knowsSince(check.look)) {
      check.look = await staleEntries.findLook(stamp, check.slots)
      if (check.look === undefined) return tags[0]
    } else {
      const changed = changes.findChanged(check.slots, check.look)
      if (changed !== -1) return tags[changed]
      check.look = look.number
    }
    checks.set(tags, check)
    return undefined
  }

  return {
    tracksReads: true,

    async stamp () {
      try {
        return (await looks.look()).stamp
      } catch {
        return newInvalidStamp()
      }
    },

    async firstChanged (stamp, tags) {
      try {
        return await check(await looks.look(), stamp, tags)
      } catch {
        return tags[0]
      }
    },

    batch: (work) => looks.batch(work),

    measureStaleness (stamp, tags) {
      const check = beginCheck(stamp, tags)
      if (check.look === undefined || !changes.knowsSince(check.look)) return undefined
      if (changes.findChanged(check.slots, check.look) !== -1) return undefined
      checks.set(tags, check)
      return looks.staleness
    },

    async invalidate (tags) {
      looks.beginChange()
      try {
        await invalidate(tags.map((tag) => getCatalog().resolve(tag)))
      } finally {
        looks.endChange()
      }
    },

    versionOf: (tag) => readLastChange(getCatalog().resolve(tag)),

    compact: (tags) => compactTags(tags, (tag) => getCatalog().findTableOf(tag))
  }
}
