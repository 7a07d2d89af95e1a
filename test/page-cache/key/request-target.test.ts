import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../../src/page-cache/index.ts'
import { toOriginForm } from '../../../src/page-cache/key/request-target.ts'

/** A service with pages of items, whose bodies show the number of the run and what the handler sees. */
async function itemService (t: Test, options: FastifyServerOptions = {}, cachePage: CachePageOptions = { ttl: 60 }) {
  const app = Fastify(options)
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  let runs = 0
  app.get<{ Params: { id: string } }>('/Items/:id/page', { config: { cachePage } }, async (request) => {
    const { params, url, originalUrl, host, query } = request
    return `${++runs} ${params.id} ${url} ${originalUrl} ${host} ${JSON.stringify(query)}`
  })
  app.get<{ Params: { '*': string } }>('/files/*', { config: { cachePage } }, async (request) =>
    `${++runs} ${request.params['*']}`)
  app.put('/Items/:id/page', async () => 'changed')
  app.post<{ Querystring: { location: string } }>('/change', async (request, reply) =>
    reply.code(201).header('location', request.query.location).send('created'))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  /** Sends a request with exactly this target. */
  async function send (path: string, { method = 'GET', host = 'shop.test' } = {}) {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers: { host }, agent: false }).end()
    const [response] = await once(sent, 'response') as [IncomingMessage]
    return { body: await text(response), status: String(response.headers['cache-status']) }
  }
  const isStored = async (path: string) => (await send(path)).status.includes('hit')
  return { app, send, isStored }
}

const PAGE = '/Items/1/page'

t.test('absolute-form and origin-form are one page (RFC 9112 section 3.2)', async (t) => {
  const { send, app, isStored } = await itemService(t)
  const first = await send(`http://shop.test${PAGE}?a=1`)
  t.match(first, { status: /stored/, body: `1 1 ${PAGE}?a=1 ${PAGE}?a=1 shop.test {"a":"1"}` })
  for (const target of [
    `${PAGE}?a=1`, `http://shop.test${PAGE}?a=1`, `HTTP://SHOP.test:80${PAGE}?a=1`, `https://shop.test${PAGE}?a=1`
  ]) {
    t.match(await send(target), { status: /hit/, body: first.body }, target)
  }
  t.match(await send(`http://shop.test${PAGE}?a=1`, { method: 'HEAD' }), { status: /hit/ })
  await send(`http://shop.test${PAGE}?a=1`, { method: 'PUT' })
  t.notOk(await isStored(`${PAGE}?a=1`), 'an unsafe method in absolute-form reaches it')
  await send(`${PAGE}?a=1`, { method: 'PUT' })
  t.notOk(await isStored(`http://shop.test${PAGE}?a=1`), 'and one in origin-form')
  t.equal(await app.larder.purge({ url: `http://shop.test${PAGE}?a=1` }), 1)
  await send(PAGE)
  await send(`http://shop.test/change?location=${encodeURIComponent(PAGE)}`, { method: 'POST' })
  t.notOk(await isStored(PAGE), 'a relative Location of a request in absolute-form')
})

t.test('a URL that names another host than Host bypasses the cache', async (t) => {
  const { send, app } = await itemService(t)
  await send(PAGE)
  for (const target of [`http://other.test${PAGE}`, `http://user@shop.test${PAGE}`, `http://shop.test:81${PAGE}`]) {
    t.match(await send(target), { status: 'larder; fwd=bypass; detail=request-target' }, target)
  }
  t.match(await send(PAGE), { status: /hit/ })
  await send(`http://other.test${PAGE}`, { method: 'PUT' })
  t.notMatch(await send(PAGE), { status: /hit/ }, 'it has changed what the application calls by Host')
  t.ok(app)
})

t.test('behind a trusted proxy, absolute-form may name the host that Fastify trusts', async (t) => {
  const { send } = await itemService(t, { trustProxy: true })
  t.match(await send(`http://inner.test${PAGE}`, { host: 'inner.test' }), { status: /stored/ })
  t.match(await send(PAGE, { host: 'inner.test' }), { status: /hit/ })
})

t.test('a rewritten URL in absolute-form is one page with that in origin-form', async (t) => {
  const { send } = await itemService(t, { rewriteUrl: ({ url }) => url!.replace('/old/', '/Items/') })
  t.match(await send('http://shop.test/old/1/page'), { status: /stored/, body: /\/Items\/1\/page \/old\/1\/page/ })
  t.match(await send('/old/1/page'), { status: /hit/ })
})

t.test('the query option removes parameters from a URL in absolute-form', async (t) => {
  const { send } = await itemService(t, {}, { ttl: 60, query: ['a'] })
  t.match(await send(`http://shop.test${PAGE}?b=1&a=1`), { body: `1 1 ${PAGE}?a=1 ${PAGE}?a=1 shop.test {"a":"1"}` })
  t.match(await send(`${PAGE}?a=1`), { status: /hit/ })
})

