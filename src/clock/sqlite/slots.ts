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

/** SQLite has no hash function. Texts that differ in none of these characters share a slot. */
function writeHash (value: string): string {
  return `(length(${value}) * 7 + unicode(${value}) * 31 + unicode(substr(${value}, length(${value}) / 2 + 1)) * 4099
    + unicode(substr(${value}, -2)) * 257 + unicode(substr(${value}, -1)) * 17)`
}

function computeHash (text: string): number {
  const at = (index: number) => text.charCodeAt(index)
  const { length } = text
  const sum = length * 7 + at(0) * 31 + at(length >> 1) * 4099 + at(Math.max(0, length - 2)) * 257 + at(length - 1) * 17
  return length === 0 ? 0 : sum % SLOTS
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
