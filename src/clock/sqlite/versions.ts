import { randomUUID } from 'node:crypto'
import type Sqlite from 'better-sqlite3'
import type { Versions } from '../../cache/index.ts'
import { compactTags } from '../compact-tags.ts'
import type { Clock } from './clock.ts'
import { SLOTS } from './slots.ts'

export interface DatabaseVersionsOptions {
  /** The clock of the connection that reads committed data. */
  committed: Clock
  /** The clock of the connection of transactions. */
  uncommitted: Clock
  /** Whether the file was deleted or replaced, so that nothing can be checked. Default never. */
  isLost?: () => boolean
  /** Whether the caller is inside a transaction. */
  inTransaction: () => boolean
  /** Counts changes of tags, in the current transaction or in one of its own: see `TagCounters`. */
  invalidate: (tags: readonly string[]) => Promise<void>
}

/** Counts changes of tags through one connection. */
export class TagCounters {
  readonly #clock: Clock
  readonly #countName: Sqlite.Statement<[string]>
  readonly #countSlot: Sqlite.Statement<[number, string]>

  /** @param clock that of the connection */
  constructor (connection: Sqlite.Database, clock: Clock) {
    this.#clock = clock
    this.#countName = connection.prepare('UPDATE larder_clock SET ticks = ticks + 1 WHERE name = ?')
    this.#countSlot = connection.prepare(`INSERT INTO larder_slots
      SELECT id * ${SLOTS} + ?, ticks FROM larder_clock WHERE name = ?
      ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks`)
  }

  /** Counts a change of each tag. Call it inside a transaction. */
  count (tags: readonly string[]): void {
    for (const tag of tags) {
      const { name, slot } = this.#clock.findCounter(tag)
      this.#countName.run(name)
      if (slot !== undefined) this.#countSlot.run(slot, name)
    }
  }
}

/**
 * The version clock of a database. Every change of a table changes the tag of that name, and those of the changed rows
 * (`products:7`), in whatever program it is made. Any other name is a tag too, which only `invalidate` changes.
 *
 * Inside a transaction, entries that its own changes made invalid are misses, and nothing is stored.
 */
export function databaseVersions (
  { committed, uncommitted, isLost = () => false, inTransaction, invalidate }: DatabaseVersionsOptions
): Versions {
  return {
    tracksReads: true,

    // Uncommitted changes may be rolled back.
    isolated: inTransaction,

    stamp: () => inTransaction() ? `uncommitted-${randomUUID()}` : committed.stamp,

    firstChanged (stamp, tags) {
      if (isLost()) return tags[0]
      const changed = committed.firstChanged(stamp, tags)
      // A transaction also sees its own changes at once.
      return changed === undefined && inTransaction() ? uncommitted.firstChanged(stamp, tags) : changed
    },

    batch: (work) => committed.batch(work),

    versionOf: (tag) => committed.versionOf(tag),

    invalidate,

    compact: (tags) => compactTags(tags, (tag) => committed.catalog.findTableOf(tag))
  }
}
