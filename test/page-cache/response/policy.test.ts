import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import { CUSTOM_KEY } from '../../../src/page-cache/key/variants.ts'
import { type CachePageOptions, resolveRouteConfig } from '../../../src/page-cache/options.ts'
import { decideStorage, type ReceivedResponse } from '../../../src/page-cache/response/policy.ts'
import type { ReplyHeaders, StoragePolicy } from '../../../src/page-cache/stored-response.ts'

const NOW = Date.UTC(2026, 0, 1)

interface Reads {
  /** The headers that were read by name. */
  names?: string[]
  /** Whether all headers were read. */
  all?: boolean
  /** Whether the client's address was read. */
  address?: boolean
  /** The headers as the client sent them, if hooks have changed them. */
  sent?: IncomingHttpHeaders
}

/** A request by its headers, and how they were read. */
function requested (
  headers: IncomingHttpHeaders, { names = [], all = false, address = false, sent = headers }: Reads = {}
): ReceivedResponse['request'] {
  return {
    headerTracker: {
      headers, sent, readAll: all, readAllCookies: all, unkeyedRead: address ? 'client-address-read' : undefined
    },
    headersRead: names
  }
}

function decide (
  headers: ReplyHeaders, options: CachePageOptions = { ttl: 100 }, status = 200, request = requested({}), size = 0
) {
  const route = resolveRouteConfig('/', options, undefined)
  return decideStorage({ route, status, headers, ownVary: headers.vary, size, request, requested: NOW, received: NOW })
}

/** The policy by which a response is stored. */
function policy (...args: Parameters<typeof decide>): Partial<StoragePolicy> {
  const decision = decide(...args)
  return decision.store ? decision.policy : {}
}

/** Seconds for which a response stays fresh, or the reason why it is not stored. */
function lifetime (...args: Parameters<typeof decide>): number | string {
  const decision = decide(...args)
  return decision.store ? decision.policy.ttl : decision.reason
}

t.test('decideStorage takes the shorter of the route\'s ttl and the response\'s own lifetime', async (t) => {
  t.equal(lifetime({}), 100)
  t.equal(lifetime({ 'cache-control': 'max-age=10' }), 10)
  t.equal(lifetime({ 'cache-control': 'max-age=1000' }), 100)
  t.equal(lifetime({ 'cache-control': 'max-age=10, s-maxage=20' }), 20, 's-maxage is for shared caches')
  t.equal(lifetime({ expires: new Date(NOW + 5000).toUTCString() }), 5)
  t.equal(lifetime({ 'cache-control': 'max-age=50', expires: '0' }), 50, 'max-age outranks Expires')
  t.equal(lifetime({}, {}), 'no-lifetime', 'without a ttl the response decides')
  t.equal(lifetime({ 'cache-control': 'public, max-age=7' }, {}), 7)
  t.equal(lifetime({ 'cdn-cache-control': 'max-age=7', 'cache-control': 'no-store' }, {}), 7, 'RFC 9213')
})

t.test('decideStorage subtracts the age of a response, and stores none without a lifetime left', async (t) => {
  t.equal(lifetime({ 'cache-control': 'max-age=50', age: '20' }), 30)
  t.equal(lifetime({ age: '20' }), 80, 'from the ttl of the route too')
  t.equal(lifetime({ expires: 'never' }), 'lifetime-over', 'an invalid Expires is in the past')
  t.equal(lifetime({ 'cache-control': 'max-age=0' }), 'lifetime-over')
  t.equal(lifetime({ 'cache-control': 'max-age=5', age: '9' }), 'lifetime-over')
})

t.test('decideStorage never stores what the response forbids to store', async (t) => {
  for (const directive of ['no-store', 'private', 'no-cache']) {
    t.equal(lifetime({ 'cache-control': `max-age=60, ${directive.toUpperCase()}` }), directive)
  }
  t.equal(lifetime({ 'set-cookie': 'a=b' }), 'set-cookie')
  t.equal(lifetime({ vary: ['x-a', '*'] }), 'vary-any')
  t.equal(lifetime({ 'content-type': 'text/event-stream; charset=utf-8' }), 'event-stream')
})

