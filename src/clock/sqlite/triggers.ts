import type Sqlite from 'better-sqlite3'
import { guardName, guardTrigger, listGuarded } from './guards.ts'
import { quote } from './quote.ts'
import { defineReplacing, replaceTrigger } from './replaced-rows.ts'
import {
  addCountedTables, canCountRows, defineRowCounting, moveTrigger, readCountedTables, type RowCounting
} from './row-counts.ts'
import { SchemaReader, type TableSchema } from './schema.ts'
import { SLOTS, writeRowSlot, writeValueSlot } from './slots.ts'

/*
 * Triggers count changes inside the writer's own transaction, in whatever program it runs, and a rollback undoes the
 * count. This file defines them for every table of the schema, so that a new table cannot be forgotten.
 */

/** A table, and the triggers that it needs. */
export interface TableTriggers {
  readonly table: string
  readonly schema: TableSchema
  /** SQL by the name of the trigger; undefined if there must be none of that name. */
  readonly triggers: ReadonlyMap<string, string | undefined>
  /** Whether the triggers maintain the number of its rows. */
  readonly countsRows: boolean
  /** Defines its triggers as if its schema were another one. */
  readonly define: (schema: TableSchema) => TableTriggers['triggers']
}

const EVENTS = ['INSERT', 'UPDATE', 'DELETE'] as const

/** Prefixes of tables that are not watched: those of SQLite, of the migrations, and of the clock itself. */
const UNWATCHED = ['sqlite_', '__drizzle', 'larder_', ':']

/** Defines the triggers that the tables of a database need. */
export function defineTriggers (connection: Sqlite.Database): TableTriggers[] {
  const ids = new Map(connection.prepare('SELECT name, id FROM larder_clock').raw().all() as Array<[string, number]>)
  const counted = readCountedTables(connection)
  const { tables, guarded } = listTables(connection)
  const reader = new SchemaReader(connection)
  return tables.map((table) => {
    const schema = reader.readTable(table)
    const guard = guarded.has(table) ? ids.get(guardName(table)) ?? 'missing' : undefined
    // Triggers of others may change rows of the table while its own triggers run.
    const countsRows = counted.has(table) && guard === undefined && canCountRows(schema)
    const rowCounting = countsRows ? defineRowCounting(schema.rowKey!, counted.get(table)!) : undefined
    const define = (schema: TableSchema) => defineTableTriggers(schema, ids.get(table), guard, rowCounting)
    return { table, schema, triggers: define(schema), countsRows, define }
  })
}

export interface TriggerOptions {
  /** Tables whose number of rows is maintained from now on: see `recountRows`. Default none. */
  countRows?: readonly string[]
}

/**
 * Creates the triggers that are missing or differ. Call it after migrations: one that rebuilds a table, as drizzle-kit
 * does to change a column, drops its triggers.
 */
export function createTriggers (connection: Sqlite.Database, { countRows = [] }: TriggerOptions = {}): void {
  if (isComplete(connection, countRows)) return // so that most starts take no lock
  connection.transaction(() => {
    const existing = readTriggers(connection)
    addCounters(connection)
    addCountedTables(connection, countRows)
    for (const { triggers } of defineTriggers(connection)) {
      for (const [name, sql] of triggers) {
        if (existing.get(name) === sql) continue
        connection.exec(`DROP TRIGGER IF EXISTS ${quote(name)}; ${sql ?? ''}`)
      }
    }
    connection.exec(COUNT_TAGS)
  }).immediate()
}

/** Begins a new epoch, so that all stamps are invalid. */
export const INVALIDATE_ALL =
  `UPDATE larder_clock SET ticks = abs(random() % ${Number.MAX_SAFE_INTEGER}) WHERE id = 0`

/** Marks a commit as counted, so that other clocks do not take it for a change that fired no trigger. */
const COUNT_TAGS = 'UPDATE larder_clock SET ticks = ticks + 1 WHERE id = 1'

/** The counters that belong to no table, as in `drizzle/`. */
const FIXED_COUNTERS = "(0, ':epoch', 0), (1, ':tags', 0), (NULL, ':era', 0)"

/** Adds missing counters. They may restart at 0 after having existed, so a new epoch makes all stamps invalid. */
function addCounters (connection: Sqlite.Database): void {
  const add = connection.prepare('INSERT INTO larder_clock (name, ticks) VALUES (?, 0) ON CONFLICT DO NOTHING')
  const fixed = `INSERT INTO larder_clock VALUES ${FIXED_COUNTERS} ON CONFLICT DO NOTHING`
  let { changes: added } = connection.prepare(fixed).run()
  const { tables, guarded } = listTables(connection)
  for (const name of [...tables, ...Array.from(guarded, guardName)]) added += add.run(name).changes
  if (added > 0) connection.exec(INVALIDATE_ALL)
}

function isComplete (connection: Sqlite.Database, countRows: readonly string[]): boolean {
  const counted = readCountedTables(connection)
  const existing = readTriggers(connection)
  const fixed = connection.prepare("SELECT count(*) FROM larder_clock WHERE id IN (0, 1) OR name = ':era'")
  return fixed.pluck().get() === 3 && countRows.every((name) => counted.has(name)) &&
    defineTriggers(connection).every(({ triggers }) => triggersMatch(triggers, existing))
}

