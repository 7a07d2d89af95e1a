import { sql } from 'drizzle-orm'
import { customType, type SQLiteColumn } from 'drizzle-orm/sqlite-core'

/** The moment of the statement, as text in ISO 8601, UTC, with milliseconds. */
export const NOW = sql`(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))`

/**
 * A point in time, kept as text in ISO 8601 (`2026-01-31T12:00:00.000Z`), which sorts as it should and which people
 * and other programs can read and write. What others wrote in one of SQLite's forms comes out in ISO 8601 too.
 */
export const isoTime = customType<{ data: string, driverData: unknown }>({
  dataType: () => 'text',
  fromDriver: toIsoTime
})

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const SQLITE = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?$/

export function toIsoTime (value: unknown): string {
  const text = String(value)
  if (ISO.test(text)) return text
  const parts = SQLITE.exec(text)
  // SQLite's own forms are in UTC but do not say so.
  const time = new Date(parts === null ? text : `${parts[1]}T${parts[2] ?? '00:00'}Z`)
  return Number.isNaN(time.getTime()) ? text : time.toISOString()
}

/** For an update: now, or a millisecond after what the column says, so that it moves even in the same millisecond. */
export function movedTo (column: SQLiteColumn, now: string) {
  return sql`CASE WHEN ${column} < ${now} THEN ${now}
    ELSE coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', ${column}, '+0.001 seconds'), ${now}) END`
}
