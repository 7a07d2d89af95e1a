import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { testApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { startRedis } from '../support/redis.ts'

const redis = await startRedis(t)

for (const [store, env] of Object.entries({ memory: {}, redis: { REDIS_URL: redis.url } })) {
  t.test(`the page waits once, then comes from ${store} until CACHE_TTL passes`, async (t) => {
    const clock = fakeClock()
    const app = await testApp(t, { ...env, CACHE_TTL: '60', HTTPBIN_DELAY: '0.05' }, { now: clock.now })
    const cold = await app.inject('/apicalls')
    t.equal(cold.statusCode, 200)
    t.match(cold.body, /Results received!/)
    t.match(cold.body, '2026-01-01T00:00:00.000Z')
    const [, madeIn] = /<data id="made" value="([\d.]+)">\d+ ms</.exec(cold.body)!
    t.ok(Number(madeIn) >= 49 && Number(madeIn) < 10_000, `says that it took ${madeIn} ms to make`)
    t.match(cold.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'max-age=60', 'cache-status': 'larder; fwd=uri-miss; stored; ttl=60' })

    clock.advance(59)
    const warm = await app.inject('/apicalls')
    t.equal(warm.body, cold.body)
    t.match(warm.headers, { 'cache-control': 'max-age=1', age: '59', 'cache-status': 'larder; hit; ttl=1', etag: cold.headers.etag as string })

    clock.advance(1)
    const over = await app.inject('/apicalls')
    t.match(over.body, '2026-01-01T00:01:00.000Z')
    t.match(over.headers['cache-status'], 'stored')
  })
}

/** An upstream that answers with a status that can be changed. */
async function startUpstream (t: Test) {
  const upstream = { status: 200, url: '', calls: 0 }
  const server = createServer((_request, response) => {
    upstream.calls++
    response.writeHead(upstream.status).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return upstream
}

t.test('an upstream that fails costs freshness, not the page', async (t) => {
  const upstream = await startUpstream(t)
  const clock = fakeClock()
  const app = await testApp(t, { HTTPBIN_URL: upstream.url, CACHE_TTL: '60' }, { now: clock.now })
  const { body } = await app.inject('/apicalls')
  upstream.status = 500
  clock.advance(61)
  const old = await app.inject('/apicalls')
  t.match(old, { statusCode: 200, body })
  t.match(old.headers, { age: '61', 'cache-control': 'max-age=0', 'cache-status': 'larder; fwd=stale; ttl=-1; detail=stale-if-error' })
  t.match(await app.inject('/apicalls'), { statusCode: 200, body, headers: { 'cache-status': 'larder; hit; ttl=-1; detail=stale-if-error' } })
  t.equal(upstream.calls, 2, 'it is left alone for a moment')
  upstream.status = 200
  clock.advance(1)
  t.match((await app.inject('/apicalls')).headers, { 'cache-status': 'larder; fwd=stale; stored; ttl=60' })
  clock.advance(60 + 24 * 3600)
  upstream.status = 500
  t.equal((await app.inject('/apicalls')).statusCode, 502, 'not for ever')
})

t.test('an upstream that fails gives a page that says so, and that nobody keeps', async (t) => {
  const upstream = await startUpstream(t)
  upstream.status = 503
  const app = await testApp(t, { HTTPBIN_URL: upstream.url })

  const failed = await app.inject('/apicalls')
  t.equal(failed.statusCode, 502)
  t.match(failed.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'cache-status': 'larder; fwd=uri-miss; detail=status-502' })
  t.match(failed.body, 'The upstream service responded with status 503.')
  const asJson = await app.inject({ url: '/apicalls', headers: { accept: 'application/json' } })
  t.same(asJson.json(), { statusCode: 502, code: 'LARDER_UPSTREAM', error: 'Bad Gateway', message: 'The upstream service responded with status 503.' })

  upstream.status = 200
  const back = await app.inject('/apicalls')
  t.equal(back.statusCode, 200)
  t.match(back.body, /127\.0\.0\.1/, 'names who was asked')
})
