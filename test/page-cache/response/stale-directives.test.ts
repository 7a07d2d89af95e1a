import t from 'tap'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('stale-while-revalidate in the response, with and without the option (RFC 5861 section 3)', async (t) => {
      for (const [options, control, stale] of [
        [{}, 'max-age=10, stale-while-revalidate=20', true],
        [{ staleWhileRevalidate: 1 }, 'max-age=10, stale-while-revalidate=20', true],
        [{ ttl: 10, staleWhileRevalidate: 20 }, 'public', true],
        [{ ttl: 10, staleWhileRevalidate: 20 }, 'stale-while-revalidate=0', false],
        [{ staleWhileRevalidate: 20 }, 'max-age=10, must-revalidate', false],
        [{ staleWhileRevalidate: 20 }, 'max-age=10, proxy-revalidate, stale-while-revalidate=20', false],
        [{ staleWhileRevalidate: 20 }, 's-maxage=10, stale-while-revalidate=20', false]
      ] as const) {
        const { get, clock, listener } = await createTestApp(t, options, (_request, reply, call) =>
          reply.header('cache-control', control).send(`call ${call}`), { store })
        await get()
        clock.advance(25)
        if (!stale) {
          t.match(await get(), { body: 'call 2', status: /^fwd=(stale|uri-miss); stored; ttl=10$/ }, control)
          continue
        }
        t.match(await get(), { body: 'call 1', status: 'hit; ttl=-15; detail=stale-while-revalidate' }, control)
        await listener.heard('set', 2)
        t.match(await get(), { body: 'call 2', status: 'hit; ttl=10' })
      }
    })

    t.test('stale-if-error in the response, with and without the option (RFC 5861 section 4)', async (t) => {
      for (const [options, control, stale] of [
        [{}, 'max-age=10, stale-if-error=20', true],
        [{ staleIfError: 1 }, 'max-age=10, stale-if-error=20', true],
        [{ ttl: 10, staleIfError: 20 }, 'public', true],
        [{ ttl: 10, staleIfError: 20 }, 'stale-if-error=0', false],
        [{ staleIfError: 20 }, 'max-age=10, must-revalidate', false],
        [{ staleIfError: 20 }, 'max-age=10, proxy-revalidate', false],
        [{ staleIfError: 20 }, 's-maxage=10', false]
      ] as const) {
        const { get, clock } = await createTestApp(t, options, (_request, reply, call) => {
          return call === 1 ? reply.header('cache-control', control).send('page') : reply.code(502).send('sorry')
        }, { store })
        await get()
        clock.advance(25)
        t.match(await get(), stale
          ? { statusCode: 200, body: 'page', status: 'fwd=stale; fwd-status=502; ttl=-15; detail=stale-if-error' }
          : {
              statusCode: 502, body: 'sorry', status: /^fwd=(stale|uri-miss); detail=(status-502|no-lifetime)$/
            }, control)
      }
    })

    t.test('no-cache forbids stale responses, with field names it does not (RFC 9111 section 4.2.4)', async (t) => {
      for (const [control, stale] of [['no-cache', false], ['no-cache="x-a"', true]] as const) {
        const { get, clock } = await createTestApp(t, { ttl: 10, staleIfError: 20 }, (_request, reply, call) => {
          return call === 1
            ? reply.headers({
              'cache-control': control, etag: '"v1"'
            }).send('page')
            : reply.code(503).send('sorry')
        }, { store })
        await get()
        clock.advance(11)
        t.match(await get(), { statusCode: stale ? 200 : 503 }, control)
      }
    })

    t.test('a failure with a lifetime is not stored while stale-if-error applies (RFC 5861 section 4)', async (t) => {
      const { get, clock, calls } = await createTestApp(t, { ttl: 10, staleIfError: 20 }, (_request, reply, call) => {
        return call === 1
          ? reply.header('etag', '"v1"').send(
            'page'
          )
          : reply.code(503).header('cache-control', 'max-age=5').send('sorry')
      }, { store })
      await get()
      clock.advance(11)
      t.match(await get(), {
        statusCode: 200, body: 'page', status: 'fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error'
      })
      t.match(await get(), { statusCode: 200, body: 'page', status: 'hit; ttl=-1; detail=stale-if-error' })
      clock.advance(20)
      t.equal(calls(), 2)
      t.match(await get(), { statusCode: 503, body: 'sorry', status: 'fwd=stale; stored; ttl=5' }, 'then it is')
      t.match(await get(), { statusCode: 503, body: 'sorry', status: 'hit; ttl=5' })
      t.equal(calls(), 3)
    })
  })
}
