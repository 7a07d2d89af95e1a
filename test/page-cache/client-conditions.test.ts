import Fastify from 'fastify'
import t from 'tap'
import { createTestApp, dateAt, type Handler } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const FIRST = 'Thu, 01 Jan 2026 00:00:00 GMT'
const tagged: Handler = (_request, reply) => reply.type('text/plain').headers({
  etag: '"v1"',
  'last-modified': 'Wed, 31 Dec 2025 00:00:00 GMT',
  'content-location': '/page.txt',
  'content-language': 'en',
  vary: 'accept-language'
}).send('page')

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('If-None-Match is a list, compared weakly; * matches any response (RFC 9110 section 13.1.2)', async (t) => {
      for (const [etag, matching, other] of [
        [
          '"v1"', ['"v1"', 'W/"v1"', '"x", W/"v1"', '"a,b" , "v1"', '*', ' * ', ',,"v1",'],
          ['"v2"', 'v1', '"V1"', '"x", "y"', '"*"', '']
        ],
        ['W/"v1"', ['"v1"', 'W/"v1"', 'w/"v1"'], ['"W/v1"', '"v2"']]
      ] as const) {
        const { get, calls } = await createTestApp(
          t, 60, (_request, reply) => reply.header('etag', etag).send('page'), { store }
        )
        await get()
        for (const field of matching) {
          t.match(await get({ 'if-none-match': field }), {
            statusCode: 304, body: '', status: 'hit; ttl=60'
          }, `${etag} and ${field}`)
        }
        for (const field of other) {
          t.match(await get({ 'if-none-match': field }), {
            statusCode: 200, body: 'page', status: 'hit; ttl=60'
          }, `${etag} and ${field}`)
        }
        t.equal(calls(), 1)
      }
    })

    t.test('If-Modified-Since is for requests without If-None-Match (RFC 9110 section 13.1.3)', async (t) => {
      const { get } = await createTestApp(t, 60, tagged, { store })
      await get()
      const [before, after] = ['Tue, 30 Dec 2025 23:59:59 GMT', 'Wed, 31 Dec 2025 00:00:00 GMT']
      t.equal((await get({ 'if-modified-since': after })).statusCode, 304)
      t.equal((await get({ 'if-modified-since': before })).statusCode, 200)
      t.equal((await get({ 'if-modified-since': 'yesterday' })).statusCode, 200)
      t.equal((await get({ 'if-modified-since': after, 'if-none-match': '"v2"' })).statusCode, 200)
      t.equal((await get({ 'if-modified-since': before, 'if-none-match': '"v1"' })).statusCode, 304)
    })

    t.test('without Last-Modified the date of the response decides (RFC 9111 section 4.3.2)', async (t) => {
      const { get, clock } = await createTestApp(t, 60, undefined, { store })
      await get()
      clock.advance(5)
      t.equal((await get({ 'if-modified-since': FIRST })).statusCode, 304)
      t.equal((await get({ 'if-modified-since': dateAt(clock, -6) })).statusCode, 200)
    })

    t.test('a 304 has the headers that update a copy, and none about a body (RFC 9110 section 15.4.5)', async (t) => {
      const { get, clock } = await createTestApp(t, 60, tagged, { store })
      const fields = {
        etag: '"v1"',
        vary: 'accept-language',
        'content-location': '/page.txt',
        expires: 'Thu, 01 Jan 2026 00:01:00 GMT',
        date: String
      }
      const check = async (status: string, left: number) => {
        const answer = await get({ 'if-none-match': '"v1"' })
        t.match(answer, {
          statusCode: 304, body: '', status, headers: { ...fields, 'cache-control': `max-age=${left}` }
        })
        for (const absent of ['content-type', 'content-length']) {
          t.notOk(absent in answer.headers, `${absent} on ${status}`)
        }
      }
      await check('fwd=uri-miss; fwd-status=200; stored; ttl=60', 60)
      clock.advance(10)
      await check('hit; ttl=50', 50)
      t.match(await get(), {
        statusCode: 200,
        body: 'page',
        status: 'hit; ttl=50',
        headers: { 'content-type': /^text\/plain/, 'content-length': '4' }
      }, 'the whole page was stored')
    })

    t.test('a 304 for collapsed requests and for the one that runs the handler (RFC 9111 section 4.3.2)', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, calls, listener, shown } = await createTestApp(t, 60, async (_request, reply) => {
        await gate.promise
        return reply.header('etag', '"v1"').send('page')
      }, { store })
      const all = [
        '"v1"', '"v2"', '"v1"', undefined
      ].map((tag) => get(tag === undefined ? {} : { 'if-none-match': tag }))
      await listener.heard('miss', 4)
      gate.resolve()
      t.same((await Promise.all(all)).map(({ statusCode, body }) => [statusCode, body]), [
        [304, ''], [200, 'page'], [304, ''], [200, 'page']
      ])
      t.equal(calls(), 1)
      t.same(shown, [{}])
    })

    t.test('a 304 of a stale response, during revalidation and in place of a failure (RFC 5861)', async (t) => {
      for (const [options, status] of [
        [{ staleWhileRevalidate: 60 }, 'hit; ttl=-1; detail=stale-while-revalidate'],
        [{ staleIfError: 60 }, 'fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error']
      ] as const) {
        const { get, clock } = await createTestApp(t, { ttl: 10, ...options }, (_request, reply, call) => {
          return call === 1
            ? reply.header('etag', '"v1"').send('page')
            : reply.code(503).header('x-failure', '1').send(
              'sorry'
            )
        }, { store })
        await get()
        clock.advance(11)
        const answer = await get({ 'if-none-match': '"v1"' })
        t.match(answer, { statusCode: 304, body: '', status, headers: { etag: '"v1"', age: '11' } })
        t.notOk('x-failure' in answer.headers)
      }
    })

    t.test('a 304 for HEAD, on a miss and on a hit (RFC 9110 section 9.3.2)', async (t) => {
      for (const method of [['GET'], ['GET', 'HEAD']]) {
        const { get, calls } = await createTestApp(t, 60, tagged, { store, method })
        for (const status of ['fwd=uri-miss; fwd-status=200; stored; ttl=60', 'hit; ttl=60']) {
          t.match(await get({ 'if-none-match': '"v1"' }, { method: 'HEAD' }), {
            statusCode: 304, body: '', status, headers: { etag: '"v1"' }
          })
        }
        t.match(await get({}, { method: 'HEAD' }), {
          statusCode: 200, body: '', status: 'hit; ttl=60', headers: { 'content-length': '4' }
        })
        t.match(await get({ 'if-none-match': '"v2"' }, { method: 'HEAD' }), { statusCode: 200, status: 'hit; ttl=60' })
        t.equal(calls(), 1)
      }
    })

    t.test('conditions apply to the status 200 only (RFC 9110 section 13.2.1)', async (t) => {
      for (const status of [404, 301, 410]) {
        const { get, calls } = await createTestApp(t, {}, (_request, reply) => reply.code(status).headers({
          etag: '"v1"', 'cache-control': 'max-age=60'
        }).send('other'), { store })
        t.match(await get({ 'if-none-match': '*' }), {
          statusCode: status, body: 'other', status: 'fwd=uri-miss; stored; ttl=60'
        })
        t.match(await get({ 'if-none-match': '*', range: 'bytes=0-1' }), {
          statusCode: status, body: 'other', status: 'hit; ttl=60'
        })
        t.equal(calls(), 1)
      }
    })
  })
}

