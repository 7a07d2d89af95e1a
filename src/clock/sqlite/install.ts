import type Sqlite from 'better-sqlite3'
import { quote } from './quote.ts'
import { createTriggers, readTriggers } from './triggers.ts'

/** The tables of the clock, as the migrations of this service create them. `addCounters` fills them. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS larder_clock (id integer PRIMARY KEY NOT NULL, name text NOT NULL UNIQUE,
    ticks integer NOT NULL);
  CREATE TABLE IF NOT EXISTS larder_slots (id integer PRIMARY KEY NOT NULL, ticks integer NOT NULL);
  CREATE TABLE IF NOT EXISTS larder_eras (id integer PRIMARY KEY NOT NULL, nonce integer NOT NULL UNIQUE,
    counters text NOT NULL);
  CREATE TABLE IF NOT EXISTS larder_lock (id integer PRIMARY KEY NOT NULL,
    clock integer NOT NULL REFERENCES larder_clock (id));
  CREATE TABLE IF NOT EXISTS larder_rows (id integer PRIMARY KEY NOT NULL, name text NOT NULL UNIQUE, rows integer,
    replaced integer, schema integer)`

/**
 * A tool that drops tables which it does not know, as `drizzle-kit push` does, begins with the oldest. A row that
 * refers to `larder_clock` makes this fail while foreign keys are on. Otherwise the triggers would remain without the
 * table, and each write of any program would fail.
 */
const LOCK = 'INSERT INTO larder_lock VALUES (0, 0) ON CONFLICT DO NOTHING'

/** In the order in which they can be dropped. */
const NAMES = ['larder_lock', 'larder_clock', 'larder_slots', 'larder_eras', 'larder_rows']

/**
 * Creates the tables and triggers of the clock that are missing, and replaces those that differ. Call it after
 * migrations, and when the schema has changed.
 */
export function installClock (connection: Sqlite.Database): void {
  if (countTables(connection) < NAMES.length) connection.exec(TABLES)
  createTriggers(connection)
  const isLocked = connection.prepare('SELECT 1 FROM larder_lock WHERE id = 0 AND clock = 0').get() !== undefined
  if (!isLocked) connection.exec(LOCK)
}

/**
 * Drops the triggers of the clock, before a migration that drops a column: SQLite refuses that while a trigger names
 * the column. Migrate in the same transaction if another process may have a clock on the file, since it creates missing
 * triggers again. The next `sqliteClock(connection)` does so too, and no entry from before it is valid then.
 *
 * @param connection of better-sqlite3; a database without a clock stays as it is
 */
export function dropClockTriggers (connection: Sqlite.Database): void {
  connection.transaction(() => {
    for (const [name, sql] of readTriggers(connection)) {
      if (isOwnTrigger(name, sql)) connection.exec(`DROP TRIGGER ${quote(name)}`)
    }
  })()
}

/** Removes all tables and triggers of the clock. */
export function removeClock (connection: Sqlite.Database): void {
  connection.transaction(() => {
    dropClockTriggers(connection)
    for (const name of NAMES) connection.exec(`DROP TABLE IF EXISTS ${name}`)
  }).immediate()
}

function countTables (connection: Sqlite.Database): number {
  const count = connection.prepare(`SELECT count(*) FROM sqlite_schema
    WHERE type = 'table' AND name IN (SELECT value FROM json_each(?))`)
  return count.pluck().get(JSON.stringify(NAMES)) as number
}

/** An application may have triggers with names like ours, but they do not count. */
function isOwnTrigger (name: string, sql: string): boolean {
  return /^larder[-_:+]/.test(name) && /larder_(?:clock|rows)/.test(sql)
}
