import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { ask, type Handler, type Setting, site } from './site.ts'
import { pageStores } from './stores.ts'

const stores = await pageStores(t)
const onMemory = (
  t: Test, cachePage: CachePageOptions | number, handler?: Handler, setting?: Setting
) => site(t, stores.memory!, cachePage, handler, setting)

t.test('a rewritten URL and its original are both in the key', async (t) => {
  const show = ({ url, originalUrl, query }: FastifyRequest) => JSON.stringify([url, originalUrl, query])
  const rewriting = () => Fastify({ rewriteUrl: ({ url }) => url!.replace(/^\/of\/\w+/, '') })
  const { app } = await onMemory(t, 300, show, { app: rewriting() })
  for (const name of ['alice', 'bob', 'alice']) {
    t.equal(
      (await ask(app, {}, `/of/${name}/page`)).body, `["/page","/of/${name}/page",{}]`
    )
  }
  t.match(await ask(app, {}, '/of/bob/page'), { status: /; hit/ })

  const noting = (app: FastifyInstance) => app.addHook(
    'onRequest', async ({ raw }) => { Object.assign(raw, { originalUrl: raw.url }) }
  )
  const noted = await onMemory(t, 300, show, { before: noting })
  for (let i = 0; i < 2; i++) t.equal((await ask(noted.app)).body, '["/page","/page",{}]')
  t.equal(noted.calls(), 1)

  const listing = await onMemory(t, { ttl: 300, query: ['a'] }, show, { app: rewriting() })
  t.equal((await ask(listing.app, {}, '/of/x/page?evil=1&a=1')).body, '["/page?a=1","/of/x/page?a=1",{"a":"1"}]')
  t.match(await ask(listing.app, {}, '/of/x/page?a=1&evil=2'), { status: /; hit/ })
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
  for (const tenant of ['alice', 'bob', 'alice']) t.equal((await ask(app, { 'x-tenant': tenant })).body, `/^${tenant}/`)
  const other = await make()
  t.throws(() => other.get(
    '/other', { constraints: { tenant: { of: 'alice' } }, config: { cachePage: 300 } }, async () => ''
  ), {
    name: 'TypeError', message: /^The constraint tenant of \/other, a route with a page cache, must be a string, a number, a boolean or/
  })
})

t.test('a route that was declared before the page cache was registered fails with an explanation', async (t) => {
  const app = Fastify()
  app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/page', { config: { cachePage: 300 } }, async () => 'page')
  app.get('/other', async () => 'other')
  t.teardown(() => app.close())
  t.match(JSON.parse((await app.inject('/page')).body), {
    statusCode: 500, message: /^Route \/page was declared before the page cache was registered\. Call/
  })
  t.equal((await app.inject('/other')).body, 'other')
})
