import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache, { type ExplainQuestion } from '../../../src/page-cache/index.ts'

const UNCACHED = { outcome: { runsHandler: true, rule: 'No route with a page cache answers to this URL.' } }

/** An app of which a scope caches pages, and the names of what has run in it. */
async function createScopedApp () {
  const app = Fastify()
  const ran: string[] = []
  const record = (name: string) => async () => { ran.push(name) }
  app.addHook('preHandler', record('hook'))
  app.get('/items/outside', record('outside'))
  app.setNotFoundHandler(record('not found'))
  const scopes: FastifyInstance[] = []
  const addScope = async (prefix: string) => await app.register(async (scope) => {
    scopes.push(scope)
    await scope.register(pageCache, { cache: createCache({ store: memoryStore() }) })
    scope.get('/items/:id', { config: { cachePage: 60 } }, async () => prefix)
    scope.get('/items/inside', record('inside'))
    scope.delete('/items/:id', record('delete'))
  }, { prefix })
  await addScope('')
  await addScope('/other')
  await app.register(async (later) => { later.get('/items/later', record('later')) })
  await app.ready()
  return { app, ran, explain: (url: string) => scopes[0]!.larder.explain({ url }), other: scopes[1]! }
}

t.test('explain runs no handler of a route without a page cache, wherever it is declared', async (t) => {
  const { app, ran, explain } = await createScopedApp()
  t.teardown(() => app.close())
  for (const url of ['/items/inside', '/items/outside', '/items/later', '/none', '/other/items/inside']) {
    t.match(await explain(url), UNCACHED, url)
  }
  t.strictSame(ran, [])
  t.match(await explain('/items/1'), { outcome: { rule: 'Nothing is stored under this key.' } })
  t.strictSame(ran, ['hook'])
  await app.inject('/items/outside')
  await app.inject('/items/inside')
  t.strictSame(ran, ['hook', 'hook', 'outside', 'hook', 'inside'])
})

t.test('explain reports what another page cache of the application has stored', async (t) => {
  const { app, ran, explain } = await createScopedApp()
  t.teardown(() => app.close())
  await app.inject('/other/items/1')
  t.match(await explain('/other/items/1'), { page: { status: 200 }, outcome: { runsHandler: false } })
  t.strictSame(ran, ['hook', 'hook'])
})

t.test('explain follows rewriteUrl, and runs no handler if that changes the method', async (t) => {
  let calls = 0
  const app = Fastify({
    rewriteUrl (request) {
      if (request.headers['x-method'] !== undefined) request.method = String(request.headers['x-method'])
      return request.url!.replace('/v1', '')
    }
  })
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.route({
    method: ['GET', 'POST'], url: '/page', config: { cachePage: 60 }, handler: async () => { calls++ }
  })
  t.match(await app.larder.explain({ url: '/v1/page' }), {
    route: '/page', outcome: { rule: 'Nothing is stored under this key.' }
  })
  t.match(await app.larder.explain({ url: '/page', headers: { 'x-method': 'POST' } }), {
    outcome: { runsHandler: true, rule: 'Only GET and HEAD requests are answered from the cache.' }
  })
  t.equal(calls, 0)
})

t.test('explain rejects any question that it cannot answer, with a code', async (t) => {
  const { app, ran, other } = await createScopedApp()
  t.teardown(() => app.close())
  for (const [question, message] of [
    [undefined, 'explain() expects { url, method, headers }, but got undefined.'],
    [null, 'explain() expects { url, method, headers }, but got null.'],
    ['/other/items/1', 'explain() expects { url, method, headers }, but got \'/other/items/1\'.'],
    [{ url: '/other/items/1', header: {} }, /^explain\(\) has no option header/],
    [{ url: '/other/items/1', method: 'DELETE' }, 'The method to explain must be GET or HEAD, but is \'DELETE\'.'],
    [{ url: '/other/items/1', method: 'get' }, 'The method to explain must be GET or HEAD, but is \'get\'.'],
    [{ url: '/other/items/1', headers: null }, 'The headers to explain must be an object, but are null.']
  ] as Array<[unknown, string | RegExp]>) {
    await t.rejects(other.larder.explain(question as ExplainQuestion), { code: 'FST_ERR_LARDER_EXPLAIN', message })
  }
  t.strictSame(ran, [])
})

t.test('explain says that a URL is malformed, or that the request ends before the lookup', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  app.get('/items/:id', {
    config: { cachePage: 60 }, preHandler: async (_request, reply) => reply.code(400).send()
  }, async () => '')
  const explain = async (url: string) => (await app.larder.explain({ url })).outcome
  for (const url of ['/items/%zz', '/items/%', '/%ff']) {
    t.same(await explain(url), {
      runsHandler: false, rule: 'The path of the URL is malformed, so the router answers with status 400.'
    }, url)
  }
  for (const [url, status] of [['/items/1', 400], [`/items/${'x'.repeat(101)}`, 414]] as const) {
    t.match(await explain(url), { rule: `A hook, or Fastify itself, answers with status ${status} before the lookup.` })
  }
})
