import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createHttpbin } from '../../src/apicalls/httpbin.ts'
import { startFakeHttpbin } from '../../src/apicalls/fake-httpbin.ts'
import { freePort } from '../support/redis.ts'

/** Starts an upstream with this request handler. Returns its URL. */
async function startUpstream (t: Test, handler: RequestListener): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function client (t: Test, url: string, graceMs?: number) {
  const httpbin = createHttpbin(url, graceMs)
  t.teardown(() => httpbin.close())
  return httpbin
}

t.test('delay() requests /delay/<seconds> below the path of the URL', async (t) => {
  const requests: string[] = []
  const url = await startUpstream(t, (request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.accept}`)
    response.end('{}')
  })
  await client(t, url).delay(2)
  await client(t, `${url}/some/where`).delay(0.5)
  await client(t, `${url}/else/?x=1`).delay(0)
  await client(t, url).delay(0.00051)
  t.same(requests, [
    'GET /delay/2 application/json',
    'GET /some/where/delay/0.5 application/json',
    'GET /else/delay/0 application/json',
    'GET /delay/0.00051 application/json'
  ])
})

t.test('a status other than 200 is a 502', async (t) => {
  for (const status of [204, 302, 404, 500]) {
    const url = await startUpstream(t, (_request, response) => { response.writeHead(status).end() })
    const message = `The upstream service responded with status ${status}.`
    await t.rejects(client(t, url).delay(0), { statusCode: 502, message })
  }
})

t.test('a refused or broken connection is a 502', async (t) => {
  const unreachable = client(t, `http://127.0.0.1:${await freePort()}`)
  await t.rejects(unreachable.delay(0), { statusCode: 502, message: 'The upstream service could not be reached.' })
  const cut = await startUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('begin')
    setImmediate(() => response.destroy())
  })
  await t.rejects(client(t, cut).delay(0), { code: 'LARDER_UPSTREAM' })
})

t.test('a late response is a 504', async (t) => {
  const silent = await startUpstream(t, () => {})
  const message = 'The upstream service did not respond within 0.05 s.'
  await t.rejects(client(t, silent, 50).delay(0), { statusCode: 504, message })
  const stalled = await startUpstream(t, (_request, response) => { response.writeHead(200).write('begin') })
  await t.rejects(client(t, stalled, 50).delay(0), { code: 'LARDER_UPSTREAM_TIMEOUT' })
})

t.test('a request that waits too long for a connection is a 503, and the upstream never receives it', async (t) => {
  let requests = 0
  const silent = await startUpstream(t, () => { requests++ })
  const httpbin = client(t, silent, 200)
  const results = await Promise.allSettled(Array.from({ length: 31 }, () => httpbin.delay(0.2)))
  const codes = results.map((result) => result.status === 'rejected' ? result.reason.code : 'none')
  t.equal(requests, 10, 'one for each connection')
  t.equal(codes.filter((code) => code === 'LARDER_UPSTREAM_TIMEOUT').length, 10)
  t.equal(codes.filter((code) => code === 'LARDER_UPSTREAM_BUSY').length, 21)
  t.match(results.at(-1), { reason: { statusCode: 503, message: 'has not received this one within 0.2 s.' } })
})

t.test('a request that has waited for a connection gets all the time of its own', async (t) => {
  const url = await startUpstream(t, (_request, response) => { setTimeout(() => response.end('{}'), 60) })
  const httpbin = client(t, url, 1_000)
  await Promise.all(Array.from({ length: 21 }, () => httpbin.delay(0)))
  t.pass('all of them were answered')
})

t.test('an endless response is cut off', async (t) => {
  const url = await startUpstream(t, (_request, response) => {
    const more = () => { while (!response.destroyed && response.write('x'.repeat(65_536))); }
    response.writeHead(200).on('drain', more)
    more()
  })
  await t.rejects(client(t, url).delay(0), { code: 'LARDER_UPSTREAM' })
})

t.test('the fake httpbin listens on loopback and responds after the delay', async (t) => {
  const fake = await startFakeHttpbin()
  t.teardown(() => fake.close())
  t.match(fake.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const began = performance.now()
  const response = await fetch(`${fake.url}/delay/0.05`)
  t.ok(performance.now() - began >= 49)
  t.same(await response.json(), { url: '/delay/0.05', delay: 0.05 })
  for (const delay of ['-1', '11', 'abc']) t.equal((await fetch(`${fake.url}/delay/${delay}`)).status, 400, delay)
})
