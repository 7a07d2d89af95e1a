import t from 'tap'
import { until } from '../../support/until.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const alice = { authorization: 'Basic YTph' }
const bob = { authorization: 'Basic Yjpi' }

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('a response to a request with Authorization is not stored (RFC 9111 section 3.5)', async (t) => {
      const { get, calls } = await createTestApp(t, 60, undefined, { store })
      const bypass = 'fwd=bypass; detail=authorization'
      t.match(await get(alice), { body: 'call 1', status: bypass })
      t.match(await get(bob), { body: 'call 2', status: bypass })
      t.match(await get(), { body: 'call 3', status: 'fwd=uri-miss; stored; ttl=60' })
      t.match(await get(alice), { body: 'call 4', status: bypass })
      t.match(await get(), { body: 'call 3', status: 'hit; ttl=60' })
      t.equal(calls(), 4)
    })

    t.test('public, s-maxage and must-revalidate allow hits with Authorization (RFC 9111 section 3.5)', async (t) => {
      for (const control of [
        'public', 'public, max-age=60', 's-maxage=60', 'must-revalidate', 'max-age=60, must-revalidate'
      ]) {
        const own = (
          _request: unknown, reply: { header (name: string, value: string): { send (body: string): unknown } },
          call: number
        ) => reply.header('cache-control', control).send(`call ${call}`)
        const { get, calls } = await createTestApp(t, 60, own, { store })
        t.match(
          await get(alice), { body: 'call 1', status: 'fwd=bypass; detail=authorization' }, `${control}: not stored`
        )
        t.match(await get(), { body: 'call 2', status: 'fwd=uri-miss; stored; ttl=60' }, control)
        for (const headers of [alice, bob, {}]) {
          t.match(
            await get(headers), { body: 'call 2', status: 'hit; ttl=60' }, control
          )
        }
        t.equal(calls(), 2)
      }
    })

    t.test('a response to Authorization that states no lifetime gets no-cache or no-store', async (t) => {
      const lastModified = 'Thu, 01 Jan 2026 00:00:00 GMT'
      const { get } = await createTestApp(t, 60, (_request, reply, call) => {
        return reply.code(call === 2 ? 500 : 200).header('last-modified', lastModified).send(`call ${call}`)
      }, { store })
      t.equal((await get(alice)).headers['cache-control'], 'no-cache')
      t.equal((await get(alice)).headers['cache-control'], 'no-store')
    })

    t.test('other directives do not allow hits with Authorization (RFC 9111 section 3.5)', async (t) => {
      for (const control of ['max-age=60', 'proxy-revalidate', 'immutable', 'private="x-a"']) {
        const { get } = await createTestApp(
          t, 60, (_request, reply, call) => reply.header('cache-control', control).send(`call ${call}`), { store }
        )
        await get()
        t.match(await get(alice), { body: 'call 2', status: 'fwd=bypass; detail=authorization' }, control)
      }
    })

    t.test('requests with Authorization are neither leaders nor followers', async (t) => {
      for (const control of ['public', 'max-age=60']) {
        const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
        const { get, calls } = await createTestApp(t, 60, async (_request, reply, call) => {
          await gates[call - 1]?.promise
          return reply.header('cache-control', control).send(`call ${call}`)
        }, { store })
        const personal = get(alice)
        await until('the handler runs', () => calls() === 1)
        const shared = get()
        await until('it runs again', () => calls() === 2)
        t.match(await get(bob), { body: 'call 3', status: /^fwd=bypass/ }, control)
        gates[1]!.resolve()
        t.match(await shared, { body: 'call 2' })
        gates[0]!.resolve()
        t.match(await personal, { body: 'call 1' })
        t.equal(calls(), 3)
        t.match(await get(), { body: 'call 2', status: 'hit; ttl=60' })
      }
    })

    t.test('concurrent requests with Authorization each get their own response, unless it is public', async (t) => {
      for (const [control, personal] of [['max-age=60', true], ['public', false]] as const) {
        const { get } = await createTestApp(
          t, 60,
          (request, reply) => reply.header('cache-control', control).send(
            `for ${personal ? request.headers.authorization : 'all'}`
          ),
          { store }
        )
        const answers = await Promise.all([alice, bob, alice, bob].map((headers) => get(headers)))
        t.same(
          answers.map(({ body }) => body),
          personal
            ? [alice, bob, alice, bob].map(
                ({ authorization }) => `for ${authorization}`
              )
            : Array(4).fill('for all')
        )
      }
    })

    t.test('a request with Authorization gets no stale response, but may get a range of a public one', async (t) => {
      const { get, clock } = await createTestApp(t, {
        ttl: 10, staleWhileRevalidate: 60, staleIfError: 60
      }, (_request, reply, call) => {
        return call === 1 ? reply.header('cache-control', 'public').send('page') : reply.code(503).send('sorry')
      }, { store })
      await get()
      t.match(await get({ ...alice, range: 'bytes=0-1' }), { statusCode: 206, body: 'pa', status: 'hit; ttl=10' })
      clock.advance(11)
      t.match(await get(alice), { statusCode: 503, body: 'sorry', status: 'fwd=bypass; detail=authorization' })
      t.match(await get(), { statusCode: 200, body: 'page' })
    })
  })
}
