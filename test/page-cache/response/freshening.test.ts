import t from 'tap'
import { createTestApp, type Handler } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

type Headers = Record<string, string>

/** A handler that sends a response with the first headers, and then a 304 with the others. */
const confirming = (first: Headers, then: Headers): Handler => (_request, reply, call) => {
  return call === 1 ? reply.headers(first).send('page') : reply.code(304).headers(then).send()
}

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a 304 with headers that forbid storing becomes a whole response that is not stored', async (t) => {
      for (const [field, value, detail] of [
        ['set-cookie', 'a=b', 'set-cookie'], ['cache-control', 'private', 'private'],
        ['cache-control', 'no-store', 'no-store'], ['vary', '*', 'vary-any']
      ] as const) {
        const handler = confirming({ etag: '"v1"' }, { [field]: value })
        const { get, clock, untilSettled } = await createTestApp(t, 10, handler, { store })
        await get()
        clock.advance(11)
        t.match(await get(), {
          statusCode: 200,
          body: 'page',
          status: `fwd=stale; fwd-status=304; detail=${detail}`,
          headers: { [field]: value }
        }, value)
        await untilSettled()
        t.match(await get(), { statusCode: 304, status: /^fwd=uri-miss; detail=/ }, 'it is over')
      }
    })

    t.test('a 304 with another entity tag updates nothing (RFC 9111 section 4.3.4)', async (t) => {
      const { get, clock, shown } = await createTestApp(
        t, 10, confirming({ etag: '"v1"' }, { etag: '"v2"', 'x-b': '2' }), { store }
      )
      await get()
      clock.advance(11)
      t.match(await get(), {
        statusCode: 200, body: 'page', status: 'fwd=stale; fwd-status=304; ttl=10; detail=outdated'
      })
      await get()
      t.same(shown.at(-1), {}, 'the next one asks for the whole')
    })

    t.test('a stored response without its own ETag takes the ETag of the 304', async (t) => {
      const { get, clock, shown } = await createTestApp(t, 10, confirming({
        'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT'
      }, { etag: '"v1"' }), { store })
      await get()
      clock.advance(11)
      t.match(await get(), {
        statusCode: 200, body: 'page', status: 'fwd=stale; fwd-status=304; stored; ttl=10', headers: { etag: '"v1"' }
      })
      clock.advance(11)
      await get()
      t.match(shown[2], { 'if-none-match': '"v1"' })
    })

    t.test('the default content type of a 304 does not replace the stored one', async (t) => {
      for (const [body, type] of [
        ['null', 'application/json; charset=utf-8'], ['', 'text/plain; charset=utf-8']
      ] as const) {
        const { get, clock } = await createTestApp(t, 10, (_request, reply, call) => {
          return call === 1
            ? reply.headers({
              etag: '"v1"', 'content-type': 'text/html'
            }).send('page')
            : reply.code(304).type(type).send(body === '' ? undefined : body)
        }, { store })
        await get()
        clock.advance(11)
        t.match(await get(), { body: 'page', headers: { 'content-type': 'text/html' } })
        t.match(await get(), { body: 'page', status: /^hit/, headers: { 'content-type': 'text/html' } })
      }
    })

    t.test('a 412, 416 or 417 of the handler is never stored', async (t) => {
      for (const status of [412, 416, 417]) {
        const { get, calls } = await createTestApp(t, {}, (_request, reply) =>
          reply.code(status).header('cache-control', 'max-age=60').send('no'), { store })
        for (let i = 0; i < 2; i++) {
          t.match(await get(), {
            statusCode: status, status: `fwd=uri-miss; detail=status-${status}`
          })
        }
        t.equal(calls(), 2)
      }
    })

    t.test('a 416 has none of the caching headers of the stored response (RFC 9110 section 15.5.17)', async (t) => {
      const { get } = await createTestApp(t, 60, (_request, reply) => reply.headers({
        etag: '"v1"', 'content-encoding': 'x-own'
      }).send('0123456789'), { store })
      await get()
      const { headers, ...answer } = await get({ range: 'bytes=10-' })
      t.match(answer, { statusCode: 416, body: '', status: 'hit; ttl=60' })
      t.match(headers, { 'content-range': 'bytes */10', 'cache-control': 'no-store' })
      for (const absent of ['etag', 'expires', 'age', 'content-type', 'content-encoding']) {
        t.notOk(absent in headers, absent)
      }
      t.match(await get(), { statusCode: 200, body: '0123456789', status: 'hit; ttl=60' })
    })

    t.test('a 304 has no headers that describe content (RFC 9110 section 15.4.5)', async (t) => {
      const { get } = await createTestApp(t, 60, (_request, reply) => reply.headers({
        etag: '"v1"', 'content-language': 'de', 'content-encoding': 'x-own', 'content-disposition': 'inline'
      }).send('page'), { store })
      for (let i = 0; i < 2; i++) {
        const { statusCode, headers } = await get({ 'if-none-match': '"v1"' })
        t.equal(statusCode, 304)
        for (const absent of ['content-language', 'content-encoding', 'content-disposition']) {
          t.notOk(absent in headers, absent)
        }
      }
    })

    t.test('clients get the max-age of the response if it is shorter than the ttl of the route', async (t) => {
      const { get, clock } = await createTestApp(t, 300, (_request, reply) =>
        reply.header('cache-control', 'max-age=60, s-maxage=600').send('page'), { store })
      const after = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toUTCString()
      t.match(await get(), {
        status: 'fwd=uri-miss; stored; ttl=300', headers: { 'cache-control': 'max-age=60', expires: after(60) }
      })
      clock.advance(40)
      t.match(await get(), {
        status: 'hit; ttl=260', headers: { 'cache-control': 'max-age=20', expires: after(60), age: '40' }
      })
      clock.advance(40)
      t.match(await get(), { status: 'hit; ttl=220', headers: { 'cache-control': 'max-age=0', expires: after(60) } })

      const aged = await createTestApp(t, 300, (_request, reply) => reply.headers({
        'cache-control': 's-maxage=600', expires: after(50), age: '20', date: after(0)
      }).send('page'), { store })
      t.match(await aged.get(), { status: 'fwd=uri-miss; stored; ttl=280', headers: { 'cache-control': 'max-age=30' } })
    })

    t.test('a handler may set the same max-age as the ttl of the route', async (t) => {
      const { get, clock } = await createTestApp(
        t, 60, confirming({ etag: '"v1"' }, { 'cache-control': 'max-age=60' }), { store }
      )
      await get()
      clock.advance(61)
      t.match(await get(), {
        status: 'fwd=stale; fwd-status=304; stored; ttl=60', headers: { 'cache-control': 'max-age=60' }
      })
      const own = await createTestApp(t, 60, (_request, reply) =>
        reply.code(404).header('cache-control', 'max-age=60').send('none'), { store })
      t.match(await own.get(), { status: 'fwd=uri-miss; stored; ttl=60' }, 'it has said so itself')
    })

    t.test('an Expires without a Date is stored with the Date of its receipt (RFC 9110 section 6.6.1)', async (t) => {
      const { get, clock } = await createTestApp(t, {}, (_request, reply) =>
        reply.header('expires', 'Thu, 01 Jan 2026 00:01:00 GMT').send('page'), { store })
      await get()
      clock.advance(10)
      t.match(await get(), {
        status: 'hit; ttl=50',
        headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT', age: '10', expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }
      })
    })

    t.test('a HEAD whose handler sends no body gets no ETag', async (t) => {
      const { get } = await createTestApp(t, 60, (_request, reply) => reply.send(), { store, method: ['HEAD'] })
      for (const status of ['fwd=uri-miss; stored; ttl=60', 'hit; ttl=60']) {
        t.notOk('etag' in (await get({}, { method: 'HEAD' })).headers, status)
      }
    })

    t.test('the number of variants of a URL is limited', async (t) => {
      const { get, cache } = await createTestApp(t, { ttl: 60, vary: ['x-a'] }, undefined, { store })
      for (let i = 0; i < 300; i++) await get({ 'x-a': String(i) })
      const deleted = await cache.deleteMatching({ prefix: 'page:' })
      t.ok(deleted > 64 && deleted <= 129, `${deleted} entries`)
    })
  })
}
