/** @import { Arrival } from './navigation.js' */

const KEY = 'larder.apicalls'
/** Number of stored loads. */
export const LIMIT = 20

const SOURCES = ['miss', 'hit', 'browser', 'unknown']

/**
 * Adds a load to the last ones of this tab. It is the only one if the browser stores nothing.
 *
 * @param {Arrival} load
 * @returns {Arrival[]} oldest first, at most `LIMIT`
 */
export function remember (load) {
  const loads = [...recall(), load].slice(-LIMIT)
  try {
    sessionStorage.setItem(KEY, JSON.stringify(loads))
  } catch {} // the storage is full or forbidden
  return loads
}

/** @returns {Arrival[]} */
function recall () {
  try {
    const stored = JSON.parse(sessionStorage.getItem(KEY) ?? '[]')
    return Array.isArray(stored) ? stored.filter(isArrival) : []
  } catch {
    return []
  }
}

/**
 * Checks a stored load. It may have been stored by another version, or edited by hand.
 *
 * @param {any} load
 */
function isArrival (load) {
  return isTime(load?.at) &&
    isTime(load.reached) &&
    (load.served === null || isTime(load.served)) &&
    SOURCES.includes(load.from)
}

/** @param {unknown} n */
function isTime (n) {
  return typeof n === 'number' && n >= 0 && n < 8.64e15 // the latest time that a Date can represent
}
