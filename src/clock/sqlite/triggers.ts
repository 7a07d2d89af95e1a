import type Sqlite from 'better-sqlite3'
import { guardName, guardTrigger, listGuarded } from './guards.ts'

/*
 * Triggers count changes inside the writer's own transaction, in whatever program it runs, and a rollback undoes the
 * count. This file defines them for every table of the schema, so that a new table cannot be forgotten.
 */

/** The number of slots per table that count changes of rows. The lowest bits of its id select the slot of a row. */
export const SLOTS = 65_536

/** A table, and the triggers that it needs. */
export interface TableTriggers {
  readonly table: string
  /** Whether changes of single rows are counted. */
  readonly byRow: boolean
  /** SQL by the name of the trigger; undefined if there must be none of that name. */
  readonly triggers: ReadonlyMap<string, string | undefined>
}

const EVENTS = ['INSERT', 'UPDATE', 'DELETE'] as const

/** Prefixes of tables that are not watched: those of SQLite, of the migrations, and of the clock itself. */
const UNWATCHED = ['sqlite_', '__drizzle', 'larder_', ':']

/** Defines the triggers that the tables of a database need. */
export function defineTriggers (connection: Sqlite.Database): TableTriggers[] {
  const ids = new Map(connection.prepare('SELECT name, id FROM larder_clock').raw().all() as Array<[string, number]>)
  const { tables, guarded } = listTables(connection)
  return tables.map((table) => {
    const key = findRowKey(connection, table)
    const guard = guarded.has(table) ? ids.get(guardName(table)) ?? 'missing' : undefined
    return { table, byRow: key !== undefined, triggers: defineTableTriggers(table, ids.get(table), guard, key) }
  })
}

/**
 * Creates the triggers that are missing or differ. Call it after migrations: one that rebuilds a table, as drizzle-kit
 * does to change a column, drops its triggers.
 */
export function createTriggers (connection: Sqlite.Database): void {
  if (isComplete(connection)) return // so that most starts take no lock
  connection.transaction(() => {
    const existing = readTriggers(connection)
    addCounters(connection)
    for (const { triggers } of defineTriggers(connection)) {
      for (const [name, sql] of triggers) {
        if (existing.get(name) === sql) continue
        connection.exec(`DROP TRIGGER IF EXISTS ${quote(name)}; ${sql ?? ''}`)
      }
    }
  }).immediate()
}

/** The counters that belong to no table, as in `drizzle/`. */
const FIXED_COUNTERS = "(0, ':epoch', 0), (1, ':tags', 0), (NULL, ':era', 0)"

/** Adds missing counters. They may restart at 0 after having existed, so a new epoch makes all stamps invalid. */
function addCounters (connection: Sqlite.Database): void {
  const add = connection.prepare('INSERT INTO larder_clock (name, ticks) VALUES (?, 0) ON CONFLICT DO NOTHING')
  const fixed = `INSERT INTO larder_clock VALUES ${FIXED_COUNTERS} ON CONFLICT DO NOTHING`
  let { changes: added } = connection.prepare(fixed).run()
  const { tables, guarded } = listTables(connection)
  for (const name of [...tables, ...Array.from(guarded, guardName)]) added += add.run(name).changes
  const newEpoch = `UPDATE larder_clock SET ticks = abs(random() % ${Number.MAX_SAFE_INTEGER}) WHERE id = 0`
  if (added > 0) connection.exec(newEpoch)
}

function isComplete (connection: Sqlite.Database): boolean {
  const existing = readTriggers(connection)
  const fixed = connection.prepare("SELECT count(*) FROM larder_clock WHERE id IN (0, 1) OR name = ':era'")
  return fixed.pluck().get() === 3 &&
    defineTriggers(connection).every(({ triggers }) => triggersMatch(triggers, existing))
}

/** Whether the triggers of a table exist and are what they should be. */
export function triggersMatch (
  triggers: TableTriggers['triggers'], existing: ReadonlyMap<string, string>
): boolean {
  return [...triggers].every(([name, sql]) => existing.get(name) === sql)
}

/** Reads the SQL of all triggers, by name. */
export function readTriggers (connection: Sqlite.Database): Map<string, string> {
  const rows = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").raw().all()
  return new Map(rows as Array<[string, string]>)
}

