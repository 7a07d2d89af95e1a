/**
 * A time to read, as the service writes it: with a decimal where it is short.
 *
 * @param {number} time in milliseconds
 */
export function milliseconds (time) {
  const digits = time < 10 ? 1 : 0
  return time.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
