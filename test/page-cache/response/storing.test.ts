import t from 'tap'
import { createTestApp, dateAt, type Handler } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

/** A handler whose page has these fields. */
const having = (headers: Record<string, string>, status = 200): Handler =>
  (_request, reply, call) => reply.code(status).headers(headers).send(status === 204 ? undefined : `call ${call}`)

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('the Age of the handler\'s response counts (RFC 9111 section 4.2.3)', async (t) => {
      for (const [age, counts] of [['7', 7], ['7, 100', 7], ['old', 0], ['-5', 0], ['1.5', 0]] as const) {
        const { get, clock } = await createTestApp(t, {}, having({ age, 'cache-control': 'max-age=60' }), { store })
        t.match(await get(), { status: `fwd=uri-miss; stored; ttl=${60 - counts}` })
        clock.advance(3)
        t.match(await get(), {
          body: 'call 1',
          status: `hit; ttl=${57 - counts}`,
          headers: { age: String(counts + 3), 'cache-control': 'max-age=60' }
        })
        clock.advance(57 - counts)
        t.match(await get(), { body: 'call 2' }, 'its life ends that much earlier')
      }
    })

    t.test('Date is stored, and determines the age (RFC 9111 section 4.2.3)', async (t) => {
      const { get, clock } = await createTestApp(t, {}, (_request, reply) => reply.headers({
        date: dateAt(clock, -20), 'cache-control': 'max-age=60'
      }).send('page'), { store })
      const date = dateAt(clock, -20)
      t.match(await get(), { status: 'fwd=uri-miss; stored; ttl=40', headers: { date } })
      clock.advance(5)
      t.match(await get(), { status: 'hit; ttl=35', headers: { date, age: '25' } })
    })

    t.test('the greater of Age plus delay and apparent age counts (RFC 9111 section 4.2.3)', async (t) => {
      for (const [age, since, took, ttl] of [
        ['30', 10, 0, 30], ['10', 30, 0, 30], ['10', 0, 5, 45], ['0', 0, 5, 55]
      ] as const) {
        const { get, clock } = await createTestApp(t, {}, (_request, reply) => {
          clock.advance(took)
          return reply.headers({ age, date: dateAt(clock, -since), 'cache-control': 'max-age=60' }).send('page')
        }, { store })
        t.match(await get(), { status: `fwd=uri-miss; stored; ttl=${ttl}` })
        t.match(await get(), { status: `hit; ttl=${ttl}`, headers: { age: String(60 - ttl) } })
      }
    })

    t.test('Expires counts from Date (RFC 9111 section 4.2.1)', async (t) => {
      const { get, clock } = await createTestApp(t, {}, (_request, reply) => reply.headers({
        date: dateAt(clock, -10), expires: dateAt(clock, 50)
      }).send('page'), { store })
      t.match(await get(), { status: 'fwd=uri-miss; stored; ttl=50' })
      clock.advance(49)
      t.match(await get(), { status: 'hit; ttl=1', headers: { expires: dateAt(clock, 1) } })
    })

    t.test('the ttl of the route counts from when the response was generated', async (t) => {
      const { get, clock } = await createTestApp(t, 60, having({ age: '20' }), { store })
      t.match(await get(), { status: 'fwd=uri-miss; stored; ttl=40', headers: { 'cache-control': 'max-age=40' } })
      clock.advance(39)
      t.match(await get(), { status: 'hit; ttl=1', headers: { 'cache-control': 'max-age=1', age: '59' } })
      clock.advance(1)
      t.match(await get(), { body: 'call 2' })
    })

    t.test('a response of any status with a lifetime of its own is stored (RFC 9111 section 3)', async (t) => {
      for (const status of [
        200, 203, 204, 300, 301, 302, 307, 308, 400, 403, 404, 405, 410, 414, 451, 501, 503, 299, 418
      ]) {
        for (const options of [{}, { ttl: 5 }]) {
          const life = options.ttl !== undefined && status === 200 ? 5 : 60
          const { get, calls } = await createTestApp(t, options, having({
            'cache-control': 'max-age=60', location: '/other'
          }, status), { store })
          const first = await get()
          t.match(first, { statusCode: status, status: `fwd=uri-miss; stored; ttl=${life}` })
          t.match(await get(), {
            statusCode: status,
            body: first.body,
            status: `hit; ttl=${life}`,
            headers: { location: '/other', 'cache-control': `max-age=${life}`, age: '0' }
          })
          t.equal(calls(), 1)
        }
      }
    })

    t.test('must-understand overrides no-store if the status is understood (RFC 9111 section 5.2.2.3)', async (t) => {
      for (const [status, control, result] of [
        [200, 'must-understand, no-store, max-age=60', 'fwd=uri-miss; stored; ttl=60'],
        [404, 'no-store, must-understand, max-age=60', 'fwd=uri-miss; stored; ttl=60'],
        [299, 'must-understand, max-age=60', 'fwd=uri-miss; detail=must-understand'],
        [299, 'must-understand, no-store, max-age=60', 'fwd=uri-miss; detail=must-understand'],
        [200, 'no-store, max-age=60', 'fwd=uri-miss; detail=no-store']
      ] as const) {
        const { get } = await createTestApp(t, {}, having({ 'cache-control': control }, status), { store })
        t.match(await get(), { statusCode: status, status: result }, `${status} ${control}`)
      }
    })

    t.test('headers that no-cache and private name are not stored (RFC 9111 sections 5.2.2.4, 5.2.2.7)', async (t) => {
      for (const options of [{}, { ttl: 60 }]) {
        const { get } = await createTestApp(t, options, having({
          'cache-control': 'max-age=60, no-cache="X-A, x-b", private="x-c"',
          'x-a': '1',
          'x-b': '1',
          'x-c': '1',
          'x-d': '1'
        }), { store })
        t.match(await get(), {
          status: 'fwd=uri-miss; stored; ttl=60', headers: { 'x-a': '1', 'x-b': '1', 'x-c': '1', 'x-d': '1' }
        })
        const warm = await get()
        t.match(warm, {
          body: 'call 1',
          status: 'hit; ttl=60',
          headers: { 'x-d': '1', 'cache-control': /no-cache="X-A, x-b".*private="x-c"|max-age=60, no-cache/ }
        })
        for (const absent of ['x-a', 'x-b', 'x-c']) t.notOk(absent in warm.headers, absent)
      }
    })

    t.test('headers of the connection are not stored (RFC 9111 section 3.1, RFC 9110 section 7.6.1)', async (t) => {
      const { get } = await createTestApp(t, 60, having({
        connection: 'X-Hop, x-other',
        'x-hop': '1',
        'x-other': '1',
        'keep-alive': 'timeout=5',
        'proxy-authenticate': 'Basic',
        'proxy-authentication-info': 'x',
        'proxy-connection': 'x',
        te: 'x',
        upgrade: 'x',
        'x-end': '1'
      }), { store })
      await get()
      const warm = await get()
      t.match(warm.headers, { 'x-end': '1' })
      for (const absent of [
        'x-hop', 'x-other', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-connection', 'te', 'upgrade'
      ]) {
        t.notOk(absent in warm.headers, absent)
      }
      t.not(warm.headers['keep-alive'], 'timeout=5')
    })

    t.test('CDN-Cache-Control is for this cache, Cache-Control for clients (RFC 9213 section 2.2)', async (t) => {
      for (const [targeted, control, result] of [
        ['max-age=60', 'no-store', 'stored; ttl=60'],
        ['max-age=60', 'private, max-age=10', 'stored; ttl=60'],
        ['no-store', 'max-age=60', 'detail=no-store'],
        ['private', 'max-age=60', 'detail=private'],
        ['max-age=0', 'max-age=60', 'detail=lifetime-over'],
        ['no-cache', 'max-age=60', 'detail=no-cache'],
        ['public', 'max-age=60', 'detail=no-lifetime'],
        ['', 'max-age=60', 'stored; ttl=60'],
        ['?,', 'max-age=60', 'stored; ttl=60']
      ] as const) {
        const { get } = await createTestApp(
          t, {}, having({ 'cdn-cache-control': targeted, 'cache-control': control }), { store }
        )
        t.match(await get(), {
          status: `fwd=uri-miss; ${result}`, headers: { 'cache-control': control }
        }, `${targeted} and ${control}`)
        if (result.startsWith('stored')) {
          t.match(await get(), {
            status: 'hit; ttl=60', headers: { 'cache-control': control }
          })
        }
      }
    })
  })
}

