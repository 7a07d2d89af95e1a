import t from 'tap'
import { confirming } from '../../support/not-modified-handler.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('the handler does not get an ETag that the page cache has computed (RFC 9111 section 4.3.1)', async (t) => {
      const { get, clock, shown } = await createTestApp(t, { ttl: 10, staleIfError: 60 }, undefined, { store })
      await get()
      clock.advance(11)
      t.match(await get({ 'if-none-match': '"theirs"' }), { body: 'call 2', status: 'fwd=stale; stored; ttl=10' })
      t.same(shown, [{}, {}])
    })

    t.test('a full response replaces the stale one (RFC 9111 section 4.3.3)', async (t) => {
      const { get, clock, shown } = await createTestApp(
        t, 10,
        (_request, reply, call) => reply.headers({ etag: `"v${call}"`, [`x-${call}`]: '1' }).send(`call ${call}`),
        { store }
      )
      await get()
      clock.advance(11)
      const second = await get()
      t.match(second, { body: 'call 2', status: 'fwd=stale; stored; ttl=10', headers: { etag: '"v2"', 'x-2': '1' } })
      t.notOk('x-1' in second.headers)
      t.match(await get(), { body: 'call 2', status: 'hit; ttl=10' })
      clock.advance(11)
      await get()
      t.same(shown, [{}, { 'if-none-match': '"v1"' }, { 'if-none-match': '"v2"' }])
    })

    t.test('a 404 ends the stored response; a failure does not (RFC 9111 section 4.3.3)', async (t) => {
      for (const [status, asked] of [
        [404, {}], [410, {}], [500, { 'if-none-match': '"v1"' }], [503, { 'if-none-match': '"v1"' }],
        [403, { 'if-none-match': '"v1"' }]
      ] as const) {
        const { get, clock, shown, untilSettled } = await createTestApp(t, 10, (_request, reply, call) => {
          return call === 2 ? reply.code(status).send('other') : reply.header('etag', '"v1"').send(`call ${call}`)
        }, { store })
        await get()
        clock.advance(11)
        t.match(await get(), { statusCode: status, body: 'other', status: `fwd=stale; detail=status-${status}` })
        await untilSettled()
        clock.advance(2)
        t.match(await get(), { statusCode: 200, body: 'call 3', status: /stored; ttl=10$/ })
        t.same(shown[2], asked, `after ${status}`)
      }
    })

    t.test('HEAD revalidates the response to HEAD', async (t) => {
      const { get, clock, shown } = await createTestApp(t, 10, confirming({ etag: '"v1"' }), {
        store, method: ['GET', 'HEAD']
      })
      const head = async () => await get({}, { method: 'HEAD' })
      await head()
      clock.advance(11)
      t.match(await head(), { statusCode: 200, body: '', status: 'fwd=stale; fwd-status=304; stored; ttl=10' })
      t.match(await head(), { statusCode: 200, status: 'hit; ttl=10', headers: { 'content-length': '4' } })
      t.same(shown, [{}, { 'if-none-match': '"v1"' }])
    })

    t.test('no-cache, max-age=0: stored with a validator, always revalidated (RFC 9111 section 5.2.2.4)', async (t) => {
      for (const [ttl, control] of [
        [60, 'no-cache'], [undefined, 'no-cache'], [undefined, 'max-age=0'], [60, 'max-age=0'], [60, 'public, no-cache']
      ] as const) {
        const { get, calls, shown } = await createTestApp(t, { ...ttl && { ttl } }, (_request, reply, call) => {
          return call % 3 === 1
            ? reply.headers({
              etag: `"v${call}"`, 'cache-control': control
            }).send(`call ${call}`)
            : reply.code(304).send()
        }, { store })
        t.match(await get(), { body: 'call 1', status: 'fwd=uri-miss; stored; ttl=0' })
        for (let i = 0; i < 2; i++) {
          t.match(await get(), {
            statusCode: 200, body: 'call 1', status: 'fwd=stale; fwd-status=304; stored; ttl=0'
          })
        }
        t.match(await get({ 'if-none-match': '"v1"' }), {
          statusCode: 200, body: 'call 4', status: 'fwd=stale; stored; ttl=0'
        })
        t.match(await get({ 'if-none-match': '"v4"' }), { statusCode: 304, body: '' })
        t.equal(calls(), 5)
        t.same(shown.at(-1), { 'if-none-match': '"v4"' })
      }
    })

    t.test('a no-cache response is revalidated for each concurrent request (RFC 9111 section 5.2.2.4)', async (t) => {
      for (const control of ['no-cache', 'max-age=0']) {
        const gate = Promise.withResolvers<void>()
        const { get, calls, listener } = await createTestApp(t, {}, async (_request, reply, call) => {
          if (call > 1) await gate.promise
          return reply.headers({ etag: '"v1"', 'cache-control': control }).send(`call ${call}`)
        }, { store })
        await get()
        const all = Array.from({ length: 4 }, () => get())
        await listener.heard('miss', 5)
        gate.resolve()
        const bodies = (await Promise.all(all)).map(({ body }) => body)
        t.equal(new Set(bodies).size, 4, 'no answer is for two')
        t.equal(calls(), 5)
      }
    })

    t.test('a refresh in the background revalidates too', async (t) => {
      for (const [options, wait] of [[{ staleWhileRevalidate: 60 }, 11], [{ refreshAhead: true }, 8]] as const) {
        const {
          get, clock, listener, shown, calls
        } = await createTestApp(t, { ttl: 10, ...options }, (_request, reply, call) => {
          clock.advance(0.5)
          return call === 1
            ? reply.headers({
              etag: '"v1"', 'x-call': '1'
            }).send('page')
            : reply.code(304).header('x-call', String(call)).send()
        }, { store, random: () => 1e-9 })
        await get()
        clock.advance(wait)
        t.match(await get(), { statusCode: 200, body: 'page', status: /^hit/ })
        await listener.heard('set', 2)
        t.same(shown, [{}, { 'if-none-match': '"v1"' }])
        t.match(await get({}, { headers: {} }), {
          body: 'page', status: /^hit; ttl=(9|10)$/, headers: { 'x-call': '2' }
        })
        t.ok(calls() <= 3)
      }
    })

    t.test('a fetch with a timeout revalidates too', async (t) => {
      const { get, clock, shown } = await createTestApp(
        t, { ttl: 10, staleIfError: 60, timeout: 10 }, confirming({ etag: '"v1"' }), { store }
      )
      await get()
      clock.advance(11)
      t.match(await get(), { statusCode: 200, body: 'page', status: 'fwd=stale; stored; ttl=10' })
      t.same(shown, [{}, { 'if-none-match': '"v1"' }])
    })

    t.test('requests that wait for a revalidation get the freshened response', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, clock, calls, listener } = await createTestApp(t, 10, async (_request, reply, call) => {
        if (call === 1) return reply.header('etag', '"v1"').send('page')
        await gate.promise
        return reply.code(304).send()
      }, { store })
      await get()
      clock.advance(11)
      const all = Array.from({ length: 3 }, () => get())
      await listener.heard('miss', 4)
      gate.resolve()
      t.match(await Promise.all(all), Array(3).fill({ statusCode: 200, body: 'page' }))
      t.equal(calls(), 2)
    })

    t.test('the request that revalidates gets the range that it requests', async (t) => {
      const { get, clock } = await createTestApp(t, 10, confirming({ etag: '"v1"' }), { store })
      await get()
      clock.advance(11)
      t.match(await get({ 'if-none-match': '"v1"' }), {
        statusCode: 304, body: '', status: 'fwd=stale; fwd-status=304; stored; ttl=10'
      })
    })

    t.test('a response without a validator, or stale for over an hour, is fetched again', async (t) => {
      const { get, clock, shown } = await createTestApp(t, 10, confirming({ 'x-a': '1' }, {}), { store })
      await get()
      clock.advance(11)
      t.match(await get(), { statusCode: 304, status: /detail=status-304$/ })
      const late = await createTestApp(
        t, 10, (_request, reply, call) => reply.header('etag', '"v1"').send(`call ${call}`), { store }
      )
      await late.get()
      late.clock.advance(3611)
      t.match(await late.get(), { body: 'call 2' })
      t.same([...shown, ...late.shown], [{}, {}, {}, {}])
    })
  })
}
