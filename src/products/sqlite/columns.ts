import { desc, type Placeholder, sql } from 'drizzle-orm'
import { customType, type SQLiteColumn } from 'drizzle-orm/sqlite-core'

/** ISO 8601, UTC, with milliseconds. */
const FORMAT = sql.raw("'%Y-%m-%dT%H:%M:%fZ'")

/** The time of the statement, as text in this format. */
export const NOW = sql`(strftime(${FORMAT}, 'now'))`

/**
 * A point in time, stored as text in ISO 8601 (`2026-01-31T12:00:00.000Z`), which sorts by time and which people and
 * other programs can read and write. Text in one of SQLite's own formats is read as ISO 8601 too.
 */
export const isoTime = customType<{ data: string, driverData: unknown }>({
  dataType: () => 'text',
  fromDriver: toIsoTime
})

/** Orders by time, newest first, in any of SQLite's formats. Text that is not a time comes last. */
export function latestFirst (column: SQLiteColumn) {
  return desc(sql`julianday(${column})`)
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const SQLITE = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:\d\d)?)?$/

export function toIsoTime (value: unknown): string {
  const text = String(value)
  if (ISO.test(text)) return text
  // Only these formats: JavaScript parses other texts as dates that nobody meant.
  const parts = SQLITE.exec(text)
  if (parts === null) return text
  const [, date, clock = '00:00', zone = 'Z'] = parts // a time without a zone is in UTC
  const time = new Date(`${date}T${clock}${zone}`)
  return Number.isNaN(time.getTime()) ? text : time.toISOString()
}

/** For an update: now, or 1 ms after the time in the column, so that it changes even within the same millisecond. */
export function advancedTo (column: SQLiteColumn, now: string | Placeholder) {
  return sql`CASE WHEN strftime(${FORMAT}, ${column}) < ${now} THEN ${now}
    ELSE coalesce(strftime(${FORMAT}, ${column}, '+0.001 seconds'), ${now}) END`
}