t.test('a response that is stale already is not stored', async (t) => {
  for (const headers of [
    { age: '60', 'cache-control': 'max-age=60' }, { expires: '0' }, { expires: 'Thu, 01 Jan 2026 00:00:00 GMT' },
    { 'cache-control': 's-maxage=0, max-age=60' }
  ] as Array<Record<string, string>>) {
    const { get } = await createTestApp(t, {}, having(headers))
    t.match(await get(), { status: 'fwd=uri-miss; detail=lifetime-over' })
  }
  const { get } = await createTestApp(t, {}, having({ 'cache-control': 's-maxage=60, max-age=0' }))
  t.match(await get(), {
    status: 'fwd=uri-miss; stored; ttl=60'
  }, 's-maxage outranks max-age (RFC 9111 section 5.2.2.10)')
})

t.test('a status other than 200 without a lifetime of its own is not stored, even on a route with a ttl', async (t) => {
  for (const status of [204, 206, 301, 404, 503]) {
    const { get } = await createTestApp(t, 60, having({}, status))
    t.match(await get(), {
      statusCode: status,
      status: `fwd=uri-miss; detail=${status === 206 ? 'partial-content' : `status-${status}`}`,
      headers: { 'cache-control': status < 400 ? 'no-cache' : 'no-store' }
    })
  }
  const { get } = await createTestApp(t, {}, having({ 'cache-control': 'max-age=60' }, 206))
  t.match(await get(), { statusCode: 206, status: 'fwd=uri-miss; detail=partial-content' })
})

t.test('a status other than 200 is sent with its own lifetime, not with the ttl of the route', async (t) => {
  const { get } = await createTestApp(t, 60, (_request, reply) =>
    reply.code(404).header('expires', 'Thu, 01 Jan 2026 00:00:30 GMT').removeHeader('cache-control').send('none'))
  const first = await get()
  t.match(first, { statusCode: 404, status: 'fwd=uri-miss; stored; ttl=30' })
  t.notOk('cache-control' in first.headers)
  t.notOk('cache-control' in (await get()).headers)
  const silent = await createTestApp(t, 60, (_request, reply) =>
    reply.code(404).header('expires', 'Thu, 01 Jan 2026 00:00:30 GMT').send('none'))
  t.notOk('cache-control' in (await silent.get()).headers)
  t.match(await silent.get(), { statusCode: 404, status: 'hit; ttl=30' })
})

t.test('a handler that reads all headers has to set a lifetime itself', async (t) => {
  for (const [headers, result] of [
    [{}, 'detail=all-headers-read'], [{ 'cache-control': 'max-age=10' }, 'stored; ttl=10']
  ] as Array<[Record<string, string>, string]>) {
    const { get } = await createTestApp(t, 60, (request, reply) => {
      Object.keys(request.headers)
      return reply.headers(headers).send('page')
    })
    t.match(await get(), { status: `fwd=uri-miss; ${result}` })
  }
})
