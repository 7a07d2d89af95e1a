import fc from 'fast-check'
import t from 'tap'
import { parseCacheControl } from '../../../src/page-cache/http/cache-control.ts'
import { parseFreshnessLifetime, computeInitialAge, parseStaleWindows } from '../../../src/page-cache/http/freshness.ts'
import type { Fields } from '../../../src/page-cache/http/fields.ts'

const NOW = Date.UTC(2026, 0, 1)
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString()
const lifetime = (headers: Fields, targeted = false) =>
  parseFreshnessLifetime(headers, parseCacheControl(headers['cache-control']), targeted, NOW)
const age = (headers: Fields, delay = 0, received = NOW) => computeInitialAge(headers, {
  requested: received - delay * 1000, received
})

t.test('s-maxage outranks max-age, and max-age Expires', async (t) => {
  t.equal(lifetime({}), undefined)
  t.equal(lifetime({ 'cache-control': 'public' }), undefined)
  t.equal(lifetime({ 'cache-control': 'max-age=60' }), 60)
  for (const field of [
    'max-age=60, s-maxage=1', 's-maxage=1, max-age=60', ['max-age=60', 's-maxage=1'], 'max-age=0, s-maxage=1'
  ]) {
    t.equal(lifetime({ 'cache-control': field, expires: at(-10) }), 1)
  }
  t.equal(lifetime({ 'cache-control': 'max-age=60', expires: at(-10), date: at(0) }), 60)
  t.equal(lifetime({ 'cache-control': 'max-age=60', expires: '0' }), 60)
  t.equal(lifetime({ 'cache-control': 'max-age=0', expires: at(60), date: at(0) }), 0)
  t.equal(lifetime({ 'cache-control': 'max-age=x', expires: at(60), date: at(0) }), 0)
  t.equal(lifetime({ expires: at(60) }, true), undefined, 'Expires does not count beside a directive for this cache')
})

t.test('Expires counts from Date', async (t) => {
  t.equal(lifetime({ expires: at(60), date: at(0) }), 60)
  t.equal(lifetime({ expires: at(60), date: at(20) }), 40)
  t.equal(lifetime({ expires: at(60), date: at(-20) }), 80)
  t.equal(lifetime({ expires: at(0), date: at(0) }), 0)
  t.equal(lifetime({ expires: at(300), date: at(400) }), 0)
  t.equal(lifetime({ expires: at(-300), date: at(0) }), 0)
  t.equal(lifetime({ expires: [at(60)], date: at(0) }), 60)
  for (const date of [undefined, 'foo', [at(20), at(20)], 0]) {
    t.equal(lifetime({ expires: at(10), date }), 10, 'without a Date it is when the response came')
  }
  for (const expires of [
    '0', '', 'never', 0, -1, [at(60), at(60)], [], `${at(60)}, ${at(60)}`, 'Thu, 18 Aug 2050 02:01:18 AEST'
  ]) {
    t.equal(lifetime({ expires, date: at(0) }), 0, `${expires} is in the past`)
  }
  t.equal(lifetime({
    expires: 'Thursday, 18-Aug-50 02:01:18 GMT', date: at(0)
  }), (Date.UTC(2050, 7, 18, 2, 1, 18) - NOW) / 1000)
})

t.test('computeInitialAge uses Age plus the response delay, or Date', async (t) => {
  t.equal(age({}, 30), 0, 'a handler of our own')
  t.equal(age({ age: '10' }), 10)
  t.equal(age({ age: '10' }, 2.5), 12.5)
  t.equal(age({ date: at(-10) }), 10)
  t.equal(age({ date: at(-10) }, 2), 10)
  t.equal(age({ date: at(-10) }, 12), 12)
  t.equal(age({ date: at(0) }, 2), 2)
  t.equal(age({ date: at(10) }), 0, 'a clock that is fast')
  t.equal(age({ date: at(0) }, 0, NOW + 999), 0, 'the rest of the second is not age')
  t.equal(age({ date: at(-7200), age: '10' }), 7200)
  t.equal(age({ date: at(-10), age: '25' }), 25)
  t.equal(age({ date: at(10), age: '15' }), 15)
  t.equal(age({ date: at(0), age: '10' }, -5), 10, 'a clock that was set back')
})

t.test('Age is a number; the first of several counts', async (t) => {
  for (const [value, expected] of [
    ['0', 0], ['7200', 7200], [7200, 7200], ['7200,0', 7200], ['0, 7200', 0], [['7200', '0'], 7200], [['0', '7200'], 0],
    [', 5', 5], ['007', 7],
    ['2147483647', 2 ** 31 - 1], ['2147483648', 2 ** 31], ['2147483649', 2 ** 31], ['9'.repeat(400), 2 ** 31],
    ['abc', 0], ['-7200', 0], ['7200.0', 0], ['7200;foo=bar', 0], ['', 0], [',', 0], [[], 0], ['abc, 5', 0], ['"5"', 0]
  ] as const) t.equal(age({ age: value, date: at(0) }), expected, String(value))
  t.equal(age({ age: 'abc' }, 5), 0, 'as if it were not there')
})

t.test('the age is never less than Age or the apparent age', async (t) => {
  const number = fc.nat({ max: 10 ** 6 })
  fc.assert(fc.property(number, number, number, (said, since, delay) => {
    const all = age({ age: String(said), date: at(-since) }, delay)
    t.ok(all >= said + delay && all >= since)
    t.equal(all, Math.max(age({ age: String(said) }, delay), age({ date: at(-since) })))
  }))
})

t.test('parseStaleWindows returns how long a response may be served stale', async (t) => {
  const windows = (field: string) => parseStaleWindows(parseCacheControl(field))
  t.same(windows('max-age=5'), { whileRevalidate: undefined, ifError: undefined })
  t.same(windows('stale-while-revalidate=60, stale-if-error=600'), { whileRevalidate: 60, ifError: 600 })
  t.same(windows('stale-while-revalidate=0, stale-if-error=x'), { whileRevalidate: 0, ifError: 0 })
  t.same(windows('stale-if-error=9, stale-if-error=5'), { whileRevalidate: undefined, ifError: 5 })
  for (const directive of [
    'must-revalidate', 'proxy-revalidate', 's-maxage=2', 'no-cache', 'No-Cache=""', 'no-store; must-revalidate'
  ]) {
    t.equal(windows(`max-age=2, stale-while-revalidate=60, stale-if-error=60, ${directive}`), 'forbidden', directive)
  }
  t.same(windows('no-cache="a", stale-if-error=60'), {
    whileRevalidate: undefined, ifError: 60
  }, 'only some fields are forbidden')
})
