import Fastify from 'fastify'
import t from 'tap'
import { createTestApp, type Handler } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'
import { until } from '../support/until.ts'

const MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'
const digits: Handler = (_request, reply) => reply.type('text/plain').headers({
  etag: '"v1"', 'last-modified': MODIFIED
}).send('0123456789')

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('a part of a stored response is a 206 (RFC 9110 section 14.2)', async (t) => {
      const { get, calls } = await createTestApp(t, 60, digits, { store })
      await get()
      for (const [range, part, bytes] of [
        ['bytes=0-0', '0', '0-0'], ['bytes=2-4', '234', '2-4'], ['bytes=7-', '789', '7-9'], [
          'bytes=7-99', '789', '7-9'
        ],
        ['bytes=-3', '789', '7-9'], ['bytes=-99', '0123456789', '0-9'], ['Bytes=0-1', '01', '0-1'],
        ['bytes= 0-1 ', '01', '0-1']
      ] as const) {
        t.match(await get({ range }), {
          statusCode: 206,
          body: part,
          status: 'hit; ttl=60',
          headers: {
            'content-range': `bytes ${bytes}/10`,
            'content-length': String(part.length),
            'content-type': /^text\/plain/,
            etag: '"v1"',
            'cache-control': 'max-age=60',
            age: '0'
          }
        }, range)
      }
      for (const range of ['bytes=10-', 'bytes=10-20', 'bytes=-0']) {
        const answer = await get({ range })
        t.match(answer, {
          statusCode: 416, body: '', status: 'hit; ttl=60', headers: { 'content-range': 'bytes */10' }
        }, range)
        t.notOk('content-type' in answer.headers)
      }
      for (const range of ['bytes=0-1,3-4', 'bytes=4-2', 'lines=1-2', 'bytes=', 'bytes=a-b', 'bytes=-', '0-1']) {
        const answer = await get({ range })
        t.match(answer, { statusCode: 200, body: '0123456789', status: 'hit; ttl=60' }, range)
        t.notOk('content-range' in answer.headers)
      }
      t.equal(calls(), 1)
    })

    t.test('If-Range takes a strong entity tag or a strong date (RFC 9110 section 13.1.5)', async (t) => {
      const { get, clock } = await createTestApp(t, 60, digits, { store })
      await get()
      for (const [condition, status] of [
        ['"v1"', 206], ['W/"v1"', 200], ['"v2"', 200], ['*', 200], [MODIFIED, 206],
        ['Wed, 31 Dec 2025 00:00:01 GMT', 200], ['never', 200]
      ] as const) t.equal((await get({ range: 'bytes=0-1', 'if-range': condition })).statusCode, status, condition)
      t.equal((await get({
        range: 'bytes=99-', 'if-range': '"v2"'
      })).statusCode, 200, 'a copy of another page gets the whole')

      const weak = await createTestApp(t, 60, (_request, reply) => reply.headers({
        etag: 'W/"v1"', 'last-modified': new Date(clock.now()).toUTCString()
      }).send('0123'), { store })
      await weak.get()
      t.equal((await weak.get({ range: 'bytes=0-1', 'if-range': 'W/"v1"' })).statusCode, 200)
      t.equal((await weak.get({
        range: 'bytes=0-1', 'if-range': new Date(clock.now()).toUTCString()
      })).statusCode, 200, 'modified in the second in which it was made')
      t.equal((await weak.get({ range: 'bytes=0-1' })).statusCode, 206)

      const ours = await createTestApp(t, 60, undefined, { store })
      const { headers: { etag } } = await ours.get()
      t.match(await ours.get({ range: 'bytes=0-3', 'if-range': String(etag) }), {
        statusCode: 206, body: 'call'
      }, 'a tag that is ours is strong')
      t.equal((await ours.get({ range: 'bytes=0-3', 'if-range': MODIFIED })).statusCode, 200)
    })

    t.test('conditions are evaluated before the range (RFC 9110 section 13.2.2)', async (t) => {
      const { get } = await createTestApp(t, 60, digits, { store })
      await get()
      for (const range of ['bytes=0-1', 'bytes=99-']) {
        const answer = await get({ range, 'if-none-match': '"v1"' })
        t.match(answer, { statusCode: 304, body: '', status: 'hit; ttl=60' })
        t.notOk('content-range' in answer.headers)
      }
      t.match(await get({ range: 'bytes=0-1', 'if-none-match': '"v2"' }), { statusCode: 206, body: '01' })
    })

    t.test('Range is ignored for HEAD (RFC 9110 section 14.2)', async (t) => {
      const { get, calls } = await createTestApp(t, 60, digits, { store })
      for (let i = 0; i < 2; i++) {
        t.match(await get({ range: 'bytes=0-1' }, { method: 'HEAD' }), {
          statusCode: 200, body: '', headers: { 'content-length': '10' }
        })
      }
      t.equal(calls(), 1)
    })

    t.test('on a miss the handler receives the range, and its 206 is not stored (RFC 9111 section 3.3)', async (t) => {
      const { get, shown } = await createTestApp(t, 60, (request, reply) => request.headers.range === undefined
        ? reply.send('0123456789')
        : reply.code(206).headers({ 'content-range': 'bytes 0-1/10', 'cache-control': 'max-age=60' }).send('01'), {
        store
      })
      const range = { range: 'bytes=0-1', 'if-range': '"v1"' }
      for (let i = 0; i < 2; i++) {
        t.match(await get(range), {
          statusCode: 206,
          body: '01',
          status: 'fwd=uri-miss; detail=range',
          headers: { 'content-range': 'bytes 0-1/10' }
        })
      }
      t.same(shown, [range, range])
      t.match(await get(), { statusCode: 200, body: '0123456789', status: 'fwd=uri-miss; stored; ttl=60' })
      t.match(await get(range), { statusCode: 200, body: '0123456789' }, 'another tag')
    })

    t.test('a handler that ignores Range sends the whole response, which is not stored', async (t) => {
      const { get, calls } = await createTestApp(t, 60, digits, { store })
      t.match(await get({ range: 'bytes=-2' }), {
        statusCode: 200, body: '0123456789', status: 'fwd=uri-miss; detail=range'
      })
      t.match(await get(), { statusCode: 200, body: '0123456789', status: 'fwd=uri-miss; stored; ttl=60' })
      t.match(await get({ range: 'bytes=-2' }), {
        statusCode: 206, body: '89', status: 'hit; ttl=60', headers: { 'content-range': 'bytes 8-9/10' }
      })
      t.equal(calls(), 2)
    })

    t.test('requests with Range are neither leaders nor followers', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, calls, app } = await createTestApp(t, 60, async (_request, reply, call) => {
        if (call === 1) await gate.promise
        return reply.send(`call ${call}`)
      }, { store })
      const whole = get()
      await until('the handler runs', () => calls() === 1)
      t.match(await get({ range: 'bytes=0-3' }), { body: 'call 2', status: 'fwd=uri-miss; detail=range' })
      gate.resolve()
      t.match(await whole, { body: 'call 1' })
      t.equal(calls(), 2)
      await app.close()
    })

    t.test('a part of a stale response is served while it is revalidated', async (t) => {
      const { get, clock } = await createTestApp(t, { ttl: 10, staleWhileRevalidate: 20 }, digits, { store })
      await get()
      clock.advance(11)
      t.match(await get({ range: 'bytes=0-1' }), { statusCode: 206, body: '01' })
    })
  })
}

t.test('an empty body has no part to send (RFC 9110 section 14.4)', async (t) => {
  const { get } = await createTestApp(t, 60, (_request, reply) => reply.send(''))
  await get()
  for (const [range, status] of [['bytes=-1', 200], ['bytes=0-', 416], ['bytes=-0', 416]] as const) {
    t.equal((await get({ range })).statusCode, status, range)
  }
})

t.test('over a connection a 206 and a 416 are complete messages', async (t) => {
  const app = Fastify()
  const { get } = await createTestApp(t, 60, digits, { app })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  await get({ host: new URL(address).host })
  for (const [range, status, body] of [
    ['bytes=0-1', 206, '01'], ['bytes=99-', 416, ''], ['bytes=-1', 206, '9'], ['bytes=0-1,5-6', 200, '0123456789']
  ] as const) {
    const answer = await fetch(`${address}/page`, { headers: { range } })
    t.equal(answer.status, status, range)
    t.equal(await answer.text(), body)
  }
})
