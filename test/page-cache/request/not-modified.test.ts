import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore, type Versions } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { openProducts } from '../../../src/products/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { MODIFIED, confirming } from '../../support/not-modified-handler.ts'
import { createTestApp, dateAt, sendRequest } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

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
        const { get, clock, shown, calls } = await createTestApp(t, 10, confirming(own), { store })
        const first = await get()
        for (const call of [2, 3]) {
          clock.advance(11)
          const confirmed = await get()
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
          t.match(await get(), {
            body: 'page', status: 'hit; ttl=1', headers: { age: '9', etag: String(first.headers.etag) }
          })
        }
        t.equal(calls(), 3)
      }
    })

    t.test('headers of a 304 replace the stored ones, except those of the body (RFC 9111 section 3.2)', async (t) => {
      const { get, clock } = await createTestApp(t, {}, confirming(
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
      await get()
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
        const answer = await get()
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
        const { get, clock } = await createTestApp(
          t, { ...ttl && { ttl } }, confirming({ etag: '"v1"', 'cache-control': own }), { store }
        )
        await get()
        clock.advance(11)
        t.match(await get(), {
          body: 'page',
          status: `fwd=stale; fwd-status=304; stored; ttl=${left}`,
          headers: { 'cache-control': own === 'public' ? 'public, max-age=5' : own }
        })
        clock.advance(left + 1)
        t.match(await get(), { body: 'page', status: `fwd=stale; fwd-status=304; stored; ttl=${left}` })
      }
    })

    t.test('an Expires that a 304 omits has passed by then (RFC 9111 sections 3.2 and 5.3)', async (t) => {
      for (const ttl of [60, undefined]) {
        const { get, clock } = await createTestApp(t, { ...ttl && { ttl } }, (_request, reply, call) => {
          return call === 1
            ? reply.headers({
              etag: '"v1"', expires: dateAt(clock, 10)
            }).send('page')
            : reply.code(304).send()
        }, { store })
        t.match(await get(), { status: 'fwd=uri-miss; stored; ttl=10' })
        clock.advance(11)
        for (let i = 0; i < 2; i++) {
          t.match(
            await get(), { body: 'page', status: 'fwd=stale; fwd-status=304; stored; ttl=0' }, `ttl ${ttl}`
          )
        }
      }
    })
  })
}

t.test('a freshened response whose tags changed meanwhile is sent and not stored', async (t) => {
  let current = true
  const versions: Versions = { stamp: () => 's', firstChanged: () => current ? undefined : 'page', invalidate () {} }
  for (const own of [{ etag: '"v1"' }, { 'last-modified': MODIFIED }]) {
    current = true
    const { get, clock, shown } = await createTestApp(t, { ttl: 10, tags: ['menu'] }, (_request, reply, call) => {
      if (call === 2) current = false
      return call === 2 ? reply.code(304).send() : reply.headers(own as Record<string, string>).send(`call ${call}`)
    }, { versions })
    await get()
    clock.advance(11)
    t.match(await get(), {
      statusCode: 200, body: 'call 1', status: 'fwd=stale; fwd-status=304; ttl=10; detail=outdated', headers: own
    })
    current = true
    t.match(await get(), { body: 'call 3', status: /stored; ttl=10$/ }, 'the old page is over')
    t.same(shown[2], {})
  }
})

t.test('a freshened response keeps its first dependencies and adds those of the revalidation', async (t) => {
  const clock = fakeClock()
  const database = openDatabase('file::memory:')
  const cache = createCache({ store: memoryStore({ now: clock.now }), versions: database.versions, now: clock.now })
  const onSubscriberError = (error: unknown) => { throw error }
  const products = await openProducts({ database, cache, now: clock.now, onSubscriberError })
  await products.createMany(['a', 'b'].map((title) => ({ title, price: '1' })))
  const app = Fastify()
  await app.register(pageCache, { cache, now: clock.now })
  t.teardown(async () => {
    await app.close()
    await database.close()
  })
  let calls = 0
  app.get('/page', { config: { cachePage: 10 } }, async (_request, reply) => {
    if (++calls === 1) return reply.header('etag', '"v1"').send((await products.find(1))!.price)
    await products.find(2)
    return reply.code(304).send()
  })
  const get = async () => await sendRequest(app, { url: '/page' })
  for (const id of [1, 2]) {
    calls = 0
    await get()
    clock.advance(11)
    t.match(await get(), { statusCode: 200, body: '1', status: 'fwd=stale; fwd-status=304; stored; ttl=10' })
    t.match(await get(), { body: '1', status: 'hit; ttl=10' })
    await products.update(id, { title: 'c' })
    t.match(await get(), { status: /detail=(invalidated|status-304)$/ })
    await cache.clear()
  }
})
