import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore, type Versions } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { createProducts } from '../../../src/products/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { answerOf, dateAt, type Handler, onePage } from '../one-page.ts'
import { pageStores } from '../stores.ts'

const MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'

/** A handler that gives a page first, and then says that it is still so. */
function confirming (first: Record<string, string>, then: Record<string, string> = {}): Handler {
  return (_request, reply, call) =>
    call === 1 ? reply.type('text/plain').headers(first).send('page') : reply.code(304).headers(then).send()
}

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a 304 from the handler freshens the stale response (RFC 9111 section 4.3.1)', async (t) => {
      const validators: Array<[own: Record<string, string>, sent: Record<string, string>]> = [
        [{ etag: '"v1"' }, { 'if-none-match': '"v1"' }],
        [{ etag: 'W/"v1"' }, { 'if-none-match': 'W/"v1"' }],
        [{ 'last-modified': MODIFIED }, { 'if-modified-since': MODIFIED }],
        [{ etag: '"v1"', 'last-modified': MODIFIED }, { 'if-none-match': '"v1"', 'if-modified-since': MODIFIED }]
      ]
      for (const [own, sent] of validators) {
        const { ask, clock, shown, calls } = await onePage(t, 10, confirming(own), { store })
        const first = await ask()
        for (const call of [2, 3]) {
          clock.advance(11)
          const confirmed = await ask()
          t.match(confirmed, {
            statusCode: 200,
            body: 'page',
            status: 'fwd=stale; fwd-status=304; stored; ttl=10',
            headers: {
              ...own,
              etag: String(first.headers.etag),
              'content-type': /^text\/plain/,
              'content-length': '4',
              'cache-control': 'max-age=10'
            }
          })
          t.notOk('age' in confirmed.headers)
          t.same(shown[call - 1], sent)
          clock.advance(9)
          t.match(await ask(), {
            body: 'page', status: 'hit; ttl=1', headers: { age: '9', etag: String(first.headers.etag) }
          })
        }
        t.equal(calls(), 3)
      }
    })

    t.test('the handler does not get an ETag that the page cache has computed (RFC 9111 section 4.3.1)', async (t) => {
      const { ask, clock, shown } = await onePage(t, { ttl: 10, staleIfError: 60 }, undefined, { store })
      await ask()
      clock.advance(11)
      t.match(await ask({ 'if-none-match': '"theirs"' }), { body: 'call 2', status: 'fwd=stale; stored; ttl=10' })
      t.same(shown, [{}, {}])
    })

    t.test('headers of a 304 replace the stored ones, except those of the body (RFC 9111 section 3.2)', async (t) => {
      const { ask, clock } = await onePage(t, {}, confirming(
        { etag: '"v1"', 'cache-control': 'max-age=10', 'x-a': '1', 'x-b': '1', 'content-language': 'en' },
        {
          etag: 'W/"v1"',
          'cache-control': 'max-age=20',
          'x-b': '2',
          'x-c': '2',
          'content-language': 'de',
          'content-length': '77',
          'content-encoding': 'gzip',
          'content-range': 'bytes 0-1/2',
          'content-md5': 'x',
          connection: 'x-hop',
          'x-hop': '1'
        }
      ), { store })
      await ask()
      clock.advance(11)
      const updated = {
        etag: '"v1"',
        'cache-control': 'max-age=20',
        'x-a': '1',
        'x-b': '2',
        'x-c': '2',
        'content-language': 'de',
        'content-length': '4',
        'content-type': /^text\/plain/
      }
      const check = async (status: string) => {
        const answer = await ask()
        t.match(answer, { statusCode: 200, body: 'page', status, headers: updated })
        for (const absent of [
          'content-encoding', 'content-range', 'content-md5'
        ]) t.notOk(absent in answer.headers, absent)
        return answer
      }
      await check('fwd=stale; fwd-status=304; stored; ttl=20')
      clock.advance(19)
      t.notOk('x-hop' in (await check('hit; ttl=1')).headers)
    })

    t.test('headers that a 304 omits stay as stored, Cache-Control included (RFC 9111 section 3.2)', async (t) => {
      for (const [ttl, own, left] of [
        [60, 'max-age=10', 10], [60, 'stale-if-error=5, max-age=10', 10], [undefined, 'max-age=10', 10],
        [5, 'public', 5]
      ] as const) {
        const { ask, clock } = await onePage(
          t, { ...ttl && { ttl } }, confirming({ etag: '"v1"', 'cache-control': own }), { store }
        )
        await ask()
        clock.advance(11)
        t.match(await ask(), {
          body: 'page',
          status: `fwd=stale; fwd-status=304; stored; ttl=${left}`,
          headers: { 'cache-control': own === 'public' ? 'public, max-age=5' : own }
        })
        clock.advance(left + 1)
        t.match(await ask(), { body: 'page', status: `fwd=stale; fwd-status=304; stored; ttl=${left}` })
      }
    })

    t.test('an Expires that a 304 omits has passed by then (RFC 9111 sections 3.2 and 5.3)', async (t) => {
      for (const ttl of [60, undefined]) {
        const { ask, clock } = await onePage(t, { ...ttl && { ttl } }, (_request, reply, call) => {
          return call === 1
            ? reply.headers({
              etag: '"v1"', expires: dateAt(clock, 10)
            }).send('page')
            : reply.code(304).send()
        }, { store })
        t.match(await ask(), { status: 'fwd=uri-miss; stored; ttl=10' })
        clock.advance(11)
        for (let i = 0; i < 2; i++) {
          t.match(
            await ask(), { body: 'page', status: 'fwd=stale; fwd-status=304; stored; ttl=0' }, `ttl ${ttl}`
          )
        }
      }
    })

    t.test('a full response replaces the stale one (RFC 9111 section 4.3.3)', async (t) => {
      const { ask, clock, shown } = await onePage(
        t, 10,
        (_request, reply, call) => reply.headers({ etag: `"v${call}"`, [`x-${call}`]: '1' }).send(`call ${call}`),
        { store }
      )
      await ask()
      clock.advance(11)
      const second = await ask()
      t.match(second, { body: 'call 2', status: 'fwd=stale; stored; ttl=10', headers: { etag: '"v2"', 'x-2': '1' } })
      t.notOk('x-1' in second.headers)
      t.match(await ask(), { body: 'call 2', status: 'hit; ttl=10' })
      clock.advance(11)
      await ask()
      t.same(shown, [{}, { 'if-none-match': '"v1"' }, { 'if-none-match': '"v2"' }])
    })

    t.test('a 404 ends the stored response; a failure does not (RFC 9111 section 4.3.3)', async (t) => {
      for (const [status, asked] of [
        [404, {}], [410, {}], [500, { 'if-none-match': '"v1"' }], [503, { 'if-none-match': '"v1"' }],
        [403, { 'if-none-match': '"v1"' }]
      ] as const) {
        const { ask, clock, shown, settled } = await onePage(t, 10, (_request, reply, call) => {
          return call === 2 ? reply.code(status).send('other') : reply.header('etag', '"v1"').send(`call ${call}`)
        }, { store })
        await ask()
        clock.advance(11)
        t.match(await ask(), { statusCode: status, body: 'other', status: `fwd=stale; detail=status-${status}` })
        await settled()
        clock.advance(2)
        t.match(await ask(), { statusCode: 200, body: 'call 3', status: /stored; ttl=10$/ })
        t.same(shown[2], asked, `after ${status}`)
      }
    })

    t.test('HEAD revalidates the response to HEAD', async (t) => {
      const { ask, clock, shown } = await onePage(t, 10, confirming({ etag: '"v1"' }), {
        store, method: ['GET', 'HEAD']
      })
      const head = async () => await ask({}, { method: 'HEAD' })
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
        const { ask, calls, shown } = await onePage(t, { ...ttl && { ttl } }, (_request, reply, call) => {
          return call % 3 === 1
            ? reply.headers({
              etag: `"v${call}"`, 'cache-control': control
            }).send(`call ${call}`)
            : reply.code(304).send()
        }, { store })
        t.match(await ask(), { body: 'call 1', status: 'fwd=uri-miss; stored; ttl=0' })
        for (let i = 0; i < 2; i++) {
          t.match(await ask(), {
            statusCode: 200, body: 'call 1', status: 'fwd=stale; fwd-status=304; stored; ttl=0'
          })
        }
        t.match(await ask({ 'if-none-match': '"v1"' }), {
          statusCode: 200, body: 'call 4', status: 'fwd=stale; stored; ttl=0'
        })
        t.match(await ask({ 'if-none-match': '"v4"' }), { statusCode: 304, body: '' })
        t.equal(calls(), 5)
        t.same(shown.at(-1), { 'if-none-match': '"v4"' })
      }
    })

    t.test('a no-cache response is revalidated for each concurrent request (RFC 9111 section 5.2.2.4)', async (t) => {
      for (const control of ['no-cache', 'max-age=0']) {
        const gate = Promise.withResolvers<void>()
        const { ask, calls, listener } = await onePage(t, {}, async (_request, reply, call) => {
          if (call > 1) await gate.promise
          return reply.headers({ etag: '"v1"', 'cache-control': control }).send(`call ${call}`)
        }, { store })
        await ask()
        const all = Array.from({ length: 4 }, () => ask())
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
          ask, clock, listener, shown, calls
        } = await onePage(t, { ttl: 10, ...options }, (_request, reply, call) => {
          clock.advance(0.5)
          return call === 1
            ? reply.headers({
              etag: '"v1"', 'x-call': '1'
            }).send('page')
            : reply.code(304).header('x-call', String(call)).send()
        }, { store, random: () => 1e-9 })
        await ask()
        clock.advance(wait)
        t.match(await ask(), { statusCode: 200, body: 'page', status: /^hit/ })
        await listener.heard('set', 2)
        t.same(shown, [{}, { 'if-none-match': '"v1"' }])
        t.match(await ask({}, { headers: {} }), {
          body: 'page', status: /^hit; ttl=(9|10)$/, headers: { 'x-call': '2' }
        })
        t.ok(calls() <= 3)
      }
    })

    t.test('a fetch with a timeout revalidates too', async (t) => {
      const { ask, clock, shown } = await onePage(
        t, { ttl: 10, staleIfError: 60, timeout: 10 }, confirming({ etag: '"v1"' }), { store }
      )
      await ask()
      clock.advance(11)
      t.match(await ask(), { statusCode: 200, body: 'page', status: 'fwd=stale; stored; ttl=10' })
      t.same(shown, [{}, { 'if-none-match': '"v1"' }])
    })

    t.test('requests that wait for a revalidation get the freshened response', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { ask, clock, calls, listener } = await onePage(t, 10, async (_request, reply, call) => {
        if (call === 1) return reply.header('etag', '"v1"').send('page')
        await gate.promise
        return reply.code(304).send()
      }, { store })
      await ask()
      clock.advance(11)
      const all = Array.from({ length: 3 }, () => ask())
      await listener.heard('miss', 4)
      gate.resolve()
      t.match(await Promise.all(all), Array(3).fill({ statusCode: 200, body: 'page' }))
      t.equal(calls(), 2)
    })

    t.test('the request that revalidates gets the range that it requests', async (t) => {
      const { ask, clock } = await onePage(t, 10, confirming({ etag: '"v1"' }), { store })
      await ask()
      clock.advance(11)
      t.match(await ask({ 'if-none-match': '"v1"' }), {
        statusCode: 304, body: '', status: 'fwd=stale; fwd-status=304; stored; ttl=10'
      })
    })

    t.test('a response without a validator, or stale for over an hour, is fetched again', async (t) => {
      const { ask, clock, shown } = await onePage(t, 10, confirming({ 'x-a': '1' }, {}), { store })
      await ask()
      clock.advance(11)
      t.match(await ask(), { statusCode: 304, status: /detail=status-304$/ })
      const late = await onePage(
        t, 10, (_request, reply, call) => reply.header('etag', '"v1"').send(`call ${call}`), { store }
      )
      await late.ask()
      late.clock.advance(3611)
      t.match(await late.ask(), { body: 'call 2' })
      t.same([...shown, ...late.shown], [{}, {}, {}, {}])
    })
  })
}

