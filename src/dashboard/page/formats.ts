/** Numbers as people read them, the same in the tables of the page and in what is sent to it later. */

const MISSING = '–'

export function count (n: number): string {
  return n.toLocaleString('en')
}

export function percent (part: number, all: number): string {
  return all > 0 ? `${(100 * part / all).toFixed(1)}%` : MISSING
}

/** A time in seconds. */
export function seconds (time: number): string {
  return `${fixed(time, time < 100 ? 1 : 0)} s`
}

/** A time in seconds, in the unit that suits it. */
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

function fixed (n: number, digits: number): string {
  return n.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
