import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createTestApp, sendRequest } from '../support/create-test-app.ts'

t.test('a rewritten URL and its original are both in the key', async (t) => {
  const show = ({ url, originalUrl, query }: FastifyRequest) => JSON.stringify([url, originalUrl, query])
  const rewriting = () => Fastify({ rewriteUrl: ({ url }) => url!.replace(/^\/of\/\w+/, '') })
  const { get } = await createTestApp(t, 300, show, { app: rewriting() })
  for (const name of ['alice', 'bob', 'alice']) {
    t.equal(
      (await get({}, { url: `/of/${name}/page` })).body, `["/page","/of/${name}/page",{}]`
    )
  }
  t.match(await get({}, { url: '/of/bob/page' }), { status: /^hit/ })

  const noting = (app: FastifyInstance) => app.addHook(
    'onRequest', async ({ raw }) => { Object.assign(raw, { originalUrl: raw.url }) }
  )
  const noted = await createTestApp(t, 300, show, { before: noting })
  for (let i = 0; i < 2; i++) t.equal((await noted.get()).body, '["/page","/page",{}]')
  t.equal(noted.calls(), 1)

  const listing = await createTestApp(t, { ttl: 300, query: ['a'] }, show, { app: rewriting() })
  t.equal((await listing.get({}, { url: '/of/x/page?evil=1&a=1' })).body, '["/page?a=1","/of/x/page?a=1",{"a":"1"}]')
  t.match(await listing.get({}, { url: '/of/x/page?a=1&evil=2' }), { status: /^hit/ })
})

t.test('routes that differ only in a constraint share no responses', async (t) => {
  const byTenant = {
    name: 'tenant',
    storage: () => {
      const routes: Array<[RegExp, unknown]> = []
      return {
        get: (value: string) => routes.find(([pattern]) => pattern.test(value))?.[1] ?? null,
        set: (pattern: RegExp, handler: unknown) => { routes.push([pattern, handler]) }
      }
    },
    validate () {},
    deriveConstraint: ({ headers }: FastifyRequest['raw']) => headers['x-tenant']
  }
  const make = async () => {
    const app = Fastify({ routerOptions: { constraints: { tenant: byTenant } } } as object)
    await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
    t.teardown(() => app.close())
    return app
  }
  const app = await make()
  for (const tenant of [/^alice/, /^bob/]) {
    app.get(
      '/page', { constraints: { tenant }, config: { cachePage: 300 } }, async () => String(tenant)
    )
  }
  for (const tenant of ['alice', 'bob', 'alice']) {
    const headers = { 'x-tenant': tenant }
    t.equal((await sendRequest(app, { url: '/page', headers })).body, `/^${tenant}/`)
  }
  const other = await make()
  t.throws(() => other.get(
    '/other', { constraints: { tenant: { of: 'alice' } }, config: { cachePage: 300 } }, async () => ''
  ), {
    code: 'FST_ERR_LARDER_ROUTE_OPTION', message: /^The constraint tenant of \/other, a route with a page cache, must be a string, a number, a boolean or/
  })
})
