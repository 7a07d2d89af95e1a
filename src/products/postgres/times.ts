import { type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

/*
 * Times are read and written as numbers or in ISO 8601, so that `TimeZone` and `DateStyle` of a session do not matter.
 * PostgreSQL has times that JavaScript has not: infinite ones, and those after the year 275760.
 */

/** The time of the statement. */
export const NOW = sql`statement_timestamp()`

/** The last time that JavaScript has, in milliseconds since 1970. */
const LAST_MS = 8.64e15
const DAY_MS = 86_400_000
/** The first and the last time that PostgreSQL has, to the day. */
const [FIRST_DAY, LAST_DAY] = [-2_440_588, 106_762_939]

/** Selects a time in milliseconds since 1970. */
export function selectMs (column: PgColumn): SQL<number> {
  return sql`extract(epoch FROM ${column})`.mapWith((seconds: string) => Math.round(Number(seconds) * 1000))
}

/** Writes a time in ISO 8601; an infinite one as PostgreSQL does. */
export function toIsoTime (ms: number): string {
  if (Math.abs(ms) === Infinity) return ms > 0 ? 'infinity' : '-infinity'
  return new Date(Math.min(ms, LAST_MS)).toISOString()
}

/** Writes an expression for a time. @param ms since 1970; those that PostgreSQL does not have count as infinite */
export function fromMs (ms: number): SQL {
  const days = Math.floor(ms / DAY_MS)
  if (days < FIRST_DAY) return sql`'-infinity'::timestamptz`
  if (days > LAST_DAY) return sql`'infinity'::timestamptz`
  // Days and seconds, since a number of seconds alone is not exact for times that are far off.
  const seconds = (ms - days * DAY_MS) / 1000
  return sql`(timestamp 'epoch' + make_interval(days => ${days}::int, secs => ${seconds}::float8)) AT TIME ZONE 'UTC'`
}

/**
 * For an update: now, or 1 ms after the time in the column, so that it changes even within the same millisecond.
 *
 * @param now in ISO 8601
 */
export function advancedTo (column: PgColumn, now: string | Placeholder): SQL {
  // There is nothing after an infinite time and after the last one.
  return sql`CASE WHEN ${column} < '294276-12-31 UTC' THEN greatest(${column} + interval '1 ms', ${now}::timestamptz)
    ELSE ${now}::timestamptz END`
}