t.test('decideStorage applies the ttl of a route to the status 200 only', async (t) => {
  for (const status of [201, 204, 301, 404, 500]) t.equal(lifetime({}, { ttl: 100 }, status), `status-${status}`)
  for (const status of [201, 204, 299, 301, 404, 410, 500, 599]) {
    t.equal(lifetime({ 'cache-control': 'max-age=7' }, { ttl: 5 }, status), 7)
    t.equal(lifetime({ 'cache-control': 'max-age=7' }, {}, status), 7)
    t.equal(lifetime({}, {}, status), 'no-lifetime')
  }
  t.equal(lifetime({ 'cache-control': 'max-age=7' }, {}, 206), 'partial-content')
  t.equal(lifetime({ 'cache-control': 'max-age=7' }, {}, 304), 'status-304')
})

t.test('decideStorage stores no body that is larger than maxBytes', async (t) => {
  const size = (bytes: number) => lifetime({}, { ttl: 9, maxBytes: 10 }, 200, requested({}), bytes)
  t.equal(size(10), 9)
  t.equal(size(11), 'too-large')
  t.equal(size(NaN), 9, 'a Content-Length that is not a number says nothing')
})

t.test('must-understand (RFC 9111 section 5.2.2.3)', async (t) => {
  const control = { 'cache-control': 'max-age=7, must-understand, no-store' }
  t.equal(lifetime(control, {}, 200), 7)
  t.equal(lifetime(control, {}, 404), 7)
  t.equal(lifetime(control, {}, 599), 'must-understand')
  t.equal(lifetime({ 'cache-control': 'max-age=7, no-store' }, {}, 200), 'no-store')
})

t.test('a response with a validator stays in the store for an hour after its lifetime', async (t) => {
  for (const [name, value] of [['etag', '"a"'], ['last-modified', new Date(NOW).toUTCString()]] as const) {
    t.match(policy({ [name]: value }), { ttl: 100, staleFor: 3600 })
    t.match(policy({ [name]: value, 'cache-control': 'no-cache' }), { ttl: 0, staleFor: 3600 })
    t.match(policy({ [name]: value, 'cache-control': 'max-age=0' }, {}), { ttl: 0, staleFor: 3600 })
  }
  t.match(policy({}), { ttl: 100, staleFor: 0 })
})

t.test('stale-while-revalidate and stale-if-error of a response outrank those of the route (RFC 5861)', async (t) => {
  const route = { ttl: 10, staleWhileRevalidate: 1, staleIfError: 2 }
  const windows = (control: string | undefined) => policy(control === undefined
    ? {}
    : {
        'cache-control': control
      }, route)
  t.match(windows(undefined), { staleWhileRevalidate: 1, staleIfError: 2, staleFor: 2 })
  t.match(windows('max-age=5, stale-while-revalidate=30'), { staleWhileRevalidate: 30, staleIfError: 2, staleFor: 30 })
  t.match(windows('max-age=5, stale-if-error=40, stale-while-revalidate=0'), {
    staleWhileRevalidate: 0, staleIfError: 40
  })
  for (const forbidden of ['must-revalidate', 'proxy-revalidate', 's-maxage=5']) {
    const none = { staleWhileRevalidate: 0, staleIfError: 0, staleFor: 0 }
    t.match(windows(`max-age=5, ${forbidden}`), none, forbidden)
  }
})

t.test('private and no-cache with field names omit these headers from the stored response', async (t) => {
  const { ttl, omitted } = policy({ 'cache-control': 'max-age=60, private="X-A, x-b", no-cache=x-c' })
  t.equal(ttl, 60)
  t.same(omitted, ['x-c', 'x-a', 'x-b'])
  t.same(policy({ 'cache-control': 'max-age=60' }).omitted, [])
})