/** Lists the tables to watch, and which of them need a guard. */
function listTables (connection: Sqlite.Database): { tables: string[], guarded: ReadonlySet<string> } {
  const tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
  const names = tables.pluck().all() as string[]
  const shadows = new Set(connection.prepare("SELECT name FROM pragma_table_list WHERE type = 'shadow'").pluck().all())
  const watched = names.filter((name) => !shadows.has(name) && !UNWATCHED.some((prefix) => name.startsWith(prefix)))
  const own = watched.flatMap((table) => EVENTS.flatMap((event) => [
    countTrigger(table, event), guardTrigger(table, event)
  ]))
  return { tables: watched, guarded: listGuarded(connection, watched, own) }
}

/**
 * Finds the column that is an alias of the row number, if changes of single rows can be counted by it. They cannot if
 * another column is unique: a `REPLACE` by another program may then remove a further row without firing a trigger.
 */
function findRowKey (connection: Sqlite.Database, table: string): string | undefined {
  if (isInCycle(connection, table)) return undefined
  // A primary key that is not the row number has a unique index.
  const unique = connection.prepare('SELECT count(*) FROM pragma_index_list(?) WHERE "unique"').pluck().get(table)
  if (unique !== 0) return undefined
  const key = connection.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0')
  return key.pluck().get(table) as string | undefined
}

/**
 * Whether the foreign keys of a table lead back to it. Then a row that `REPLACE` deletes without a trigger may cascade
 * to the row that replaces it, and neither is counted by row.
 */
function isInCycle (connection: Sqlite.Database, table: string): boolean {
  return connection.prepare(`
    WITH RECURSIVE reached (name) AS (
      SELECT "table" COLLATE NOCASE FROM pragma_foreign_key_list(@table)
      UNION SELECT key."table" COLLATE NOCASE FROM reached, pragma_foreign_key_list(reached.name) AS key
    ) SELECT 1 WHERE @table COLLATE NOCASE IN reached`).get({ table }) !== undefined
}

/** Returns the name of the trigger that counts a change after it was made. */
function countTrigger (table: string, event: string): string {
  return `larder_${table}_${event.toLowerCase()}`
}

/**
 * @param id of the counter of the table; undefined if it does not exist yet
 * @param guard the id of its guard; undefined if it needs none
 * @param key the column by which changes of rows are counted, if they are
 */
function defineTableTriggers (
  table: string, id: number | undefined, guard: number | string | undefined, key: string | undefined
): TableTriggers['triggers'] {
  const moveGuard = (by: string) => `UPDATE larder_clock SET ticks = ticks ${by} WHERE id = ${guard};`
  const countTable = `UPDATE larder_clock SET ticks = ticks + 1 WHERE id = ${id};`
  // Not `OR REPLACE`: inside a trigger, the conflict clause of the statement that fires it takes precedence.
  const countRow = (row: string, condition = '') => `
  INSERT INTO larder_slots SELECT ${id} * ${SLOTS} + (${row}.${quote(key!)} & ${SLOTS - 1}), ticks FROM larder_clock
    WHERE id = ${id}${condition} ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks;`
  const countRows = {
    INSERT: () => countRow('NEW'),
    UPDATE: () => countRow('NEW') + countRow('OLD', ` AND OLD.${quote(key!)} <> NEW.${quote(key!)}`),
    DELETE: () => countRow('OLD')
  }
  const define = (name: string, event: string, body: string) =>
    `CREATE TRIGGER ${quote(name)} ${event} ON ${quote(table)} BEGIN\n  ${body}\nEND`
  return new Map(EVENTS.flatMap((event): Array<[string, string | undefined]> => {
    const [count, before] = [countTrigger(table, event), guardTrigger(table, event)]
    const body = countTable + (key === undefined ? '' : countRows[event]())
    return guard === undefined
      ? [[count, define(count, `AFTER ${event}`, body)], [before, undefined]]
      : [
          [count, define(count, `AFTER ${event}`, `${body}\n  ${moveGuard('- 1')}`)],
          [before, define(before, `BEFORE ${event}`, moveGuard('+ 1'))]
        ]
  }))
}

/** Writes a name so that SQL reads it as one. */
export function quote (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
