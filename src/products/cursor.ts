/** The position of a product in the list, as text for a URL: its time and its id. Each database has its own times. */
export type Cursor = string

/** The pattern of a position: the time of a product, or `none`, and its id. */
export const CURSOR = '^(none|-?\\d+(?:\\.\\d+)?(?:e-?\\d+)?)_(-?\\d{1,19})$'
const CURSOR_PATTERN = new RegExp(CURSOR)

/** The longest position, in characters. */
export const CURSOR_MAX_LENGTH = 60

/** Returns whether a value is a position, of any database. */
export function isCursor (value: unknown): value is Cursor {
  return typeof value === 'string' && value.length <= CURSOR_MAX_LENGTH && CURSOR_PATTERN.test(value)
}

/** @param time null: the product has no time */
export function writeCursor (time: number | null, id: string): Cursor {
  return `${time ?? 'none'}_${id}`.replace('Infinity', '1e999')
}

/** Reads a position. The id stays a text, since it may be no safe integer in JavaScript. */
export function parseCursor (cursor: Cursor): { time: number | null, id: string } {
  const [, time, id] = CURSOR_PATTERN.exec(cursor)!
  return { time: time === 'none' ? null : Number(time), id: id! }
}
