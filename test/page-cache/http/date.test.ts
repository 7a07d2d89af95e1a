import fc from 'fast-check'
import t from 'tap'
import { parseHttpDate } from '../../../src/page-cache/http/date.ts'

const NOW = Date.UTC(2026, 10, 24)
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

const imf = (date: Date) => date.toUTCString()

function rfc850 (date: Date): string {
  const [, day, month, year, time] = imf(date).split(' ')
  return `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year!.slice(-2)} ${time} GMT`
}

function asctime (date: Date): string {
  const [weekday, day, month, year, time] = imf(date).split(/,? /)
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`
}

t.test('parseHttpDate parses the three formats of RFC 9110 section 5.6.7', async (t) => {
  const time = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994',
    'Sun Nov 06 08:49:37 1994',
    'SUN, 06 NOV 1994 08:49:37 gMT', 'sunday, 06-nov-94 08:49:37 gmt', 'sUN nOV  6 08:49:37 1994',
    'Mon, 06 Nov 1994 08:49:37 GMT'
  ]) t.equal(parseHttpDate(text, NOW), time, text)
  t.equal(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT'), time, 'now is the default')
})

t.test('parseHttpDate rejects any other text', async (t) => {
  for (const text of [
    '', '0', '-1', 'foo', '1994-11-06T08:49:37Z', '1994', '784111777', 'Sun, 06 Nov 1994', '06 Nov 1994 08:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT', 'Sun,06 Nov 1994 08:49:37 GMT', 'Sun, 06  Nov 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-1994 08:49:37 GMT', 'Sun, 06 Nov 94 08:49:37 GMT', 'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT', 'Sun, 06 Nov 1994 08.49.37 GMT', 'Sun, 06 Nov 1994 08:49 GMT',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 1994 08:49:37 AEST', 'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37 GMT+1', 'Sun, 06 Nov 1994 08:49:37 EST',
    'Sun Nov 6 08:49:37 1994', 'Sun Nov  6 08:49:37 1994 GMT', 'Sun Nov  6 08:49:37 94',
    'Son, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Okt 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT', ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT\n',
    'Sun, 00 Nov 1994 08:49:37 GMT', 'Sun, 31 Nov 1994 08:49:37 GMT', 'Sun, 29 Feb 1994 08:49:37 GMT',
    'Sun, 31-Feb-94 08:49:37 GMT', 'Sun, 32 Jan 1994 08:49:37 GMT',
    'Sunday, 31-Feb-94 08:49:37 GMT', 'Sun Feb 31 08:49:37 1994', 'Sun Feb  0 08:49:37 1994',
    'Sun, 06 Nov 1994 24:00:00 GMT', 'Sun, 06 Nov 1994 25:49:37 GMT', 'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:60 GMT',
    'Sun, 06 Nov 1994 23:49:60 GMT', 'Sun, 06 Nov 1994 23:59:61 GMT', 'ſun, 06 Nov 1994 08:49:37 GMT'
  ]) t.equal(parseHttpDate(text, NOW), undefined, text)
})

t.test('a leap second is the following second', async (t) => {
  t.equal(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT'), Date.UTC(2017, 0, 1))
})

t.test('a year of two digits is at most 50 years ahead', async (t) => {
  t.equal(parseHttpDate('Thursday, 18-Aug-50 02:01:18 GMT', NOW), Date.UTC(2050, 7, 18, 2, 1, 18))
  t.equal(parseHttpDate('Tuesday, 24-Nov-76 00:00:00 GMT', NOW), Date.UTC(2076, 10, 24))
  t.equal(parseHttpDate('Wednesday, 24-Nov-76 00:00:01 GMT', NOW), Date.UTC(1976, 10, 24, 0, 0, 1))
  t.equal(
    parseHttpDate('Saturday, 01-Jan-00 00:00:00 GMT', Date.UTC(2099, 11, 31)), Date.UTC(2100, 0, 1),
    'past the turn of a century'
  )
  t.equal(parseHttpDate('Friday, 31-Dec-99 23:59:59 GMT', Date.UTC(2100, 0, 1)), Date.UTC(2099, 11, 31, 23, 59, 59))
  t.equal(
    parseHttpDate('Tuesday, 29-Feb-00 00:00:00 GMT', Date.UTC(2060, 0, 1)), Date.UTC(2000, 1, 29),
    '2100 is no leap year'
  )
})

t.test('parseHttpDate parses every date that is formatted', async (t) => {
  const date = (min: string, max: string) => fc.date({ min: new Date(min), max: new Date(max), noInvalidDate: true })
    .map((date) => new Date(Math.floor(date.getTime() / 1000) * 1000))
  fc.assert(fc.property(date('0000-01-01', '9999-12-31T23:59:59Z'), (date) => {
    t.equal(parseHttpDate(imf(date)), date.getTime())
    t.equal(parseHttpDate(asctime(date)), date.getTime())
  }))
  fc.assert(fc.property(date('1976-11-25', '2076-11-24'), (date) =>
    t.equal(parseHttpDate(rfc850(date), NOW), date.getTime())))
  fc.assert(fc.property(date('1900-01-01', '2200-01-01'), date('1900-01-01', '2200-01-01'), (date, now) => {
    const read = parseHttpDate(rfc850(date), now.getTime())
    if (read === undefined) return // 29 February of a year that the digits are not for
    t.equal(new Date(read).getUTCFullYear() % 100, date.getUTCFullYear() % 100)
    t.ok(read <= new Date(now).setUTCFullYear(now.getUTCFullYear() + 50))
  }))
})

t.test('parseHttpDate never throws', async (t) => {
  const part = fc.oneof(
    fc.constantFrom('Sun', 'Sunday', ', ', ' ', '06', '6', 'Nov', '1994', '94', '08:49:37', 'GMT', '-'),
    fc.string({ maxLength: 3 })
  )
  fc.assert(fc.property(fc.array(part).map((parts) => parts.join('')), (text) => {
    const read = parseHttpDate(text, NOW)
    t.ok(read === undefined || Number.isSafeInteger(read))
  }))
})
