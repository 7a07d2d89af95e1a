import t from 'tap'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('explain describes the stored response and the outcome of a request', async (t) => {
      const {
        get, explain, clock, calls, cache
      } = await createTestApp(
        t, { ttl: 60, staleWhileRevalidate: 10, staleIfError: 20, tags: ['news'], vary: ['x-lang'] }, undefined,
        { store }
      )
      t.match(await explain(), {
        request: { method: 'GET', url: '/page' },
        route: '/page',
        key: {
          name: /^page:/,
          parts: { protocol: 'http', host: 'localhost', path: '/page', query: [] },
          added: null,
          varies: {}
        },
        page: undefined,
        outcome: { cacheStatus: 'larder; fwd=uri-miss', runsHandler: true, rule: 'Nothing is stored under this key.' }
      }, 'nothing yet')
      t.equal(calls(), 0, 'the handler does not run')
      await get({ 'x-lang': 'de' })
      clock.advance(5)
      const headers = { 'x-lang': 'de' }
      const explanation = await explain({ headers })
      t.match(explanation, {
        key: { varies: { 'x-lang': 'de' } },
        page: {
          status: 200,
          etag: /^"/,
          bodyBytes: 6,
          storedAt: '2026-01-01T00:00:00.000Z',
          age: 5,
          ttl: 55,
          staleWhileRevalidate: 10,
          staleIfError: 20,
          bytes: Number,
          loadTook: Number,
          tagCount: 1,
          tags: [{ tag: 'news', changed: false, version: String }],
          stamp: String
        },
        outcome: {
          cacheStatus: 'larder; hit; ttl=55',
          runsHandler: false,
          rule: 'The stored response is fresh: 5 s old, it expires in 55 s, and none of its dependencies has ' +
            'changed (RFC 9111 section 4.2).'
        }
      })
      t.match(await explain({ headers: { 'x-lang': 'fr' } }), {
        key: { varies: { 'x-lang': 'fr' } },
        page: undefined,
        outcome: {
          cacheStatus: 'larder; fwd=vary-miss',
          runsHandler: true,
          rule: 'Responses of this URL are stored, but none for the values in this request of x-lang (RFC 9111 ' +
            'section 4.1).'
        }
      })
      t.match((await explain()).key?.varies, { 'x-lang': null })
      t.match(await explain({ headers, method: 'HEAD' }), {
        request: { method: 'HEAD' }, page: { bodyBytes: 6 }, outcome: { cacheStatus: 'larder; hit; ttl=55' }
      })
      t.notOk(JSON.stringify(explanation).includes('call 1'), 'no body is shown')

      clock.advance(60)
      t.match(await explain({ headers }), {
        page: { ttl: -5 },
        outcome: {
          cacheStatus: 'larder; hit; ttl=-5; detail=stale-while-revalidate',
          runsHandler: false,
          rule: 'The stored response expired 5 s ago; it is served while it is revalidated in the background (RFC ' +
            '5861 section 3).'
        }
      })
      clock.advance(20)
      t.match(await explain({ headers }), {
        page: { age: 85 },
        outcome: {
          cacheStatus: 'larder; fwd=stale',
          runsHandler: true,
          rule: 'The stored response expired 25 s ago (RFC 9111 section 4.2).'
        }
      })
      t.equal(calls(), 1, 'nothing was made anew')

      await get(headers)
      await cache.invalidateTags(['news'])
      t.match(await explain({ headers }), {
        page: { tags: [{ tag: 'news', changed: true }] },
        outcome: {
          cacheStatus: 'larder; fwd=stale; detail=invalidated',
          rule: 'Dependencies of the stored response have changed: news.'
        }
      })
    })
  })
}

t.test('explain describes a response that never expires, and one without tags', async (t) => {
  const { get, explain } = await createTestApp(t, 60)
  await get()
  t.match(await explain(), { page: { tags: [], tagCount: 0, stamp: '' } })
})

t.test('explain reports an expired index of variants, and at most a hundred tags', async (t) => {
  const {
    get, explain, explainRule, clock, cache
  } = await createTestApp(t, { ttl: 10, vary: ['x-lang'], tags: Array.from({ length: 300 }, (_, i) => `tag-${i}`) })
  await get()
  await cache.invalidateTags(['tag-299'])
  t.equal(await explainRule(), 'Dependencies of the stored response have changed.')
  const { page } = await explain()
  t.equal(page!.tagCount, 300)
  t.ok(page!.tags.length < 300)
  clock.advance(21)
  t.equal(await explainRule(), 'This URL has several variants, and the index of its variants has expired.')
})

t.test('explain counts, refreshes and changes nothing', async (t) => {
  const {
    get, explain, clock, listener, calls
  } = await createTestApp(t, { ttl: 10, staleWhileRevalidate: 100, refreshAhead: true })
  await get()
  clock.advance(11)
  listener.events.length = 0
  for (let i = 0; i < 3; i++) await explain()
  t.strictSame(listener.events, [])
  t.equal(calls(), 1)
})

t.test('explain does not describe a variant for other header values under the same key', async (t) => {
  const { app } = await createTestApp(t, { ttl: 60, vary: ['x-user'] }, (request, reply) => {
    reply.header('etag', `"of ${String(request.headers['x-user'])}"`)
    return 'page'
  })
  for (let i = 0; i < 300; i++) await app.inject({ url: '/page', headers: { 'x-user': `u${i}` } })
  for (let i = 0; i < 20; i++) {
    const { page, outcome } = await app.larder.explain({ url: '/page', headers: { 'x-user': `stranger ${i}` } })
    t.equal(page, undefined)
    t.match(outcome.rule, /values in this request/)
  }
})
