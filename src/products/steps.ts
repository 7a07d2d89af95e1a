/*
 * Bulk changes run in steps within one transaction. Each step is one statement of limited size, so that a change can be
 * abandoned between two steps, and neither the process nor the database keeps its rows in memory.
 */

/** The number of rows that a step changes. */
export const STEP_ROWS = 10_000
/** The number of rows that a step inserts. The event loop writes them as JSON. */
export const INSERT_ROWS = 1_000

/** Divides a list into parts of limited size. */
export function * divide<T> (items: readonly T[], size: number = STEP_ROWS): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

/** Divides ids into those of each step. Each id is in one of them once. */
export function divideIds (ids: readonly number[]): Generator<readonly number[]> {
  return divide([...new Set(ids)])
}
