import { createHash } from 'node:crypto'
import zlib from 'node:zlib'

/*
 * Changes of rows, and of the rows with one value in a column, are listed by slots: 65,536 for the rows of a table,
 * and as many for each column that is counted, so that their number is bounded. What shares a slot changes together.
 * The triggers compute the same slots in SQL.
 */

export const SLOTS = 65_536

/** How the slot of a value is computed. */
export type Kind = 'int' | 'uuid' | 'text'

/** A column whose values are counted. */
export interface CountedColumn {
  /** Its position in the table. */
  readonly number: number
  readonly name: string
  readonly kind: Kind
  /** Whether its values are the rows: it is the primary key. */
  readonly isKey: boolean
}

const INTEGER = /^-?(?:0|[1-9]\d{0,18})$/
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i
/** Texts that every encoding of a database can store. */
const PLAIN_TEXT = /^[^\0\ud800-\udfff]*$/

/**
 * Describes a value for a tag; undefined if it is not certain what the database reads it as. Texts are described by
 * their slot, since they may be secret.
 */
export function describeValue (kind: Kind, value: unknown): string | undefined {
  if (value === null) return 'null'
  const text = typeof value === 'number' && !Number.isSafeInteger(value) ? undefined : writeValue(value)
  if (text === undefined) return undefined
  if (kind === 'int') return INTEGER.test(text) ? String(BigInt(text)) : undefined
  if (kind === 'uuid') return UUID.test(text) ? text.toLowerCase() : undefined
  return typeof value === 'string' && PLAIN_TEXT.test(text) ? `#${hashText(text)}` : undefined
}

function writeValue (value: unknown): string | undefined {
  return ['string', 'number', 'bigint'].includes(typeof value) ? String(value) : undefined
}

function hashText (text: string): number {
  return createHash('sha256').update(text).digest().readUInt16BE(0)
}

/** Returns the slot of a value that is described in a tag; undefined if it is no description. */
export function computeSlot ({ number, kind, isKey }: CountedColumn, description: string): number | undefined {
  const base = isKey ? 0 : number * SLOTS
  if (description === 'null') return isKey ? undefined : base
  const bits = computeBits(kind, description)
  return bits === undefined ? undefined : base + bits
}

function computeBits (kind: Kind, description: string): number | undefined {
  if (kind === 'int') return INTEGER.test(description) ? Number(BigInt.asUintN(16, BigInt(description))) : undefined
  if (kind === 'uuid') return UUID.test(description) ? parseInt(description.slice(-4), 16) : undefined
  return /^#\d{1,5}$/.test(description) ? Number(description.slice(1)) % SLOTS : undefined
}

/** Returns the slot of a tag that is no table or row. */
export function computeNameSlot (tag: string): number {
  return zlib.crc32(tag) % SLOTS
}
