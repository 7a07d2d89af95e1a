/** Numbers formatted for people, on the page and in its live updates. */

/** The text if there is no figure. */
export const MISSING = '–'

export function count (n: number): string {
  return n.toLocaleString('en')
}

export function percent (part: number, all: number): string {
  return all > 0 ? `${(100 * part / all).toFixed(1)}%` : MISSING
}

/** Formats a time in seconds as seconds. */
export function seconds (time: number): string {
  return `${fixed(time, time < 100 ? 1 : 0)} s`
}

/** Formats a time in seconds as seconds or milliseconds, whichever suits it. */
export function duration (time: number | undefined): string {
  if (time === undefined) return MISSING
  if (time >= 1) return `${fixed(time, time < 10 ? 2 : 1)} s`
  const ms = time * 1000
  return `${fixed(ms, ms < 1 ? 3 : ms < 10 ? 1 : 0)} ms`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes (n: number): string {
  let unit = 0
  for (; n >= 1024 && unit < UNITS.length - 1; unit++) n /= 1024
  return `${fixed(n, unit === 0 || n >= 100 ? 0 : 1)} ${UNITS[unit]}`
}

const MAX_NAMES = 5
const MAX_NAME_LENGTH = 80

/**
 * Lists the first few names.
 *
 * @param total the number of all names, if not all are given
 */
export function list (names: readonly string[], total = names.length): string {
  const more = total > MAX_NAMES ? ` and ${count(total - MAX_NAMES)} more` : ''
  return names.slice(0, MAX_NAMES).map(shorten).join(', ') + more
}

export function shorten (name: string): string {
  return name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name
}

function fixed (n: number, digits: number): string {
  return n.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
