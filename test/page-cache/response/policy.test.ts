import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import { formatCacheStatus } from '../../../src/page-cache/http/cache-status.ts'
import { type CachePageOptions, resolveRouteConfig } from '../../../src/page-cache/options.ts'
import type { ReplyHeaders } from '../../../src/page-cache/stored-response.ts'
import { decideStorage, type ReceivedResponse, type StoragePolicy } from '../../../src/page-cache/response/policy.ts'
import { CUSTOM_KEY } from '../../../src/page-cache/key/variants.ts'

const NOW = Date.UTC(2026, 0, 1)

/** A request by its fields, what of them was read by name, and whether all were. */
const asked = (headers: IncomingHttpHeaders, { names = [], all = false, address = false, sent = headers }: { names?: string[], all?: boolean, address?: boolean, sent?: IncomingHttpHeaders } = {}): ReceivedResponse['request'] =>
  ({ headerReads: { headers, sent, readAll: all, readClientAddress: address }, names })

function judged (headers: ReplyHeaders, options: CachePageOptions = { ttl: 100 }, status = 200, request: ReceivedResponse['request'] = asked({})) {
  return decideStorage({ plan: resolveRouteConfig('/', options, undefined), status, headers, request, requested: NOW, received: NOW })
}

/** Seconds that it stays fresh, or what refuses. */
const life = (...args: Parameters<typeof judged>) => {
  const verdict = judged(...args)
  return 'refused' in verdict ? verdict.refused : verdict.ttl
}

t.test('what may be kept, and for how long', async (t) => {
  t.equal(life({}), 100)
  t.equal(life({ 'cache-control': 'max-age=10' }), 10, 'the shorter life wins')
  t.equal(life({ 'cache-control': 'max-age=1000' }), 100)
  t.equal(life({ 'cache-control': 'max-age=10, s-maxage=20' }), 20, 's-maxage is for shared caches')
  t.equal(life({ expires: new Date(NOW + 5000).toUTCString() }), 5)
  t.equal(life({ 'cache-control': 'max-age=50', expires: '0' }), 50, 'max-age outranks Expires')
  t.equal(life({ 'cache-control': 'max-age=50', age: '20' }), 30, 'what it is old already counts')
  t.equal(life({ age: '20' }), 80, 'for the ttl of the route too')
  t.equal(life({ expires: 'never' }), 'lifetime-over', 'an Expires that is no date')
  t.equal(life({ 'cache-control': 'max-age=0' }), 'lifetime-over')
  t.equal(life({ 'cache-control': 'max-age=5', age: '9' }), 'lifetime-over')
  t.equal(life({}, {}), 'no-lifetime', 'without a ttl the response decides')
  t.equal(life({ 'cache-control': 'public, max-age=7' }, {}), 7)
  t.equal(life({ 'cdn-cache-control': 'max-age=7', 'cache-control': 'no-store' }, {}), 7, 'RFC 9213')
  for (const refusal of ['no-store', 'private', 'no-cache']) t.equal(life({ 'cache-control': `max-age=60, ${refusal.toUpperCase()}` }), refusal)
  t.equal(life({ 'set-cookie': 'a=b' }), 'set-cookie')
  t.equal(life({ vary: ['x-a', '*'] }), 'vary-any')
  for (const status of [201, 204, 301, 404, 500]) t.equal(life({}, { ttl: 100 }, status), `status-${status}`)
  for (const status of [201, 204, 299, 301, 404, 410, 500, 599]) {
    t.equal(life({ 'cache-control': 'max-age=7' }, { ttl: 5 }, status), 7, 'the ttl of a route is for 200 alone')
    t.equal(life({ 'cache-control': 'max-age=7' }, {}, status), 7)
    t.equal(life({}, {}, status), 'no-lifetime')
  }
  t.equal(life({ 'cache-control': 'max-age=7' }, {}, 206), 'partial-content')
  t.equal(life({ 'cache-control': 'max-age=7' }, {}, 304), 'status-304')
})

t.test('must-understand, RFC 9111 section 5.2.2.3', async (t) => {
  const control = { 'cache-control': 'max-age=7, must-understand, no-store' }
  t.equal(life(control, {}, 200), 7)
  t.equal(life(control, {}, 404), 7)
  t.equal(life(control, {}, 599), 'must-understand')
  t.equal(life({ 'cache-control': 'max-age=7, no-store' }, {}, 200), 'no-store')
})

t.test('what the handler can confirm is kept beyond its life', async (t) => {
  for (const [name, value] of [['etag', '"a"'], ['last-modified', new Date(NOW).toUTCString()]] as const) {
    t.match(judged({ [name]: value }), { ttl: 100, staleFor: 3600 })
    t.match(judged({ [name]: value, 'cache-control': 'no-cache' }), { ttl: 0, staleFor: 3600 })
    t.match(judged({ [name]: value, 'cache-control': 'max-age=0' }, {}), { ttl: 0, staleFor: 3600 })
  }
  t.match(judged({}), { ttl: 100, staleFor: 0 })
})

