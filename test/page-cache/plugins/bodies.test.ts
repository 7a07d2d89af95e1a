import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import compress from '@fastify/compress'
import middie from '@fastify/middie'
import multipart from '@fastify/multipart'
import serveStatic from '@fastify/static'
import view from '@fastify/view'
import { Eta } from 'eta'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { until } from '../../support/until.ts'
import { declarePage, inEachOrder } from './orders.ts'

/* Plugins that make or change bodies, and HTTP/2. */

const LONG = 'page '.repeat(1000)

inEachOrder(t, '@fastify/compress: each client gets an encoding that it accepts, and hits are hits', {
  plugin: (app) => app.register(compress),
  routes: (app) => { app.get('/page', { config: { cachePage: {} } }, async () => LONG) },
  isFirst: true // its own `onRoute` hook
}, async (t, { get }) => {
  for (const encoding of ['gzip', 'br', undefined, 'gzip', 'br']) {
    const response = await get('/page', encoding === undefined ? {} : { 'accept-encoding': encoding })
    t.equal(response.headers['content-encoding'], encoding)
    if (encoding === undefined) t.equal(response.body, LONG)
  }
  for (const encoding of ['gzip', 'br']) {
    t.match(await get('/page', { 'accept-encoding': encoding }), { status: /^hit/, headers: { vary: /accept-encoding/ } })
  }
})

inEachOrder(t, '@fastify/static: a file that a cached route sends is stored, with its validators', {
  plugin: (app) => {
    const root = t.testdir({ 'page.txt': LONG })
    return app.register(serveStatic, { root, serve: false, maxAge: '1m' })
  },
  routes: (app) => {
    app.get('/page', { config: { cachePage: {} } }, async (_request, reply) => reply.sendFile('page.txt'))
  }
}, async (t, { get }) => {
  const first = await get()
  t.match(first, { statusCode: 200, body: LONG })
  const { etag } = first.headers
  await until('the stream is stored', async () => /^hit/.test((await get()).status))
  t.match(await get(), { body: LONG, headers: { etag, 'content-type': /^text\/plain/ } })
  t.match(await get('/page', { 'if-none-match': String(etag) }), { statusCode: 304, status: /^hit/ })
  t.match(await get('/page', { range: 'bytes=0-3' }), { statusCode: 206, body: 'page', status: /^hit/ })
})

inEachOrder(t, '@fastify/view: a page is rendered once for all who see the same', {
  plugin: (app) => {
    const eta = new Eta()
    return app.register(view, { engine: { eta }, root: t.testdir({ 'page.eta': 'Hello <%= it.name %>' }) })
  },
  routes: (app) => {
    app.get('/page', { config: { cachePage: { query: ['name'] } } }, async (request, reply) =>
      await reply.viewAsync('page.eta', request.query as object))
  }
}, async (t, { get }) => {
  for (const name of ['alice', 'bob']) {
    t.match(await get(`/page?name=${name}`), { body: `Hello ${name}`, status: /stored/ })
    t.match(await get(`/page?name=${name}&utm=1`), {
      body: `Hello ${name}`, status: /^hit/, headers: { 'content-type': 'text/html; charset=utf-8' }
    })
  }
})

inEachOrder(t, '@fastify/multipart: an upload is never answered from the cache, and invalidates its page', {
  plugin: (app) => app.register(multipart),
  routes: (app) => {
    declarePage(app)
    app.post('/page', { config: { cachePage: {} } }, async (request) => {
      const file = await request.file()
      return `${file!.filename}: ${await file!.toBuffer()}`
    })
  }
}, async (t, { get }) => {
  await get()
  t.match(await get(), { status: /^hit/ })
  for (const content of ['first', 'second']) {
    const payload = ['--x', 'content-disposition: form-data; name="a"; filename="a.txt"', '', content, '--x--', '']
    t.match(await get('/page', { 'content-type': 'multipart/form-data; boundary=x' }, {
      method: 'POST', payload: payload.join('\r\n')
    }), { statusCode: 200, body: `a.txt: ${content}` })
  }
  t.match(await get(), { body: 'call 2' })
})

inEachOrder(t, '@fastify/middie: a middleware runs on hits, and a page varies by what it reads', {
  plugin: (app) => {
    let requests = 0
    app.register(middie)
    return app.after(() => {
      app.use((request, response, next) => {
        response.setHeader('x-requests', ++requests)
        Object.assign(request, { tenant: request.headers['x-tenant'] })
        next()
      })
    })
  },
  options: { ignoreAddress: true }, // it copies the address for each request
  routes: (app) => {
    app.get('/page', { config: { cachePage: {} } }, async ({ raw }) => `for ${(raw as { tenant?: string }).tenant}`)
  }
}, async (t, { get }) => {
  for (const tenant of ['a', 'b']) t.match(await get('/page', { 'x-tenant': tenant }), { body: `for ${tenant}` })
  const again = await get('/page', { 'x-tenant': 'a' })
  t.match(again, { body: 'for a', status: /^hit/, headers: { 'x-requests': 3 } })
})

inEachOrder(t, 'HTTP/2', {
  app: () => Fastify({ http2: true }) as unknown as FastifyInstance,
  plugin: (app) => app.register(compress),
  isFirst: true,
  routes: (app) => {
    app.get('/page', { config: { cachePage: {} } }, async ({ headers }) => `${LONG}for ${headers['x-tenant']}`)
  }
}, async (t, { app }) => {
  await app.listen({ port: 0 })
  const session = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  t.teardown(() => { session.close() })
  type Received = Record<string, unknown>
  const get = async (headers: Record<string, string>) => await new Promise<Received>((resolve, reject) => {
    const stream = session.request({ ':path': '/page', ...headers })
    let body = ''
    stream.setEncoding('utf8').on('error', reject).on('data', (chunk) => { body += chunk })
    stream.on('response', (head) => { stream.on('end', () => { resolve({ ...head, body }) }) })
  })
  for (const tenant of ['a', 'b']) {
    const body = `${LONG}for ${tenant}`
    t.match(await get({ 'x-tenant': tenant }), { ':status': 200, body, 'cache-status': /stored/ })
  }
  const again = await get({ 'x-tenant': 'a' })
  t.match(again, { ':status': 200, body: `${LONG}for a`, 'cache-status': /; hit/ })
  t.match(await get({ 'x-tenant': 'a', 'if-none-match': String(again.etag) }), { ':status': 304, body: '' })
  t.match(await get({ 'x-tenant': 'a', 'accept-encoding': 'gzip' }), { 'content-encoding': 'gzip' })
})
