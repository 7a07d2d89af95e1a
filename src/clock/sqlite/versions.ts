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

const COUNT_NAMES = 'UPDATE larder_clock SET ticks = ticks + 1 WHERE name IN (SELECT value FROM json_each(?))'
const COUNT_SLOTS = `INSERT INTO larder_slots
  SELECT larder_clock.id * ${SLOTS} + (value ->> 1), ticks
    FROM json_each(?) JOIN larder_clock ON name = value ->> 0 WHERE TRUE
  ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks`

/** A statement, and its one parameter. */
interface Count {
  readonly sql: string
  readonly parameter: string
}

/** Returns the statements that count a change of tags, however many. Run them in a transaction. */
export function listCounts (clock: Clock, tags: readonly string[]): [names: Count, slots: Count] {
  const counters = tags.map((tag) => clock.findCounter(tag))
  const slots = counters.flatMap(({ name, slot }) => slot === undefined ? [] : [[name, slot]])
  return [
    { sql: COUNT_NAMES, parameter: JSON.stringify(counters.map(({ name }) => name)) },
    { sql: COUNT_SLOTS, parameter: JSON.stringify(slots) }
  ]
}

/** Returns a function that counts a change of tags through a connection. Call it inside a transaction. */
export function prepareCounts (connection: Sqlite.Database, clock: Clock): (tags: readonly string[]) => void {
  const [countNames, countSlots] = [COUNT_NAMES, COUNT_SLOTS].map((sql) => connection.prepare<[string]>(sql))
  return (tags) => {
    const [names, slots] = listCounts(clock, tags)
    countNames!.run(names.parameter)
    countSlots!.run(slots.parameter)
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

    checksAtOnce: true,

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
