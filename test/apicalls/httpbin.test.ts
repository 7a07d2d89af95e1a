import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createHttpbin } from '../../src/apicalls/httpbin.ts'
import { startFakeHttpbin } from '../../src/apicalls/fake-httpbin.ts'
import { freePort } from '../support/redis.ts'

/** An upstream that answers as told. */
async function upstream (t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
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

t.test('asks for the delay, below the path of the URL', async (t) => {
  const asked: string[] = []
  const url = await upstream(t, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.accept}`)
    response.end('{}')
  })
  await client(t, url).delay(2)
  await client(t, `${url}/some/where`).delay(0.5)
  await client(t, `${url}/else/?x=1`).delay(0)
  await client(t, url).delay(0.00051)
  t.same(asked, ['GET /delay/2 application/json', 'GET /some/where/delay/0.5 application/json', 'GET /else/delay/0 application/json', 'GET /delay/0.00051 application/json'])
})

t.test('a status other than 200 is a bad gateway', async (t) => {
  for (const status of [204, 302, 404, 500]) {
    const url = await upstream(t, (_request, response) => { response.writeHead(status).end() })
    await t.rejects(client(t, url).delay(0), { statusCode: 502, message: `The upstream service responded with status ${status}.` })
  }
})

t.test('nobody there, or gone in the middle, is a bad gateway', async (t) => {
  await t.rejects(client(t, `http://127.0.0.1:${await freePort()}`).delay(0), { statusCode: 502, message: 'The upstream service could not be reached.' })
  const cut = await upstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('begin')
    setImmediate(() => response.destroy())
  })
  await t.rejects(client(t, cut).delay(0), { code: 'LARDER_UPSTREAM' })
})

t.test('an answer that is too late is a gateway timeout', async (t) => {
  const silent = await upstream(t, () => {})
  await t.rejects(client(t, silent, 50).delay(0), { statusCode: 504, message: 'The upstream service did not respond within 0.05 s.' })
  const stalled = await upstream(t, (_request, response) => { response.writeHead(200).write('begin') })
  await t.rejects(client(t, stalled, 50).delay(0), { code: 'LARDER_UPSTREAM_TIMEOUT' })
})

t.test('an endless answer ends', async (t) => {
  const url = await upstream(t, (_request, response) => {
    const more = () => { while (!response.destroyed && response.write('x'.repeat(65_536))); }
    response.writeHead(200).on('drain', more)
    more()
  })
  await t.rejects(client(t, url).delay(0), { code: 'LARDER_UPSTREAM' })
})

t.test('the stand-in is a server on loopback that takes its time', async (t) => {
  const standIn = await startFakeHttpbin()
  t.teardown(() => standIn.close())
  t.match(standIn.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const began = performance.now()
  const answer = await fetch(`${standIn.url}/delay/0.05`)
  t.ok(performance.now() - began >= 49)
  t.same(await answer.json(), { url: '/delay/0.05', delay: 0.05 })
  for (const delay of ['-1', '11', 'abc']) t.equal((await fetch(`${standIn.url}/delay/${delay}`)).status, 400, delay)
})