t.test('a freshened response whose tags changed meanwhile is sent and not stored', async (t) => {
  let current = true
  const versions: Versions = { stamp: () => 's', firstChanged: () => current ? undefined : 'page', invalidate () {} }
  for (const own of [{ etag: '"v1"' }, { 'last-modified': MODIFIED }]) {
    current = true
    const { ask, clock, shown } = await onePage(t, { ttl: 10, tags: ['menu'] }, (_request, reply, call) => {
      if (call === 2) current = false
      return call === 2 ? reply.code(304).send() : reply.headers(own as Record<string, string>).send(`call ${call}`)
    }, { versions })
    await ask()
    clock.advance(11)
    t.match(await ask(), {
      statusCode: 200, body: 'call 1', status: 'fwd=stale; fwd-status=304; ttl=10; detail=outdated', headers: own
    })
    current = true
    t.match(await ask(), { body: 'call 3', status: /stored; ttl=10$/ }, 'the old page is over')
    t.same(shown[2], {})
  }
})

t.test('a freshened response keeps its first dependencies and adds those of the revalidation', async (t) => {
  const clock = fakeClock()
  const database = openDatabase('file::memory:')
  const cache = createCache({ store: memoryStore({ now: clock.now }), versions: database.versions, now: clock.now })
  const products = createProducts({ database, cache, now: clock.now, onSubscriberError: (error) => { throw error } })
  await products.createMany(['a', 'b'].map((title) => ({ title, price: '1' })))
  const app = Fastify()
  await app.register(pageCache, { cache, now: clock.now })
  t.teardown(async () => {
    await app.close()
    database.close()
  })
  let calls = 0
  app.get('/page', { config: { cachePage: 10 } }, async (_request, reply) => {
    if (++calls === 1) return reply.header('etag', '"v1"').send((await products.find(1))!.price)
    await products.find(2)
    return reply.code(304).send()
  })
  const ask = async () => await answerOf(app, { url: '/page' })
  for (const id of [1, 2]) {
    calls = 0
    await ask()
    clock.advance(11)
    t.match(await ask(), { statusCode: 200, body: '1', status: 'fwd=stale; fwd-status=304; stored; ttl=10' })
    t.match(await ask(), { body: '1', status: 'hit; ttl=10' })
    await products.update(id, { title: 'c' })
    t.match(await ask(), { status: /detail=(invalidated|status-304)$/ })
    await cache.clear()
  }
})
