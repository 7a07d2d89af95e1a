/** @import { Arrival } from './navigation.js' */

const KEY = 'larder.apicalls'
/** Loads remembered. */
export const LIMIT = 20

const SOURCES = ['miss', 'hit', 'browser', 'unknown']

/**
 * Adds a load to the last ones of this tab. Where the browser keeps nothing, it is the only one.
 *
 * @param {Arrival} load
 * @returns {Arrival[]} oldest first, at most `LIMIT`
 */
export function remember (load) {
  const loads = [...recall(), load].slice(-LIMIT)
  try {
    sessionStorage.setItem(KEY, JSON.stringify(loads))
  } catch {} // full, or forbidden
  return loads
}

/** @returns {Arrival[]} */
function recall () {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter(isArrival) : []
  } catch {
    return []
  }
}

/**
 * What is kept may be of another version, or of somebody's hand.
 *
 * @param {any} load
 */
function isArrival (load) {
  return isTime(load?.at) && isTime(load.reached) && (load.served === null || isTime(load.served)) && SOURCES.includes(load.from)
}

/** @param {unknown} n */
function isTime (n) {
  return typeof n === 'number' && n >= 0 && n < 8.64e15 // the last time that a Date can say
}
