import { quote } from './quote.ts'
import { ROW_NUMBERS, type TableSchema, type UniqueKey } from './schema.ts'
import { writeRowSlot, writeValueSlot } from './slots.ts'

/*
 * A row that `REPLACE` removes, because a new row has the same unique key, fires no trigger in most programs. So before
 * a row gets its keys, a trigger looks for the rows that it may replace, and counts them.
 *
 * A statement that ignores the row that it finds changes nothing, and is counted all the same.
 */

/** Writes a statement in a trigger that counts a slot: see `count` in triggers.ts. */
type CountSlot = (slot: string, from: string, condition: string) => string

/** Returns the name of the trigger that counts the rows that an event may replace. */
export function replaceTrigger (table: string, event: string): string {
  return `larder-${table}_${event.toLowerCase()}`
}

export interface ReplacingOptions {
  schema: TableSchema
  /** The event that replaces rows. */
  event: 'INSERT' | 'UPDATE'
  count: CountSlot
  /** A statement that counts a change of the table. */
  countTable: string
  /** A statement that notes the key of a row that may be replaced. Default none. */
  note: string | undefined
}

/** Defines when and how the rows that an event may replace are counted; undefined if they need not be. */
export function defineReplacing (
  { schema, event, count, countTable, note }: ReplacingOptions
): { event: string, condition: string, body: string } | undefined {
  const { name } = schema
  const keys = schema.keys.map((key) => ({ key, slots: listSlots(schema, key) }))
    .filter(({ slots }) => slots.length > 0 || note !== undefined)
  if (keys.length === 0) return undefined
  // The number of a row may be set by any of its names.
  const names = new Set([...keys.flatMap(({ key }) => key.columns.map(({ name }) => name)), ...ROW_NUMBERS])
  const conditions = keys.map(({ key }) => {
    const exists = `EXISTS (SELECT 1 FROM ${quote(name)} AS o WHERE ${matchKey(key)})`
    return event === 'INSERT' ? exists : `((${isChanged(key)}) AND ${exists})`
  })
  const counts = keys.flatMap(({ key, slots }) => slots.map((slot) =>
    count(slot, `${quote(name)} AS o, larder_clock`, `${matchKey(key)} AND larder_clock.`)))
  return {
    event: event === 'INSERT' ? 'BEFORE INSERT' : `BEFORE UPDATE OF ${Array.from(names, quote).join(', ')}`,
    condition: conditions.join('\n    OR '),
    body: (counts.length > 0 ? countTable : '') + counts.join('') + (note ?? '')
  }
}

/** Lists the slots of a row that it does not share with each row that has the same key. */
function listSlots ({ rowKey, columns }: TableSchema, { columns: [first, ...others] }: UniqueKey): string[] {
  const isKey = (name: string) => first!.name === name && first!.collation === 'BINARY' && others.length === 0
  return [
    ...rowKey === undefined || isKey(rowKey) ? [] : [writeRowSlot('o', rowKey)],
    ...columns.filter(({ name }) => !isKey(name)).map((column) => writeValueSlot('o', column))
  ]
}

function matchKey ({ columns }: UniqueKey): string {
  return columns.map(({ name, collation }) => `o.${quote(name)} = NEW.${quote(name)} COLLATE ${collation}`)
    .join(' AND ')
}

function isChanged ({ columns }: UniqueKey): string {
  return columns.map(({ name }) => `OLD.${quote(name)} IS NOT NEW.${quote(name)} COLLATE BINARY`).join(' OR ')
}
