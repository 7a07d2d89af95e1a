const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'
const MONTH = '(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)'
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)'

/** `Sun, 06 Nov 1994 08:49:37 GMT` */
const IMF_FIXDATE = new RegExp(`^(?:mon|tue|wed|thu|fri|sat|sun), (\\d\\d) ${MONTH} (\\d{4}) ${TIME} gmt$`, 'i')
/** `Sunday, 06-Nov-94 08:49:37 GMT` */
const RFC850_DATE = new RegExp(
  `^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} gmt$`, 'i'
)
/** `Sun Nov  6 08:49:37 1994` */
const ASCTIME_DATE = new RegExp(`^(?:mon|tue|wed|thu|fri|sat|sun) ${MONTH} (\\d\\d| \\d) ${TIME} (\\d{4})$`, 'i')

/**
 * Parses a date in one of the three formats of RFC 9110 section 5.6.7, and in no other.
 *
 * It is case-insensitive (RFC 9111 section 4.2), and ignores the day of the week, which is redundant.
 *
 * @param now milliseconds since 1970, to complete a year of two digits
 * @returns milliseconds since 1970; undefined if the text is not such a date
 */
export function parseHttpDate (text: string, now: number = Date.now()): number | undefined {
  let parts = IMF_FIXDATE.exec(text)
  if (parts !== null) return toInstant(Number(parts[3]), parts[2]!, parts[1]!, parts[4]!, parts[5]!, parts[6]!)
  parts = RFC850_DATE.exec(text)
  if (parts !== null) return completeYear(parts, now)
  parts = ASCTIME_DATE.exec(text)
  if (parts !== null) return toInstant(Number(parts[6]), parts[1]!, parts[2]!, parts[3]!, parts[4]!, parts[5]!)
  return undefined
}

/** Completes a year of two digits: the latest possible year that is at most 50 years ahead. */
function completeYear ([, day, month, digits, ...time]: string[], now: number): number | undefined {
  const limit = new Date(now)
  limit.setUTCFullYear(limit.getUTCFullYear() + 50)
  const last = limit.getUTCFullYear()
  const year = last - (last - Number(digits)) % 100
  const inYear = (year: number) => toInstant(year, month!, day!, time[0]!, time[1]!, time[2]!)
  const latest = inYear(year)
  return latest === undefined || latest > limit.getTime() ? inYear(year - 100) : latest
}

function toInstant (
  year: number, month: string, day: string, hour: string, minute: string, second: string
): number | undefined {
  const date = new Date(0)
  const monthIndex = MONTHS.indexOf(month.toLowerCase()) / 3
  // Unlike Date.UTC, this does not map the years 0 to 99 to 1900 to 1999.
  date.setUTCFullYear(year, monthIndex, Number(day))
  if (date.getUTCDate() !== Number(day)) return undefined
  const isLeapSecond = hour === '23' && minute === '59' && second === '60'
  if (hour > '23' || minute > '59' || (second > '59' && !isLeapSecond)) return undefined
  return date.setUTCHours(Number(hour), Number(minute), Number(second))
}
