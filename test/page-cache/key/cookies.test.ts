import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('if the handler reads cookies, requests with cookies get no hit and are not stored', async (t) => {
      const { get, calls } = await createTestApp(
        t, 300, ({ headers }, _reply, call) => `${headers.cookie ?? 'nobody'} by ${call}`, { store: makeStore }
      )
      t.match(await get(), { body: 'nobody by 1', status: /; stored/ })
      t.match(await get({ cookie: 'a=alice' }), {
        body: 'a=alice by 2', status: 'fwd=vary-miss; detail=cookie'
      })
      t.match(await get({ cookie: 'a=alice' }), { body: 'a=alice by 3' })
      t.match(await get({ cookie: 'a=bob' }), { body: 'a=bob by 4' })
      t.match(await get(), { body: 'nobody by 1', status: /^hit/, headers: { vary: 'cookie' } })
      t.equal(calls(), 4)
    })
  })
}

t.test('cookies that a plugin reads are tracked, whether it was registered before or after', async (t) => {
  const plugins: Record<string, (app: FastifyInstance) => void> = {
    eager: (app) => {
      app.decorateRequest('cookies' as string, null)
      app.addHook(
        'onRequest',
        async (request) => {
          Object.assign(request, { cookies: Object.fromEntries([String(request.raw.headers.cookie ?? '').split('=')]) })
        }
      )
    },
    sparing: (app) => {
      app.decorateRequest('cookies' as string, null)
      app.addHook('onRequest', async (request) => {
        const { cookie } = request.headers
        if (cookie !== undefined) Object.assign(request, { cookies: Object.fromEntries([cookie.split('=')]) })
      })
    },
    lazy: (app) => {
      app.decorateRequest('cookies', {
        getter () { return Object.fromEntries([String((this as FastifyRequest).headers.cookie ?? '').split('=')]) }
      })
    },
    session: (app) => {
      app.decorateRequest('session' as string, null)
      app.addHook(
        'onRequest',
        async (request) => { Object.assign(request, { session: { user: request.headers.cookie?.split('=')[1] } }) }
      )
    }
  }
  for (const [name, plugin] of Object.entries(plugins)) {
    for (const place of ['before', 'after'] as const) {
      const { get } = await createTestApp(t, 300, (request) => {
        const { cookies, session } = request as { cookies?: Record<string, string>, session?: { user?: string } }
        return `for ${cookies?.user ?? session?.user ?? 'nobody'}`
      }, { [place]: (app: FastifyInstance) => app.register(fp(async (app) => plugin(app))) })
      t.match(
        await get(), { body: 'for nobody', status: /; stored/, headers: { vary: 'cookie' } }, `${name} ${place}`
      )
      for (const user of ['alice', 'bob']) {
        t.match(
          await get({ cookie: `user=${user}` }), { body: `for ${user}`, status: /detail=cookie/ }, `${name} ${place}`
        )
      }
      t.match(await get(), { body: 'for nobody', status: /^hit/ }, `${name} ${place}`)
    }
  }
})

t.test('a public response to a request with cookies is stored for requests with the same cookies', async (t) => {
  const { get, calls } = await createTestApp(
    t, 300, ({ headers }, reply) => reply.header('cache-control', 'public').send(headers.cookie)
  )
  for (const cookie of ['a=1', 'a=2', 'a=1']) t.equal((await get({ cookie })).body, cookie)
  t.equal(calls(), 2)
})

t.test('a cookie that no code reads does not affect caching', async (t) => {
  const { get } = await createTestApp(t, 300)
  t.match(await get({ cookie: 'a=1' }), { body: 'call 1', status: /; stored/ })
  const warm = await get({ cookie: 'a=2' })
  t.match(warm, { body: 'call 1', status: /^hit/ })
  t.notOk('vary' in warm.headers)
})