/**
 * Lists the tables whose changes are counted by the triggers that exist. They may count the values of other columns
 * than they should, because indexes were created or dropped after them.
 */
export function listWatched (connection: Sqlite.Database): TableSchema[] {
  const existing = readTriggers(connection)
  return defineTriggers(connection).flatMap(({ schema, triggers, define }) => {
    if (triggersMatch(triggers, existing)) return [schema]
    const sql = existing.get(countTrigger(schema.name, 'INSERT')) ?? ''
    const columns = schema.countable.filter((column) => sql.includes(writeValueSlot('NEW', column)))
    const leading = new Map([...schema.leading].filter(([, column]) => columns.includes(column)))
    const counting = { ...schema, columns, leading }
    return triggersMatch(define(counting), existing) ? [counting] : []
  })
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
  const own = watched.flatMap((table) => [moveTrigger(table), ...EVENTS.flatMap((event) => [
    countTrigger(table, event), guardTrigger(table, event), replaceTrigger(table, event)
  ])])
  return { tables: watched, guarded: listGuarded(connection, watched, own) }
}

/** Returns the name of the trigger that counts a change after it was made. */
function countTrigger (table: string, event: string): string {
  return `larder_${table}_${event.toLowerCase()}`
}

/**
 * Changes of slots are counted by upserts, not by `OR REPLACE`: inside a trigger, the conflict clause of the statement
 * that fires it takes precedence.
 *
 * @param id of the counter of the table; undefined if it does not exist yet
 * @param guard the id of its guard; undefined if it needs none
 * @param rowCounting undefined if the number of its rows is not maintained
 */
function defineTableTriggers (
  schema: TableSchema, id: number | undefined, guard: number | string | undefined, rowCounting?: RowCounting
): TableTriggers['triggers'] {
  const { name: table, rowKey, columns } = schema
  const moveGuard = (by: string) => `UPDATE larder_clock SET ticks = ticks ${by} WHERE id = ${guard};`
  const countTable = `UPDATE larder_clock SET ticks = ticks + 1 WHERE id = ${id};`
  const slots = [
    ...rowKey === undefined ? [] : [{ name: rowKey, write: (row: string) => writeRowSlot(row, rowKey) }],
    ...columns.map((column) => ({ name: column.name, write: (row: string) => writeValueSlot(row, column) }))
  ]
  const count = (slot: string, from: string, condition: string) => `
  INSERT INTO larder_slots SELECT ${id} * ${SLOTS} + ${slot}, larder_clock.ticks FROM ${from}
    WHERE ${condition}id = ${id} ON CONFLICT (id) DO UPDATE SET ticks = excluded.ticks;`
  // One statement for several slots takes less time than one for each.
  const countAll = (slots: readonly string[], condition = '') => slots.length === 0
    ? ''
    : count('column1', `larder_clock, (VALUES (${slots.join('), (')}))`, condition)
  const countSlots = (row: string) => slots.length === 1
    ? count(slots[0]!.write(row), 'larder_clock', '')
    : countAll(slots.map(({ write }) => write(row)))
  // Equal texts of different bytes may have different slots.
  const isChanged = (name: string) => `OLD.${quote(name)} IS NOT NEW.${quote(name)} COLLATE BINARY`
  const countBoth = () => slots.length === 1
    ? countSlots('NEW') + count(slots[0]!.write('OLD'), 'larder_clock', `${isChanged(slots[0]!.name)} AND `)
    : countAll([
      ...slots.map(({ write }) => write('NEW')),
      ...slots.map(({ name, write }) => `CASE WHEN ${isChanged(name)} THEN ${write('OLD')} END`)
    ], 'column1 IS NOT NULL AND ')
  const bodies = {
    INSERT: () => countSlots('NEW') + (rowCounting?.INSERT ?? ''),
    UPDATE: countBoth,
    DELETE: () => countSlots('OLD') + (rowCounting?.DELETE ?? '')
  }
  const define = (name: string, event: string, body: string, condition?: string) =>
    `CREATE TRIGGER ${quote(name)} ${event} ON ${quote(table)}` +
      `${condition === undefined ? '' : `\n  WHEN ${condition}`} BEGIN\n  ${body.trimStart()}\nEND`
  const move = rowCounting?.move
  const moving = move && define(moveTrigger(table), move.event, move.body, move.condition)
  const changes = EVENTS.flatMap((event): Array<[string, string | undefined]> => {
    const [after, guarding, replacing] = [countTrigger, guardTrigger, replaceTrigger].map((name) => name(table, event))
    const replaced = event === 'DELETE'
      ? undefined
      : defineReplacing({ schema, event, count, countTable, note: rowCounting?.note })
    const takeBack = guard === undefined ? '' : `\n  ${moveGuard('- 1')}`
    return [
      [after!, define(after!, `AFTER ${event}`, countTable + bodies[event]() + takeBack)],
      [guarding!, guard === undefined ? undefined : define(guarding!, `BEFORE ${event}`, moveGuard('+ 1'))],
      [replacing!, replaced && define(replacing!, replaced.event, replaced.body, replaced.condition)]
    ]
  })
  return new Map([...changes, [moveTrigger(table), moving]])
}
