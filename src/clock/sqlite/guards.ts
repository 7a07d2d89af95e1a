import type Sqlite from 'better-sqlite3'

/*
 * A trigger of others that runs `RAISE(IGNORE)`, or fails with `FAIL`, keeps a change and skips all triggers that
 * follow. SQLite does not specify which of two triggers follows the other, so the trigger that counts may be skipped.
 *
 * A guard counts a change before it is made, and the trigger that counts the change takes this back. Before a change,
 * nothing can skip a trigger and keep the change. So a change that was made and not counted leaves the guard moved, and
 * the whole table then counts as changed. A row that `OR IGNORE` left as it was has the same effect.
 */

/** Returns the name of the counter of a guard. */
export function guardName (table: string): string {
  return `:guard:${table}`
}

/** Returns the name of the trigger that moves the guard before a change. */
export function guardTrigger (table: string, event: string): string {
  return `larder:${table}_${event.toLowerCase()}`
}

/**
 * Lists the tables that need a guard: those with a trigger of others, and those that a foreign key of such a table
 * refers to, since its actions run triggers before those of the table itself.
 *
 * @param own the names of our triggers
 */
export function listGuarded (
  connection: Sqlite.Database, tables: readonly string[], own: readonly string[]
): ReadonlySet<string> {
  const guarded = connection.prepare(`
    WITH RECURSIVE guarded (name) AS (
      SELECT tbl_name COLLATE NOCASE FROM sqlite_schema
        WHERE type = 'trigger' AND name COLLATE NOCASE NOT IN (SELECT value FROM json_each(@own))
      UNION SELECT key."table" COLLATE NOCASE FROM guarded, pragma_foreign_key_list(guarded.name) AS key
    ) SELECT value FROM json_each(@tables) WHERE value COLLATE NOCASE IN guarded`)
  return new Set(guarded.pluck().all({ own: JSON.stringify(own), tables: JSON.stringify(tables) }) as string[])
}

const CLOCK_TABLES = ['larder_clock', 'larder_slots', 'larder_rows']

/**
 * Whether others have triggers on the tables of the clock. They may skip a count, or write to a table while its own
 * trigger runs, which some connections do not count.
 */
export function isTampered (connection: Sqlite.Database): boolean {
  const triggers = connection.prepare("SELECT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger'")
  return triggers.pluck().all().some((table) => CLOCK_TABLES.includes(table as string))
}