t.test('varyNames: Vary, the option vary, the headers that were read, and the option key', async (t) => {
  t.same(policy({}).varyNames, [])
  t.same(policy({ vary: 'X-B, x-a' }).varyNames, ['x-a', 'x-b'])
  const route = { ttl: 1, vary: ['X-A'], key: () => '' }
  const request = requested({}, { names: ['x-c', 'x-b'] })
  t.same(policy({ vary: 'x-b' }, route, 200, request).varyNames, [CUSTOM_KEY, 'x-a', 'x-b', 'x-c'])
  t.same(policy({ 'content-encoding': 'gzip' }).varyNames, ['accept-encoding'])
})

t.test('a response to Authorization is stored only if it says so (RFC 9111 section 3.5)', async (t) => {
  const authorized = requested({ authorization: 'x' })
  t.equal(lifetime({}, { ttl: 9 }, 200, authorized), 'authorization', 'whether it was read or not')
  t.equal(lifetime({ 'cache-control': 'max-age=9' }, {}, 200, authorized), 'authorization')
  for (const control of ['public', 'must-revalidate', 's-maxage=9']) {
    const open = policy({ 'cache-control': `max-age=9, ${control}` }, {}, 200, authorized)
    t.match(open, { ttl: 9, allowsAuthorization: true }, control)
  }
  t.match(policy({}), { allowsAuthorization: false })
  const hidden = requested({}, { sent: { authorization: 'x' } })
  t.equal(lifetime({}, { ttl: 9 }, 200, hidden), 'authorization', 'also if a hook has removed the header')
})

t.test('a response for which cookies were read is stored only if it varies by Cookie or is public', async (t) => {
  const cookie = { cookie: 'a=b' }
  const read = requested(cookie, { names: ['cookie'] })
  t.equal(lifetime({}, { ttl: 9 }, 200, requested(cookie)), 9, 'nothing has read it')
  t.equal(lifetime({}, { ttl: 9 }, 200, read), 'cookie')
  t.equal(lifetime({ 'cache-control': 'max-age=9' }, {}, 200, requested(cookie, { all: true })), 'cookie')
  t.equal(lifetime({ 'cache-control': 'max-age=9, public' }, {}, 200, requested(cookie, { all: true })), 9)
  t.equal(lifetime({}, { ttl: 9, vary: ['Cookie'] }, 200, read), 9)
  t.equal(lifetime({ vary: 'cookie' }, { ttl: 9 }, 200, read), 9)
  const hidden = requested({}, { sent: { cookie: 'x' }, names: ['cookie'] })
  t.equal(lifetime({}, { ttl: 9 }, 200, hidden), 'cookie', 'also if a hook has removed the header')
  const without = policy({}, { ttl: 9 }, 200, requested({}, { names: ['cookie'] }))
  t.same(without, { ...policy({}, { ttl: 9 }), varyNames: ['cookie'] }, 'for all requests without cookies')
})

t.test('a response for which all headers or the address were read needs a lifetime of its own', async (t) => {
  const own = { 'cache-control': 'max-age=9' }
  t.equal(lifetime({}, { ttl: 9 }, 200, requested({}, { all: true })), 'all-headers-read')
  t.equal(lifetime(own, { ttl: 9 }, 200, requested({}, { all: true })), 9)
  t.equal(lifetime({}, { ttl: 9 }, 200, requested({}, { address: true })), 'client-address-read')
  t.equal(lifetime(own, {}, 200, requested({}, { address: true })), 9)
  for (const name of ['forwarded', 'x-forwarded-host', 'x-forwarded-prefix']) {
    t.equal(lifetime(own, {}, 200, requested({ [name]: 'evil' }, { all: true })), 'forwarded', name)
  }
  t.equal(lifetime(own, {}, 200, requested({ 'x-forwarded-for': '192.0.2.1' }, { all: true })), 9)
})