t.test('a handler that runs for all requests does not see the conditions of one (RFC 9110 sec. 13.2.1)', async (t) => {
  const { get, shown } = await createTestApp(t, 60, tagged)
  t.match(await get({
    'if-none-match': '"v2"',
    'if-modified-since': FIRST,
    'if-match': '"x"',
    'if-unmodified-since': FIRST,
    'if-range': '"v1"'
  }), { statusCode: 200, body: 'page' })
  t.same(shown, [{}])
})

t.test('a 304 for which the handler had no condition is passed on and not stored', async (t) => {
  const { get, calls } = await createTestApp(t, 60, (_request, reply) => reply.code(304).send())
  for (const call of [1, 2]) {
    t.match(await get(), { statusCode: 304, status: 'fwd=uri-miss; detail=status-304' })
    t.equal(calls(), call)
  }
})

t.test('over a connection a 304 has no body, and the next response follows', async (t) => {
  const app = Fastify()
  const { calls } = await createTestApp(t, 60, tagged, { app })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const method of ['GET', 'HEAD', 'GET']) {
    const answer = await fetch(`${address}/page`, { method, headers: { 'if-none-match': 'W/"v1"' } })
    t.match(answer, { status: 304 })
    t.equal(await answer.text(), '')
    t.equal(answer.headers.get('etag'), '"v1"')
  }
  const whole = await fetch(`${address}/page`)
  t.equal(await whole.text(), 'page')
  t.ok(whole.headers.get('date'))
  t.equal(calls(), 1)
})
