import { randomUUID } from 'node:crypto'
import type Sqlite from 'better-sqlite3'
import type { Versions } from '../../cache/index.ts'
import type { Clock } from './clock.ts'
import { SLOTS } from './triggers.ts'

/** Rows of one table that an answer remembers one by one; with more of them, it remembers the table. */
const MAX_ROWS = 1_000

export interface DatabaseVersionsOptions {
  /** Of the connection that sees what is committed. */
  committed: Clock
  /** Of the connection that a transaction owns. */
  uncommitted: Clock
  writer: Sqlite.Database
  /** Whether the caller is inside a transaction. */
  inTransaction: () => boolean
  /** Runs `work` in a transaction, or as a part of the one around it. */
  transaction: (work: () => void) => Promise<void>
}

/**
 * The clock of a database as a cache wants it. Every change of a table moves the tag of that name, and that of each
 * changed row (`products:7`), whoever writes. Any other name is a tag too, which `invalidate` alone moves.
 *
 * Inside a transaction nobody gets an entry that its own changes made stale, and nothing is kept.
 */
export function databaseVersions ({ committed, uncommitted, writer, inTransaction, transaction }: DatabaseVersionsOptions): Versions {
  const moveName = writer.prepare('UPDATE larder_clock SET ticks = ticks + 1 WHERE name = ?')
  const moveSlot = writer.prepare(`INSERT INTO larder_slots SELECT id * ${SLOTS} + ?, ticks FROM larder_clock WHERE name = ?
    ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks`)

  return {
    // What is not committed may be undone.
    isolated: inTransaction,

    stamp: () => inTransaction() ? `uncommitted-${randomUUID()}` : committed.stamp,

    // What a transaction does is seen by itself at once.
    firstChanged: (stamp, tags) => (inTransaction() ? uncommitted : committed).firstChanged(stamp, tags),

    batch: (work) => committed.batch(work),

    versionOf: (tag) => committed.versionOf(tag),

    invalidate: (tags) => transaction(() => {
      for (const tag of tags) {
        const { name, slot } = uncommitted.findCounter(tag)
        moveName.run(name)
        if (slot !== undefined) moveSlot.run(slot, name)
      }
    }),

    compact (tags) {
      const { catalog } = committed
      const rows = new Map<string, Set<string>>()
      const others = new Set<string>()
      for (const tag of tags) {
        const table = catalog.tableOfRow(tag)
        if (table === undefined) others.add(tag)
        else if (!tags.has(table)) rows.set(table, (rows.get(table) ?? new Set()).add(tag))
      }
      for (const [table, tags] of rows) {
        for (const tag of tags.size > MAX_ROWS ? [table] : tags) others.add(tag)
      }
      return others
    }
  }
}