t.test('how long it may stand in, RFC 5861', async (t) => {
  const route = { ttl: 10, staleWhileRevalidate: 1, staleIfError: 2 }
  t.match(judged({}, route), { staleWhileRevalidate: 1, staleIfError: 2, staleFor: 2 })
  t.match(judged({ 'cache-control': 'max-age=5, stale-while-revalidate=30' }, route), { staleWhileRevalidate: 30, staleIfError: 2, staleFor: 30 }, 'its own word outranks the route')
  t.match(judged({ 'cache-control': 'max-age=5, stale-if-error=40, stale-while-revalidate=0' }, route), { staleWhileRevalidate: 0, staleIfError: 40 })
  for (const forbidden of ['must-revalidate', 'proxy-revalidate', 's-maxage=5']) {
    t.match(judged({ 'cache-control': `max-age=5, ${forbidden}` }, route), { staleWhileRevalidate: 0, staleIfError: 0, staleFor: 0 }, forbidden)
  }
})

t.test('some fields of it may not be kept', async (t) => {
  t.match(judged({ 'cache-control': 'max-age=60, private="X-A, x-b", no-cache=x-c' }), { ttl: 60, omitted: ['x-c', 'x-a', 'x-b'] })
  t.match(judged({ 'cache-control': 'max-age=60' }), { omitted: [] })
})

t.test('what selects it', async (t) => {
  const list = (...args: Parameters<typeof judged>) => (judged(...args) as StoragePolicy).varyNames
  t.same(list({}), [])
  t.same(list({ vary: 'X-B, x-a' }), ['x-a', 'x-b'])
  t.same(list({ vary: 'x-b' }, { ttl: 1, vary: ['X-A'], key: () => '' }, 200, asked({}, { names: ['x-c', 'x-b'] })), [CUSTOM_KEY, 'x-a', 'x-b', 'x-c'])
  t.same(list({ 'content-encoding': 'gzip' }), ['accept-encoding'])
})

t.test('what may be one client\'s own', async (t) => {
  const authorized = asked({ authorization: 'x' })
  t.equal(life({}, { ttl: 9 }, 200, authorized), 'authorization', 'whether it was read or not')
  t.equal(life({ 'cache-control': 'max-age=9' }, {}, 200, authorized), 'authorization')
  for (const control of ['public', 'must-revalidate', 's-maxage=9']) {
    t.match(judged({ 'cache-control': `max-age=9, ${control}` }, {}, 200, authorized), { ttl: 9, allowsAuthorization: true }, 'RFC 9111 section 3.5')
  }
  t.match(judged({}), { allowsAuthorization: false })

  const cookie = { cookie: 'a=b' }
  t.equal(life({}, { ttl: 9 }, 200, asked(cookie)), 9, 'nobody has read it')
  t.equal(life({}, { ttl: 9 }, 200, asked(cookie, { names: ['cookie'] })), 'cookie')
  t.equal(life({ 'cache-control': 'max-age=9' }, {}, 200, asked(cookie, { all: true })), 'cookie')
  t.equal(life({ 'cache-control': 'max-age=9, public' }, {}, 200, asked(cookie, { all: true })), 9)
  t.equal(life({}, { ttl: 9, vary: ['Cookie'] }, 200, asked(cookie, { names: ['cookie'] })), 9, 'for who sends the same')
  t.equal(life({ vary: 'cookie' }, { ttl: 9 }, 200, asked(cookie, { names: ['cookie'] })), 9)
  t.same(judged({}, { ttl: 9 }, 200, asked({}, { names: ['cookie'] })), { ...judged({}, { ttl: 9 }), varyNames: ['cookie'] }, 'there was none: for all who have none')

  t.equal(life({}, { ttl: 9 }, 200, asked({}, { all: true })), 'all-headers-read', 'nobody says what it varies by')
  t.equal(life({ 'cache-control': 'max-age=9' }, { ttl: 9 }, 200, asked({}, { all: true })), 9, 'the response speaks for itself')
  t.equal(life({}, { ttl: 9 }, 200, asked({}, { address: true })), 'client-address-read')
  t.equal(life({ 'cache-control': 'max-age=9' }, {}, 200, asked({}, { address: true })), 9)
  t.equal(life({}, { ttl: 9 }, 200, asked({}, { sent: { authorization: 'x' } })), 'authorization', 'a hook has taken it away')
  t.equal(life({}, { ttl: 9 }, 200, asked({}, { sent: { cookie: 'x' }, names: ['cookie'] })), 'cookie')
  for (const name of ['forwarded', 'x-forwarded-host', 'x-forwarded-prefix']) {
    t.equal(life({ 'cache-control': 'max-age=9' }, {}, 200, asked({ [name]: 'evil' }, { all: true })), 'forwarded', name)
  }
  t.equal(life({ 'cache-control': 'max-age=9' }, {}, 200, asked({ 'x-forwarded-for': '192.0.2.1' }, { all: true })), 9)
})

t.test('Cache-Status is written', async (t) => {
  t.equal(formatCacheStatus({ hit: true }, 9), 'larder; hit; ttl=9')
  t.equal(formatCacheStatus({ fwd: 'stale', stored: true, collapsed: true, detail: 'x' }), 'larder; fwd=stale; stored; collapsed; detail=x')
})

t.test('bad options are refused, by route and name', async (t) => {
  const of = (options: unknown, ttl?: number) => () => resolveRouteConfig('/slow', options as CachePageOptions, ttl)
  t.throws(of({ ttl: -1 }), { message: 'ttl in cachePage of /slow must be a number of seconds from 0 to 2147483648' })
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
  t.match(resolveRouteConfig('/', 5, undefined), { ttl: 5, cacheControl: 'max-age=05' })
  t.match(resolveRouteConfig('/', {}, 7), { ttl: 7 }, 'the default of the plugin')
  t.match(resolveRouteConfig('/', { ttl: undefined } as unknown as CachePageOptions, undefined), { ttl: undefined, cacheControl: undefined })
})
