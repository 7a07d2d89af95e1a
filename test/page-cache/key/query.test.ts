import Fastify, { type FastifyRequest } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { createTestApp, sendRequest } from '../../support/create-test-app.ts'

t.test('query: unlisted parameters are hidden from every way to read the URL, or nothing is stored', async (t) => {
  const show = ({ url, originalUrl, query }: FastifyRequest) => JSON.stringify([url, originalUrl, query])
  const options = { ttl: 300, query: ['a'] }
  const early = await createTestApp(t, options, show, {
    before: (app) => app.addHook('onRequest', async (request) => { show(request) })
  })
  t.equal((await early.get({}, { url: '/page?a=1&f[%zz]=evil&%zz=evil' })).body, '["/page?a=1","/page?a=1",{"a":"1"}]')
  t.match(await early.get({}, { url: '/page?a=1' }), { status: /^hit/ })

  // A parser of nested names that takes semicolons.
  const querystringParser = (text: string) => Object.fromEntries(
    text.split(/[;&]/).map((pair) => pair.replaceAll(/[[\]]/g, '').split('='))
  )
  const app = () => Fastify({ routerOptions: { querystringParser } })
  const unknown = await createTestApp(t, options, show, { app: app() })
  t.match(await unknown.get({}, { url: '/page?[a]=evil' }), {
    body: /evil/, status: 'fwd=bypass; detail=query-parser'
  })
  t.match(await unknown.get({}, { url: '/page?a=1' }), { status: /; stored/ })

  const known = app()
  await known.register(pageCache, { cache: createCache({ store: memoryStore() }), querystringParser })
  known.get('/page', { config: { cachePage: options } }, async (request) => show(request))
  t.teardown(() => known.close())
  t.match(await sendRequest(known, { url: '/page?b=1;c=2&a=3' }), {
    body: '["/page?a=3","/page?a=3",{"a":"3"}]', status: /; stored/
  })

  const bad = Fastify()
  bad.register(pageCache, { cache: createCache({ store: memoryStore() }), querystringParser: 'qs' as never })
  await t.rejects(async () => await bad.ready(), {
    message: 'The option `querystringParser` of the page cache must be a function.'
  })
})

t.test('query: the handler does not see unlisted parameters', async (t) => {
  const { get, calls } = await createTestApp(t, { ttl: 300, query: ['a', 'f'] }, (request, _reply, call) => ({
    url: request.url, original: request.originalUrl, raw: request.raw.url, query: { ...request.query as object }, call
  }))
  const show = (url: string, query: object, call: number) => ({ url, original: url, raw: url, query, call })
  const readUrl = async (url: string) => JSON.parse((await get({}, { url })).body)
  t.strictSame(await readUrl('/page?b=1&a=1&utm=x'), show('/page?a=1', { a: '1' }, 1))
  t.strictSame(await readUrl('/page?a=1&b=other'), show('/page?a=1', { a: '1' }, 1))
  t.strictSame(await readUrl('/page?b=2'), show('/page', {}, 2))
  t.strictSame(await readUrl('/page?'), show('/page', {}, 2))
  t.strictSame(await readUrl('/page?a=1&a=2&b=1&b=2'), show('/page?a=1&a=2', { a: ['1', '2'] }, 3))
  t.strictSame(await readUrl('/page?a=2&a=1'), show('/page?a=2&a=1', { a: ['2', '1'] }, 4))
  t.strictSame(
    await readUrl('/page?f[x]=1&g[f]=2&%66[y]=3'), show('/page?f[x]=1&%66[y]=3', { 'f[x]': '1', 'f[y]': '3' }, 5)
  )
  t.strictSame(await readUrl('/page?%61=1'), show('/page?a=1', { a: '1' }, 1))
  t.strictSame(await readUrl('/page?%zz=1&%=2'), show('/page', {}, 2))
  t.equal(calls(), 5)
})
