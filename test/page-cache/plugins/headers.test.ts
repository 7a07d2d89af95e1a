import cors from '@fastify/cors'
import etag from '@fastify/etag'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import t from 'tap'
import { until } from '../../support/until.ts'
import { declarePage, inEachOrder } from './orders.ts'

/* Plugins that set headers, or refuse requests. */

inEachOrder(t, '@fastify/cors with several origins: each client gets its own', {
  plugin: (app) => app.register(cors, { origin: ['https://a.example', 'https://b.example'], credentials: true }),
  routes: declarePage
}, async (t, { get }) => {
  const first = await get('/page', { origin: 'https://a.example' })
  t.match(first, { status: /stored/, headers: { 'access-control-allow-origin': 'https://a.example', vary: /origin/i } })
  for (const origin of ['https://b.example', 'https://a.example', 'https://b.example']) {
    t.match(await get('/page', { origin }), {
      headers: { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: /origin/i }
    })
  }
  t.match(await get('/page', { origin: 'https://a.example' }), { status: /^hit/ })
  for (let i = 0; i < 2; i++) {
    t.notOk((await get('/page', { origin: 'https://evil.example' })).headers['access-control-allow-origin'])
    t.notOk((await get()).headers['access-control-allow-origin'])
  }
  t.match(await get(), { status: /^hit/ })
  t.match(await get('/page', { origin: 'https://a.example', 'access-control-request-method': 'GET' }, {
    method: 'OPTIONS'
  }), { statusCode: 204, headers: { 'access-control-allow-origin': 'https://a.example' } })
})

inEachOrder(t, '@fastify/cors for any origin: clients share a page if the route ignores the header', {
  plugin: (app) => app.register(cors),
  routes: declarePage,
  options: { ignoreHeaders: ['origin'] }
}, async (t, { get }) => {
  await get('/page', { origin: 'https://a.example' })
  t.match(await get('/page', { origin: 'https://b.example' }), {
    body: 'call 1', status: /^hit/, headers: { 'access-control-allow-origin': '*' }
  })
})

inEachOrder(t, '@fastify/etag leaves the validators of pages alone, and a hit answers 304', {
  plugin: (app) => app.register(etag),
  routes: declarePage
}, async (t, { get }) => {
  const { headers: { etag } } = await get()
  t.type(etag, 'string')
  t.match(await get(), { status: /^hit/, headers: { etag } })
  t.match(await get('/page', { 'if-none-match': String(etag) }), { statusCode: 304, body: '', status: /^hit/ })
})

const NONCE = /nonce-(\w+)/

inEachOrder(t, '@fastify/helmet with nonces: the nonce of a header is always that of the body', {
  plugin: (app) => app.register(helmet, { enableCSPNonces: true }),
  routes: (app) => {
    app.get('/page', { config: { cachePage: {} } }, async (_request, reply) =>
      reply.type('text/html').send(`<script nonce="${reply.cspNonce.script}"></script>`))
    app.get('/plain', { config: { cachePage: {} } }, async () => 'plain')
  }
}, async (t, { get }) => {
  for (let i = 0; i < 3; i++) {
    const { body, headers, status } = await get()
    t.match(body, NONCE.exec(String(headers['content-security-policy']))![1]!, status)
    t.equal(headers['x-frame-options'], 'SAMEORIGIN')
  }
  await get('/plain')
  t.match(await get('/plain'), { status: /^hit/, headers: { 'x-frame-options': 'SAMEORIGIN' } })
})

inEachOrder(t, '@fastify/rate-limit counts hits, refuses too many, and each client sees its own count', {
  plugin: (app) => app.register(rateLimit, { max: 3 }),
  routes: declarePage,
  isFirst: true,
  options: { ignoreAddress: true }
}, async (t, { get }) => {
  const from = async (remoteAddress: string) => await get('/page', {}, { remoteAddress })
  for (const remaining of ['2', '1', '0']) {
    t.match(await from('10.0.0.1'), { statusCode: 200, headers: { 'x-ratelimit-remaining': remaining } })
  }
  const refused = await from('10.0.0.1')
  t.match(refused, { statusCode: 429, headers: { 'x-ratelimit-remaining': '0' } })
  t.match(await from('10.0.0.2'), { body: 'call 1', status: /^hit/, headers: { 'x-ratelimit-remaining': '2' } })
})

inEachOrder(t, '@fastify/under-pressure refuses hits too, and no refusal is stored', {
  plugin: (app) => app.register(underPressure, {
    healthCheck: async () => !Reflect.has(app, 'isIll'), healthCheckInterval: 5
  }),
  routes: declarePage
}, async (t, { app, get }) => {
  t.match(await get(), { body: 'call 1', status: /stored/ })
  t.match(await get(), { body: 'call 1', status: /^hit/ })
  Object.assign(app, { isIll: true })
  await until('the health check fails', async () => (await get()).statusCode === 503)
  t.match((await get()).headers, { 'retry-after': /^\d+$/ })
  Reflect.deleteProperty(app, 'isIll')
  await until('the health check succeeds', async () => (await get()).statusCode === 200)
  t.match(await get(), { body: 'call 1', status: /^hit/ })
})