t.test('ignoreTrailingSlash: both paths are one page, for unsafe methods, Location and purges too', async (t) => {
  const { send, app, isStored } = await itemService(t, { routerOptions: { ignoreTrailingSlash: true } })
  for (const [one, other] of [[PAGE, `${PAGE}/`], [`${PAGE}/`, PAGE]] as const) {
    await send(`${one}?a=1`)
    t.ok(await isStored(`${other}?a=1`))
    await send(`${other}?a=1`, { method: 'PUT' })
    t.notOk(await isStored(`${one}?a=1`))
    t.equal(await app.larder.purge({ url: `http://shop.test${other}?a=1` }), 1)
    await send(one)
    await send(`/change?location=${encodeURIComponent(other)}`, { method: 'POST' })
    t.notOk(await isStored(one))
  }
})

t.test('ignoreDuplicateSlashes: both paths are one page, also in a wildcard', async (t) => {
  const { send, app, isStored } = await itemService(t, { routerOptions: { ignoreDuplicateSlashes: true } })
  await send(PAGE)
  t.ok(await isStored('//Items///1//page'))
  t.equal(await app.larder.purge({ url: 'http://shop.test//Items/1//page' }), 1)
  await send('/files/a//b')
  t.ok(await isStored('/files/a/b'))
  t.notOk(await isStored('/files/a%2Fb'))
})

t.test('caseSensitive: false: paths are one page, but parameters keep their case', async (t) => {
  const { send, app, isStored } = await itemService(t, { routerOptions: { caseSensitive: false } })
  await send('/items/Ab/PAGE')
  t.ok(await isStored('/ITEMS/Ab/page'))
  t.notOk(await isStored('/items/ab/page'), 'the handler sees another parameter')
  t.match(await send('/ITEMS/ab/page'), { status: /hit/, body: /^2 ab / })
  t.match(await send('/ITEMS/Ab/page'), { status: /hit/, body: /^1 Ab / })
  await send('/iTEMS/Ab/page', { method: 'PUT' })
  t.notOk(await isStored('/items/Ab/page'))
  t.ok(await isStored('/items/ab/page'))
  t.equal(await app.larder.purge({ url: 'http://shop.test/items/Ab/pagE' }), 1)
  await send('/FILES/%C3%84')
  t.ok(await isStored('/files/%c3%84'))
  t.notOk(await isStored('/files/%C3%A4'))
  t.ok(await isStored('/%66iles/%C3%84'), 'the router decodes the path')
  t.match(await app.larder.explain({ url: 'http://shop.test/FILES/x' }), {
    key: { parts: { path: '/files/x', params: ['x'] } }
  })
})

t.test('without these options, such paths are different pages', async (t) => {
  const { send, isStored } = await itemService(t)
  await send('/files/a/b')
  for (const other of ['/files/a/b/', '/files/a//b', '/files/A/b']) t.notOk(await isStored(other), other)
})

t.test('a fragment or a semicolon before the query is read as the router does', async (t) => {
  const plain = await itemService(t)
  await plain.send(`${PAGE}?a=1`)
  t.ok(await plain.isStored(`${PAGE}#a=1`))
  t.notOk(await plain.isStored(PAGE))

  const routerOptions = { useSemicolonDelimiter: true } as FastifyServerOptions['routerOptions'] & object
  const { send, isStored, app } = await itemService(t, { routerOptions }, { ttl: 60, query: ['a'] })
  t.match(await send(`${PAGE};b=2&a=1`), { body: `1 1 ${PAGE}?a=1 ${PAGE}?a=1 shop.test {"a":"1"}` })
  t.ok(await isStored(`${PAGE}?a=1`))
  t.match(await app.larder.explain({ url: `http://shop.test${PAGE};a=1` }), { page: { status: 200 } })
  for (const one of [`${PAGE};a=1`, `${PAGE}?a=1`, `${PAGE};b=2&a=1`]) {
    await send(`${PAGE}?a=1`)
    t.equal(await app.larder.purge({ url: `http://shop.test${one}` }), 1, one)
    await send(`${PAGE};a=1`)
    await send(`/change?location=${encodeURIComponent(one)}`, { method: 'POST' })
    t.notOk(await isStored(`${PAGE}?a=1`), `Location: ${one}`)
    await send(one, { method: 'PUT' })
    t.notOk(await isStored(`${PAGE};a=1`), `PUT ${one}`)
  }
})

t.test('toOriginForm writes any target as a path with a query', async (t) => {
  const options = {
    caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false, useSemicolonDelimiter: false
  }
  for (const [target, expected] of [
    ['/a?b#c', '/a?b#c'], ['http://h', '/'], ['http://h?a=1', '/?a=1'], ['*', '/*'], ['/a;b', '/a;b'],
    ['http://h/http://other/', '/http://other/']
  ] as const) {
    t.equal(toOriginForm(target, options), expected)
  }
  t.equal(toOriginForm('/a;b?c', { ...options, useSemicolonDelimiter: true }), '/a?b?c')
})
