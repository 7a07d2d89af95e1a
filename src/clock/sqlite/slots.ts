import zlib from 'node:zlib'
import { quote } from './quote.ts'

/*
 * Changes of rows, and of the rows with one value in a column, are counted in slots: 65,536 for the rows of a table,
 * and as many for each column that is counted, so that their number is bounded. What shares a slot changes together.
 */

/** The number of slots for the rows of a table, and for the values of a column. */
export const SLOTS = 65_536

/** More than the highest slot of all rows. Each column has a range of its own above it. */
const FIRST_COLUMN = 2 ** 36
const MAX_COLUMNS = 2 ** 15

/** How a column converts what is stored in it: https://sqlite.org/datatype3.html#determination_of_column_affinity. */
export type Affinity = 'numeric' | 'text' | 'none'

/** A column whose values are counted. */
export interface CountedColumn {
  readonly name: string
  readonly affinity: Affinity
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/
/** Texts of which SQLite and JavaScript count the same characters, in each encoding of a database. */
const PLAIN_TEXT = /^[^\0\ud800-\uffff]*$/

/** Returns the lowest bits of an integer, as `&` of SQLite does. */
export function computeRowSlot (id: string): number {
  return Number(BigInt.asUintN(Math.log2(SLOTS), BigInt(id)))
}

/** Whether JavaScript and SQLite read a value as the same row number for sure. */
export function isRowNumber (id: unknown): boolean {
  return Number.isSafeInteger(id) || typeof id === 'bigint' || (typeof id === 'string' && INTEGER.test(id))
}

/** Writes the slot of a row of a table in SQL. */
export function writeRowSlot (row: string, key: string): string {
  return `(${row}.${quote(key)} & ${SLOTS - 1})`
}

/**
 * Writes the slot of the value of a column in SQL, without functions of the application: other programs lack them.
 *
 * Values that are equal have the same slot, whatever their type. Only values that a query is known to look for need
 * the slot that `describeValue` computes.
 */
export function writeValueSlot (row: string, { name, affinity }: CountedColumn): string {
  const value = `${row}.${quote(name)}`
  const bits = {
    numeric: value,
    text: writeHash(value),
    none: `CASE typeof(${value}) WHEN 'text' THEN ${writeHash(value)} ELSE ${value} END`
  }[affinity]
  return `(${columnBase(name)} + ifnull(${bits} & ${SLOTS - 1}, 0))`
}

/*
 * SQLite has no hash function, and each character costs time. Texts that an application looks up mostly have a pattern.
 * So the hash is made of what differs in many of them: a number at the end or before `@`, e.g. in `user-007@a.org`, and
 * characters at the start, around the middle and near the end. Texts that differ in nothing of this share a slot.
 */

interface Parts<T> { number: T, first: T, beforeMiddle: T, middle: T, beforeEnd: T, length: T }

const WEIGHTS: Parts<number> = { number: 31, first: 257, beforeMiddle: 4099, middle: 17, beforeEnd: 769, length: 8209 }
const NAMES = Object.keys(WEIGHTS) as Array<keyof typeof WEIGHTS>

function writeHash (value: string): string {
  const character = (start: string) => `unicode(substr(${value}, ${start}))`
  const parts: Parts<string> = {
    number: `CAST(substr(${value}, instr(${value}, '@') - 3) AS INTEGER)`,
    first: `unicode(${value})`,
    beforeMiddle: character(`length(${value}) * 3 / 8 + 1`),
    middle: character(`length(${value}) / 2 + 1`),
    beforeEnd: character('-4'),
    length: `length(${value})`
  }
  return `(${NAMES.map((name) => `${parts[name]} * ${WEIGHTS[name]}`).join(' + ')})`
}

function computeHash (text: string): number {
  const { length } = text
  if (length === 0) return 0
  const parts: Parts<number> = {
    number: parseNumber(text.slice(resolveStart(text.indexOf('@') - 2, length))),
    first: text.charCodeAt(0),
    beforeMiddle: text.charCodeAt(Math.floor(length * 3 / 8)),
    middle: text.charCodeAt(length >> 1),
    beforeEnd: text.charCodeAt(resolveStart(-4, length)),
    length
  }
  return NAMES.reduce((sum, name) => sum + parts[name] * WEIGHTS[name], 0) & (SLOTS - 1)
}

/** Returns the index of what `substr` begins with. @param start its second argument */
function resolveStart (start: number, length: number): number {
  return start > 0 ? start - 1 : start === 0 ? 0 : Math.max(0, length + start)
}

/** Returns the number with which a text begins, as `CAST` does. */
function parseNumber (text: string): number {
  return Number(/^[\t-\r ]*([+-]?\d+)/.exec(text)?.[1] ?? 0)
}

/**
 * Returns the value that a column stores in place of another, and that equals no other value but as a number of another
 * type; undefined if that is not certain.
 */
export function convertValue (affinity: Affinity, value: unknown): number | string | null | undefined {
  if (value === null) return null
  if (typeof value === 'string' && affinity !== 'numeric') return PLAIN_TEXT.test(value) ? value : undefined
  const isNumber = typeof value === 'string'
    ? INTEGER.test(value)
    : affinity !== 'text' && (typeof value === 'number' || typeof value === 'bigint')
  return isNumber && Number.isSafeInteger(Number(value)) ? Number(value) : undefined
}

/** Describes a value for a tag. Texts are described by their slot, since they may be secret. */
export function describeValue (value: number | string | null): string {
  return typeof value === 'string' ? `#${computeHash(value)}` : String(value)
}

/** Returns the slot of a value that is described in a tag; undefined if it is no description. */
export function computeValueSlot ({ name }: CountedColumn, description: string): number | undefined {
  const base = columnBase(name)
  if (description === 'null') return base
  if (INTEGER.test(description)) return base + computeRowSlot(description)
  return /^#\d{1,5}$/.test(description) ? base + Number(description.slice(1)) % SLOTS : undefined
}

/** Returns the lowest slot of a column. Columns of a table that share it change together. */
function columnBase (name: string): number {
  return FIRST_COLUMN * (1 + zlib.crc32(name) % MAX_COLUMNS)
}
