import type Sqlite from 'better-sqlite3'

/*
 * Triggers move the clock inside the writer's own transaction, whoever writes, and a rollback moves it back. Here the
 * statements that they consist of are made, for every table of the schema, so that nobody need remember a new one.
 */

/**
 * Rows of a table share this many slots, by the lowest bits of their ids: rows whose ids are a multiple of it apart
 * are invalidated together.
 */
export const SLOTS = 65_536

/** A table, and the triggers that it should have. */
export interface TableTriggers {
  readonly table: string
  /** Whether changes of single rows can be told apart. */
  readonly byRow: boolean
  /** SQL by the name of the trigger. */
  readonly triggers: ReadonlyMap<string, string>
}

/** Tables that no answer may depend on: SQLite's, those of the migrations, and the clock itself. */
const OURS = ['sqlite_', '__drizzle', 'larder_', ':']

/** What triggers the tables of a database should have. */
export function defineTriggers (connection: Sqlite.Database): TableTriggers[] {
  const ids = new Map(connection.prepare('SELECT name, id FROM larder_clock').raw().all() as Array<[string, number]>)
  return tablesOf(connection).map((table) => {
    const key = rowKeyOf(connection, table)
    return { table, byRow: key !== undefined, triggers: triggersFor(table, ids.get(table), key) }
  })
}

/**
 * Makes the triggers that are missing or differ. To be called after migrations: one that rebuilds a table, as
 * drizzle-kit does to change a column, drops its triggers.
 */
export function makeTriggers (connection: Sqlite.Database): void {
  if (isComplete(connection)) return // the usual start takes no lock
  connection.transaction(() => {
    const there = readTriggers(connection)
    addPlaces(connection)
    for (const { triggers } of defineTriggers(connection)) {
      for (const [name, sql] of triggers) {
        if (there.get(name) === sql) continue
        connection.exec(`DROP TRIGGER IF EXISTS ${quoted(name)}; ${sql}`)
      }
    }
  }).immediate()
}

/** The places of the clock that are no tables, see drizzle/0001_clock.sql. */
const FIXED_PLACES = "(0, ':epoch', 0), (1, ':tags', 0)"

/** Adds what is not on the clock. It may have been there and begin anew, so all that was stamped before is void. */
function addPlaces (connection: Sqlite.Database): void {
  const add = connection.prepare('INSERT INTO larder_clock (name, ticks) VALUES (?, 0) ON CONFLICT DO NOTHING')
  let { changes: added } = connection.prepare(`INSERT INTO larder_clock VALUES ${FIXED_PLACES} ON CONFLICT DO NOTHING`).run()
  for (const table of tablesOf(connection)) added += add.run(table).changes
  if (added > 0) connection.exec(`UPDATE larder_clock SET ticks = abs(random() % ${Number.MAX_SAFE_INTEGER}) WHERE id = 0`)
}

function isComplete (connection: Sqlite.Database): boolean {
  const there = readTriggers(connection)
  const fixed = connection.prepare('SELECT count(*) FROM larder_clock WHERE id IN (0, 1)').pluck().get()
  return fixed === 2 && defineTriggers(connection).every(({ triggers }) => triggersMatch(triggers, there))
}

/** Whether a table is watched just as it should be. */
export function triggersMatch (triggers: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>): boolean {
  return [...triggers].every(([name, sql]) => there.get(name) === sql)
}

/** SQL by the name of the trigger, as SQLite keeps it. */
export function readTriggers (connection: Sqlite.Database): Map<string, string> {
  const rows = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").raw().all()
  return new Map(rows as Array<[string, string]>)
}

function tablesOf (connection: Sqlite.Database): string[] {
  const names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").pluck().all() as string[]
  const shadows = new Set(connection.prepare("SELECT name FROM pragma_table_list WHERE type = 'shadow'").pluck().all())
  return names.filter((name) => !shadows.has(name) && !OURS.some((prefix) => name.startsWith(prefix)))
}

/**
 * The column that is another name of the row's number, if changes can be told apart by it. Where a further column is
 * unique, they cannot: a `REPLACE` of another program may remove the row with the same value, and fires no trigger.
 */
function rowKeyOf (connection: Sqlite.Database, table: string): string | undefined {
  // Any other primary key has an index of its own.
  const unique = connection.prepare('SELECT count(*) FROM pragma_index_list(?) WHERE "unique"').pluck().get(table)
  if (unique !== 0) return undefined
  return connection.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0').pluck().get(table) as string | undefined
}

/** @param id of the table on the clock; undefined for one that is not there yet, and gets no such trigger */
function triggersFor (table: string, id: number | undefined, key: string | undefined): Map<string, string> {
  const moveTable = `UPDATE larder_clock SET ticks = ticks + 1 WHERE id = ${id};`
  // No `OR REPLACE` here: in a trigger, that of the statement which fires it would take its place.
  const moveRow = (row: string, condition = '') => `
  INSERT INTO larder_slots SELECT ${id} * ${SLOTS} + (${row}.${quoted(key!)} & ${SLOTS - 1}), ticks FROM larder_clock
    WHERE id = ${id}${condition} ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks;`
  const trigger = (event: string, moveRows: string): [string, string] => {
    const name = `larder_${table}_${event.toLowerCase()}`
    return [name, `CREATE TRIGGER ${quoted(name)} AFTER ${event} ON ${quoted(table)} BEGIN
  ${moveTable}${moveRows}
END`]
  }
  if (key === undefined) return new Map([trigger('INSERT', ''), trigger('UPDATE', ''), trigger('DELETE', '')])
  return new Map([
    trigger('INSERT', moveRow('NEW')),
    trigger('UPDATE', moveRow('NEW') + moveRow('OLD', ` AND OLD.${quoted(key)} <> NEW.${quoted(key)}`)),
    trigger('DELETE', moveRow('OLD'))
  ])
}

function quoted (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
