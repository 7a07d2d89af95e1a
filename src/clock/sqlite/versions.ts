import { randomUUID } from 'node:crypto'
import type Sqlite from 'better-sqlite3'
import type { Versions } from '../../cache/index.ts'
import { compactTags } from '../compact-tags.ts'
import type { Clock } from './clock.ts'
import { SLOTS } from './slots.ts'

export interface DatabaseVersionsOptions {
  /** The clock of the connection that reads committed data. */
  committed: Clock
  /** Returns a tag that the transaction of the caller may have changed since, if any. */
  changedInTransaction: Versions['firstChanged']
  /** Whether the file was deleted or replaced, so that nothing can be checked. Default never. */
  isLost?: () => boolean
  /** Whether the caller is inside a transaction. */
  inTransaction: () => boolean
  /** Counts changes of tags, in the current transaction or in one of its own: see `listCounts`. */
  invalidate: (tags: readonly string[]) => Promise<void>
}

const COUNT_NAME = 'UPDATE larder_clock SET ticks = ticks + 1 WHERE name = ?'
const COUNT_SLOT = `INSERT INTO larder_slots SELECT id * ${SLOTS} + ?, ticks FROM larder_clock WHERE name = ?
  ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks`

/** A statement, and its parameters. */
interface Count {
  readonly sql: string
  readonly parameters: ReadonlyArray<string | number>
}

/** Lists the statements that count a change of each tag. Run them in a transaction. */
export function listCounts (clock: Clock, tags: readonly string[]): Count[] {
  return tags.flatMap((tag) => {
    const { name, slot } = clock.findCounter(tag)
    const countName = { sql: COUNT_NAME, parameters: [name] }
    return slot === undefined ? [countName] : [countName, { sql: COUNT_SLOT, parameters: [slot, name] }]
  })
}

/** Returns a function that counts a change of each tag through a connection. Call it inside a transaction. */
export function prepareCounts (connection: Sqlite.Database, clock: Clock): (tags: readonly string[]) => void {
  const statements = new Map([COUNT_NAME, COUNT_SLOT].map((sql) => [sql, connection.prepare(sql)]))
  return (tags) => {
    for (const { sql, parameters } of listCounts(clock, tags)) statements.get(sql)!.run(...parameters)
  }
}

/**
 * The version clock of a database. Every change of a table changes the tag of that name, and those of the changed rows
 * (`products:7`), in whatever program it is made. Any other name is a tag too, which only `invalidate` changes.
 *
 * Inside a transaction, entries that its own changes made invalid are misses, and nothing is stored.
 */
export function databaseVersions (
  { committed, changedInTransaction, isLost = () => false, inTransaction, invalidate }: DatabaseVersionsOptions
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
      return changed === undefined && inTransaction() ? changedInTransaction(stamp, tags) : changed
    },

    batch: (work) => committed.batch(work),

    versionOf: (tag) => committed.versionOf(tag),

    invalidate,

    compact: (tags) => compactTags(tags, (tag) => committed.catalog.findTableOf(tag))
  }
}
