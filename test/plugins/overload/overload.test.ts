import { once } from 'node:events'
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { Overrides } from '../../../src/app.ts'
import { testApp } from '../../support/app.ts'

/** A service with a fake measurement of the event loop: `delay` ends intervals with a median in milliseconds. */
async function overloadable (t: Test, overrides: Overrides = {}) {
  let onInterval: (medianMs: number) => void
  const lines: string[] = []
  const app = await testApp(t, {}, {
    ...overrides,
    watchDelay: (listener) => {
      onInterval = listener
      return () => {}
    },
    logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line).msg) } } }
  })
  return {
    app,
    lines,
    delay: (...medians: number[]) => { for (const median of medians) onInterval(median) }
  }
}

const OVERLOAD = [500, 500, 500, 500, 500, 500] // all requests are refused

async function count503 (app: FastifyInstance, url: string, requests = 8): Promise<number> {
  let refused = 0
  for (let i = 0; i < requests; i++) if ((await app.inject(url)).statusCode === 503) refused++
  return refused
}

t.test('an overloaded service refuses what no cache can serve with 503 and Retry-After', async (t) => {
  const { app, delay } = await overloadable(t)
  delay(...OVERLOAD)
  const json = { title: 'Figs', price: '3' }
  for (const request of [
    { url: '/apicalls' }, { url: '/api/products/1' }, { url: '/products/1/edit' },
    { method: 'POST', url: '/api/products', payload: json }, { method: 'PUT', url: '/api/products/1', payload: json },
    { method: 'PATCH', url: '/api/products', payload: { where: {}, set: json } },
    { method: 'DELETE', url: '/api/products/1' }, { method: 'DELETE', url: '/api/products?id=1' }
  ] as const) {
    const { statusCode, headers, body } = await app.inject({ ...request, headers: { accept: 'application/json' } })
    const name = `${'method' in request ? request.method : 'GET'} ${request.url}`
    t.equal(statusCode, 503, name)
    t.match(headers, { 'retry-after': '5', 'cache-control': 'no-store' }, name)
    t.equal(JSON.parse(body).code, 'LARDER_OVERLOADED', name)
  }
  const page = await app.inject({ url: '/apicalls', headers: { accept: 'text/html' } })
  t.match(page.body, 'The service is overloaded. Try again in a few seconds.')
  const form = await app.inject({ method: 'POST', url: '/products', payload: 'title=a&price=1' })
  t.equal(form.statusCode, 503)
})

t.test('an overloaded service serves hits, lists, health, metrics, the dashboard and the API docs', async (t) => {
  const { app, delay } = await overloadable(t)
  t.equal((await app.inject('/apicalls')).statusCode, 200)
  delay(...OVERLOAD)
  for (const url of [
    '/apicalls', '/', '/?page=1', '/api/products', '/api/products?limit=7', '/healthz', '/readyz', '/metrics', '/cache',
    '/docs/json'
  ]) {
    t.equal((await app.inject(url)).statusCode, 200, url)
    if (url !== '/docs/json') t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 200, `HEAD ${url}`)
  }
  t.match((await app.inject('/apicalls')).headers, { 'cache-status': /hit/ })
  t.equal((await app.inject('/apicalls?miss')).statusCode, 503)
})

t.test('an overloaded service serves a stale page in place of a miss', async (t) => {
  let now = Date.now()
  const { app, delay } = await overloadable(t, { now: () => now })
  const { body } = await app.inject('/apicalls')
  now += 301_000
  delay(...OVERLOAD)
  const page = await app.inject('/apicalls')
  t.equal(page.statusCode, 200)
  t.equal(page.headers['cache-status'], 'larder; fwd=stale; ttl=-1; detail=stale-if-error')
  t.equal(page.body, body)
})

t.test('after a refusal, a connection serves the next request, however the refused body was sent', async (t) => {
  const { app, delay } = await overloadable(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const send = async (path: string, chunks: string[], headers: OutgoingHttpHeaders) => {
    const sent = request({ port, path, agent, method: chunks.length > 0 ? 'POST' : 'GET', headers })
    for (const chunk of chunks) sent.write(chunk)
    sent.end()
    const [response] = await once(sent, 'response') as [IncomingMessage]
    await response.resume().toArray()
    return { status: response.statusCode, localPort: sent.socket!.localPort }
  }
  const chunks = Array.from({ length: 20 }, () => 'x'.repeat(50_000))
  const type = { 'content-type': 'application/json' }
  delay(...OVERLOAD)
  const first = await send('/healthz', [], {})
  for (const headers of [{ ...type, 'content-length': 1_000_000 }, type]) {
    t.equal((await send('/api/products', chunks, headers)).status, 503)
    t.same(await send('/healthz', [], {}), { status: 200, localPort: first.localPort }, 'on the same connection')
  }
})

t.test('the share of refused requests grows and falls by a quarter in each interval', async (t) => {
  const { app, delay, lines } = await overloadable(t)
  const url = '/api/products/1'
  const warnings = () => lines.filter((line) => line.includes('overloaded:'))
  delay(500, 500)
  t.equal(await count503(app, url), 0, 'two intervals refuse nothing')
  t.same(warnings(), [])
  for (const [median, refused] of [
    [500, 2], [600, 4], [500, 6], [500, 8], [9_000, 8], [499, 6], [20, 4], [500, 6], [20, 4], [20, 2], [20, 0], [20, 0],
    [500, 0], [500, 0], [20, 0], [500, 0], [500, 0], [500, 2]
  ] as const) {
    delay(median)
    t.equal(await count503(app, url), refused)
  }
  t.same(warnings(), [
    'the event loop is overloaded: a part of the requests that no cache can serve is refused',
    'the event loop is no longer overloaded: all requests are served',
    'the event loop is overloaded: a part of the requests that no cache can serve is refused'
  ])
  t.notOk(lines.includes('request failed'), 'a refusal is no error in the log')
})

t.test('one long block of the event loop refuses nothing', async (t) => {
  const { app, delay } = await overloadable(t)
  for (let i = 0; i < 5; i++) {
    delay(30_000, 21)
    t.equal(await count503(app, '/api/products/1', 4), 0)
  }
})
