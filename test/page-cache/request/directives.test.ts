import t from 'tap'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const heeding = { ttl: 60, requestDirectives: true }
const control = (field: string) => ({ 'cache-control': field })

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('no-cache: the handler runs, and its response is stored for all (RFC 9111 section 5.2.1.4)', async (t) => {
      const { get } = await createTestApp(t, heeding, undefined, { store })
      await get()
      t.match(await get(control('no-cache')), {
        body: 'call 2', status: 'fwd=request; stored; ttl=60; detail=no-cache'
      })
      t.match(
        await get({ pragma: 'no-cache' }), { body: 'call 3', status: 'fwd=request; stored; ttl=60; detail=no-cache' },
        'RFC 9111 section 5.4'
      )
      t.match(await get({ pragma: 'no-cache', 'cache-control': 'max-age=10' }), {
        body: 'call 3', status: 'hit; ttl=60'
      })
      t.match(await get(), { body: 'call 3', status: 'hit; ttl=60' })
    })

    t.test('no-cache: a response with a validator is revalidated (RFC 9111 section 5.2.1.4)', async (t) => {
      const { get, clock, shown } = await createTestApp(t, heeding, (_request, reply, call) => {
        return call === 1 ? reply.header('etag', '"v1"').send('page') : reply.code(304).send()
      }, { store })
      await get()
      clock.advance(20)
      t.match(await get(control('no-cache')), {
        statusCode: 200, body: 'page', status: 'fwd=request; fwd-status=304; stored; ttl=60; detail=no-cache'
      })
      t.match(await get(), { body: 'page', status: 'hit; ttl=60' })
      t.same(shown, [{}, { 'if-none-match': '"v1"' }])
    })

    t.test('no-cache: a failure is sent, and the stored response stays', async (t) => {
      const { get } = await createTestApp(
        t, { ...heeding, staleIfError: 60 },
        (_request, reply, call) => call === 1 ? 'page' : reply.code(503).send('sorry'), { store }
      )
      await get()
      t.match(await get(control('no-cache')), {
        statusCode: 503, body: 'sorry', status: 'fwd=request; detail=status-503'
      })
      t.match(await get(), { statusCode: 200, body: 'page', status: 'hit; ttl=60' })
    })

    t.test('max-age, min-fresh: too old or about to expire is a miss (RFC 9111 section 5.2.1)', async (t) => {
      const { get, clock } = await createTestApp(t, heeding, undefined, { store })
      await get()
      clock.advance(10)
      for (const field of [
        'max-age=10', 'min-fresh=50', 'max-age=10, min-fresh=50', 'max-age=5, max-stale=5', 'max-age=5, max-stale',
        'max-stale=0'
      ]) t.match(await get(control(field)), { body: 'call 1', status: 'hit; ttl=50' }, field)
      t.match(await get(control('max-age=9')), {
        body: 'call 2', status: 'fwd=request; stored; ttl=60; detail=max-age'
      })
      t.match(await get(control('min-fresh=61')), {
        body: 'call 3', status: 'fwd=request; stored; ttl=60; detail=min-fresh'
      })
      clock.advance(1)
      t.match(await get(control('max-age=0')), {
        body: 'call 4', status: 'fwd=request; stored; ttl=60; detail=max-age'
      })
      clock.advance(1)
      t.match(await get(control('max-age=x')), { body: 'call 5' }, 'a value that is no number counts as zero')
    })

    t.test('max-stale: a stale response is served within the limit (RFC 9111 section 5.2.1.2)', async (t) => {
      const { get, clock, calls } = await createTestApp(t, { ...heeding, ttl: 10, staleIfError: 100 }, undefined, {
        store
      })
      await get()
      clock.advance(20)
      for (const field of ['max-stale', 'max-stale=10', 'max-stale=99', 'max-stale, max-age=30']) {
        const stale = { body: 'call 1', status: 'hit; ttl=-10; detail=max-stale', headers: { age: '20' } }
        t.match(await get(control(field)), stale, field)
      }
      t.equal(calls(), 1)
      for (const [i, field] of [
        'max-stale=9', 'max-stale, no-cache', 'max-stale, min-fresh=1', 'max-age=30', 'max-stale="5"'
      ].entries()) {
        t.match(await get(control(field)), { body: `call ${i + 2}`, status: 'fwd=stale; stored; ttl=10' }, field)
        clock.advance(20)
      }
    })

    t.test('max-stale: a response that forbids it is not served stale (RFC 9111 section 4.2.4)', async (t) => {
      const forbidding: Array<Record<string, string>> = [
        'must-revalidate', 'proxy-revalidate', 's-maxage=10', 'no-cache'
      ].map(control)
      forbidding.push({ 'cache-control': 'max-age=10', 'cdn-cache-control': 'max-age=10, must-revalidate' })
      for (const own of forbidding) {
        for (const options of [{ requestDirectives: true }, { requestDirectives: true, ttl: 10 }]) {
          const { get, clock } = await createTestApp(
            t, options,
            (_request, reply, call) => reply.headers({
              etag: `"${call}"`, expires: 'Thu, 01 Jan 2026 00:00:10 GMT', ...own
            }).send(`call ${call}`),
            { store }
          )
          await get()
          clock.advance(11)
          t.match(await get(control('max-stale')), { body: 'call 2' }, JSON.stringify(own))
        }
      }
    })

    t.test('only-if-cached: a miss gets a 504 and leaves no lease behind (RFC 9111 section 5.2.1.7)', async (t) => {
      const { get, clock, calls } = await createTestApp(t, { ...heeding, ttl: 10, staleIfError: 100 }, undefined, {
        store
      })
      const only = async (more = '') => await get(control(`only-if-cached${more}`))
      const refusal = {
        statusCode: 504, body: '', status: 'detail=only-if-cached', headers: { 'cache-control': 'no-store' }
      }
      t.match(await only(), refusal)
      t.equal(calls(), 0)
      const began = performance.now()
      t.match(await get(), { body: 'call 1', status: 'fwd=uri-miss; stored; ttl=10' })
      t.ok(performance.now() - began < 5_000, 'nobody waits for who will not load')
      t.match(await only(), { statusCode: 200, body: 'call 1', status: 'hit; ttl=10' })
      t.match(await only(', no-cache'), refusal)
      t.match(await only(', min-fresh=11'), refusal)
      clock.advance(11)
      t.match(await only(), refusal)
      t.match(await only(', max-stale'), { statusCode: 200, body: 'call 1', status: 'hit; ttl=-1; detail=max-stale' })
      t.match(await get(), { body: 'call 2', status: 'fwd=stale; stored; ttl=10' })
      t.equal(calls(), 2)
    })

    t.test('a request with directives gets no stale response by the windows of the route', async (t) => {
      const { get, clock } = await createTestApp(t, { ...heeding, ttl: 10, staleWhileRevalidate: 100 }, undefined, {
        store
      })
      await get()
      clock.advance(11)
      t.match(await get(control('max-age=5')), { body: 'call 2', status: 'fwd=stale; stored; ttl=10' })
    })
  })
}

t.test('requestDirectives changes nothing for requests without directives (RFC 5861)', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, clock, listener } = await createTestApp(t, {
    ...heeding, ttl: 10, staleWhileRevalidate: 100
  }, async (_request, _reply, call) => {
    if (call > 1) await gate.promise
    return `call ${call}`
  })
  await get()
  clock.advance(11)
  for (const headers of [{}, control('no-transform')]) {
    t.match(await get(headers), {
      body: 'call 1', status: 'hit; ttl=-1; detail=stale-while-revalidate'
    })
  }
  gate.resolve()
  await listener.heard('set', 2)
  t.match(await get(), { body: 'call 2', status: 'hit; ttl=10' })
})
