import fc from 'fast-check'
import t from 'tap'
import { deltaSeconds, directivesBeforeMaxAge, parseCacheControl } from '../../src/page-cache/cache-control.ts'
import { formatCacheStatus } from '../../src/page-cache/cache-status.ts'
import { etagOf, noneMatches } from '../../src/page-cache/conditional.ts'
import { hitTiming, missTiming } from '../../src/page-cache/cache-status.ts'
import { type CachePageOptions, planOf } from '../../src/page-cache/options.ts'
import type { ReplyHeaders } from '../../src/page-cache/page.ts'
import { judge } from '../../src/page-cache/policy.ts'

const NOW = Date.UTC(2026, 0, 1)

t.test('Cache-Control is read', async (t) => {
  t.same([...parseCacheControl('Max-Age=60, Private, no-cache="a, b", x=1 ,,; s-maxage="5", max-age=7, q="a\\"b"')], [
    ['max-age', '60'], ['private', true], ['no-cache', 'a, b'], ['x', '1'], ['s-maxage', '5'], ['q', 'a"b']
  ])
  t.equal(parseCacheControl('').size, 0)
  t.doesNotThrow(() => fc.assert(fc.property(fc.string(), (field) => parseCacheControl(field) !== undefined)))
})

t.test('seconds are numbers, or else nothing', async (t) => {
  const of = (field: string) => deltaSeconds(parseCacheControl(field), 'max-age')
  t.equal(of('max-age=60'), 60)
  t.equal(of('max-age="60"'), 60)
  t.equal(of('max-age=99999999999'), 2 ** 31)
  for (const field of ['max-age=-1', 'max-age=1.5', 'max-age=abc', 'max-age', 'max-age=']) t.equal(of(field), 0, field)
  t.equal(of('public'), undefined)
})

t.test('max-age is replaced, the rest is kept', async (t) => {
  const again = (field: string) => directivesBeforeMaxAge(parseCacheControl(field)) + 5
  t.equal(again(''), 'max-age=5')
  t.equal(again('public, max-age=60, s-maxage=9, ext="a b", n=1'), 'public, ext="a b", n=1, max-age=5')
})

t.test('what may be kept, and for how long', async (t) => {
  const verdict = (headers: ReplyHeaders, options: CachePageOptions = { ttl: 100 }, status = 200) => judge(planOf('/', options, undefined), status, headers, NOW)
  t.same(verdict({}), { ttl: 100 })
  t.same(verdict({ 'cache-control': 'max-age=10' }), { ttl: 10 }, 'the shorter life wins')
  t.same(verdict({ 'cache-control': 'max-age=1000' }), { ttl: 100 })
  t.same(verdict({ 'cache-control': 'max-age=10, s-maxage=20' }), { ttl: 20 }, 's-maxage is for shared caches')
  t.same(verdict({ expires: new Date(NOW + 5000).toUTCString() }), { ttl: 5 })
  t.same(verdict({ 'cache-control': 'max-age=50', expires: '0' }), { ttl: 50 }, 'max-age outranks Expires')
  t.same(verdict({ expires: 'never' }), { refused: 'lifetime-over' }, 'an Expires that is no date')
  t.same(verdict({ 'cache-control': 'max-age=0' }), { refused: 'lifetime-over' })
  t.same(verdict({}, {}), { refused: 'no-lifetime' }, 'without a ttl the response decides')
  t.same(verdict({ 'cache-control': 'public, max-age=7' }, {}), { ttl: 7 })
  for (const refusal of ['no-store', 'private', 'no-cache']) {
    t.same(verdict({ 'cache-control': `max-age=60, ${refusal.toUpperCase()}` }), { refused: refusal })
  }
  t.same(verdict({ 'cache-control': ['max-age=60', 'private="x"'] }), { refused: 'private' }, 'in several lines')
  t.same(verdict({ 'set-cookie': 'a=b' }), { refused: 'set-cookie' })
  t.same(verdict({ 'content-encoding': 'gzip' }), { refused: 'content-encoding' })
  t.same(verdict({ 'content-encoding': 'gzip' }, { ttl: 100, vary: ['Accept-Encoding'] }), { ttl: 100 })
  t.same(verdict({ vary: '*' }), { refused: 'vary-any' })
  t.same(verdict({ vary: ' X-A , x-b' }), { refused: 'vary-uncovered' })
  t.same(verdict({ vary: ' X-A , x-b' }, { ttl: 100, vary: ['x-a', 'X-B'] }), { ttl: 100 })
  for (const status of [201, 204, 206, 301, 404, 500]) t.same(verdict({}, { ttl: 100 }, status), { refused: `status-${status}` })
})

t.test('If-None-Match compares weakly', async (t) => {
  t.ok(noneMatches('"a"', '"a"'))
  t.ok(noneMatches('W/"a"', '"a"'))
  t.ok(noneMatches('"a"', 'W/"a"'))
  t.ok(noneMatches('"x", W/"a, b" , "y"', '"a, b"'))
  t.ok(noneMatches(' * ', '"a"'))
  for (const field of [undefined, '', 'a', '"b"', '"A"', 'garbage "']) t.notOk(noneMatches(field, '"a"'), String(field))
  t.match(etagOf(Buffer.from('x')), /^"[\w-]{43}"$/)
})

t.test('Cache-Status is written', async (t) => {
  t.equal(formatCacheStatus({ hit: true }, 9), 'larder; hit; ttl=9')
  t.equal(formatCacheStatus({ fwd: 'stale', stored: true, collapsed: true, detail: 'x' }), 'larder; fwd=stale; stored; collapsed; detail=x')
})

t.test('bad options are refused, by route and name', async (t) => {
  const of = (options: unknown, ttl?: number) => () => planOf('/slow', options as CachePageOptions, ttl)
  t.throws(of({ ttl: -1 }), { message: 'ttl in cachePage of /slow must be a number of seconds, zero or more' })
  t.throws(of({ ttl: '5' }), /ttl/)
  t.throws(of(NaN), /ttl/)
  t.throws(of({ tags: 'a' }), /tags .* must be an array of names that a tag may have/)
  t.throws(of({ vary: ['*'] }), /vary/)
  t.throws(of({ vary: ['a b'] }), /vary/)
  t.throws(of({ query: [1] }), /query/)
  t.throws(of({ maxBytes: 0 }), /maxBytes/)
  t.throws(of({ key: 'x' }), /key .* function/)
  t.throws(of({ tll: 5 }), { message: 'cachePage of /slow has the unknown option tll' })
  t.throws(of({ constructor: 5 }), /unknown option constructor/)
  t.throws(of({ tags: ['x'.repeat(2000)] }), /tags/)
  t.throws(of(null), /number of seconds or an object/)
  t.throws(of(true), /number of seconds or an object/)
  t.match(planOf('/', 5, undefined), { ttl: 5, cacheControl: 'max-age=5' })
  t.match(planOf('/', {}, 7), { ttl: 7 }, 'the default of the plugin')
  t.match(planOf('/', { ttl: undefined } as unknown as CachePageOptions, undefined), { ttl: undefined, cacheControl: undefined })
})

t.test('the text of a time is to a hundredth of a millisecond', (t) => {
  for (const ms of [0, 0.004, 0.006, 1.234, 1.234, 9.99, 9.996, 10, 1234.5678]) {
    t.equal(hitTiming(ms), `cache;desc="hit";dur=${(Math.round(ms * 100) / 100).toFixed(2)}`)
    t.equal(missTiming(ms), `cache;desc="miss";dur=${ms.toFixed(2)}`)
  }
  t.end()
})
