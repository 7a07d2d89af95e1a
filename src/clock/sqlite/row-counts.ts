import type Sqlite from 'better-sqlite3'
import { quote } from './quote.ts'
import { ROW_NUMBERS, type TableSchema } from './schema.ts'

/*
 * The triggers of the clock also maintain the number of rows of some tables, in `larder_rows`, so that nobody has to
 * count them. The list of these tables is in the file too, so that all clocks of the file define the same triggers.
 *
 * A row that `REPLACE` removes fires a trigger only with `PRAGMA recursive_triggers`. So before a row gets a key that
 * another row has, a trigger notes the key, and the trigger of a deletion deletes the note. If the note is still there
 * when the row has its key, the other row was removed without a trigger. The note may stay longer than needed, e.g. if
 * the statement ignores the row. That does no harm: it is deleted at the latest when no row has the key anymore.
 *
 * A number is valid for one version of the schema, that of the triggers which maintain it.
 */

/** Returns the name of the trigger that counts rows after a change of their keys. */
export function moveTrigger (table: string): string {
  return `larder+${table}_update`
}

/** Writes a query for the number of rows of a table, which counts them only if the number is not known. */
export function writeRowCount (table: string): string {
  return `coalesce((${writeKnownRows(table)}), (${writeCount(table)}))`
}

/** Writes a query that counts the rows of a table. */
export function writeCount (table: string): string {
  return `SELECT count(*) FROM ${quote(table)}`
}

/** Writes a query for the number of rows of a table as far as it is known; otherwise it returns no row, or null. */
export function writeKnownRows (table: string): string {
  return `SELECT rows FROM larder_rows WHERE name = '${table.replaceAll("'", "''")}'
    AND schema = (SELECT schema_version FROM pragma_schema_version)`
}

/** Reads which tables have their rows counted, and the id of each in `larder_rows`. */
export function readCountedTables (connection: Sqlite.Database): Map<string, number> {
  return new Map(connection.prepare('SELECT name, id FROM larder_rows').raw().all() as Array<[string, number]>)
}

/** Adds tables to those whose rows are counted. */
export function addCountedTables (connection: Sqlite.Database, names: readonly string[]): void {
  const add = connection.prepare('INSERT INTO larder_rows (name) VALUES (?) ON CONFLICT DO NOTHING')
  for (const name of names) add.run(name)
}

/**
 * Whether triggers can count the rows of a table. Each row has a number, and no other key by which `REPLACE` could
 * remove it.
 */
export function canCountRows ({ rowKey, keys }: TableSchema): boolean {
  return rowKey !== undefined && keys.length === 1
}

/** Statements of triggers that count rows, and the trigger that counts after a change of a key. */
export interface RowCounting {
  /** Notes the key that a row is about to get, and that another row has. */
  readonly note: string
  readonly INSERT: string
  readonly DELETE: string
  readonly move: { readonly event: string, readonly condition: string, readonly body: string }
}

/** @param id of the table in `larder_rows` */
export function defineRowCounting (key: string, id: number): RowCounting {
  const [before, after] = [`OLD.${quote(key)}`, `NEW.${quote(key)}`]
  const update = (changes: string) => `\n  UPDATE larder_rows SET ${changes} WHERE id = ${id};`
  return {
    note: update(`replaced = ${after}`),
    INSERT: update(`rows = rows + 1 - (replaced IS ${after})`),
    DELETE: update('rows = rows - 1, replaced = NULL'),
    move: {
      event: `AFTER UPDATE OF ${[key, ...ROW_NUMBERS].map(quote).join(', ')}`,
      condition: `${before} IS NOT ${after}`,
      body: update(`rows = rows - (replaced IS ${after}), replaced = NULL`)
    }
  }
}
