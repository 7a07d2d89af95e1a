/**
 * Formats a time as the service does: with one decimal if it is short.
 *
 * @param {number} time in milliseconds
 */
export function milliseconds (time) {
  const digits = time < 10 ? 1 : 0
  return time.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
