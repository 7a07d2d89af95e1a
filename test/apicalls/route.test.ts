import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { testApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'
import { startRedis } from '../support/redis.ts'

const redis = await startRedis(t)

for (const [store, env] of Object.entries({ memory: {}, redis: { REDIS_URL: redis.url } })) {
  t.test(`/apicalls waits once, then is a hit in the ${store} store until CACHE_TTL passes`, async (t) => {
    const clock = fakeClock()
    const app = await testApp(t, { ...env, CACHE_TTL: '60', HTTPBIN_DELAY: '0.05' }, { now: clock.now })
    const cold = await app.inject('/apicalls')
    t.equal(cold.statusCode, 200)
    t.match(cold.body, /Results received!/)
    t.match(cold.body, '2026-01-01T00:00:00.000Z')
    const [, madeIn] = /<data id="made" value="([\d.]+)">\d+ ms</.exec(cold.body)!
    t.ok(Number(madeIn) >= 49 && Number(madeIn) < 10_000, `shows that it took ${madeIn} ms`)
    t.match(cold.headers, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'max-age=60',
      'cache-status': 'larder; fwd=uri-miss; stored; ttl=60'
    })

    clock.advance(59)
    const warm = await app.inject('/apicalls')
    t.equal(warm.body, cold.body)
    t.match(warm.headers, {
      'cache-control': 'max-age=1',
      age: '59',
      'cache-status': 'larder; hit; ttl=1',
      etag: cold.headers.etag as string
    })

    clock.advance(1)
    const expired = await app.inject('/apicalls')
    t.match(expired.body, '2026-01-01T00:01:00.000Z')
    t.match(expired.headers['cache-status'], 'stored')
  })
}

/** Starts an upstream whose status can be changed. */
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

t.test('/apicalls serves the stale page while the upstream fails', async (t) => {
  const upstream = await startUpstream(t)
  const clock = fakeClock()
  const app = await testApp(t, { HTTPBIN_URL: upstream.url, CACHE_TTL: '60' }, { now: clock.now })
  const { body } = await app.inject('/apicalls')
  upstream.status = 500
  clock.advance(61)
  const stale = await app.inject('/apicalls')
  t.match(stale, { statusCode: 200, body })
  t.match(stale.headers, {
    age: '61',
    'cache-control': 'max-age=0',
    'cache-status': 'larder; fwd=stale; ttl=-1; detail=stale-if-error'
  })
  const again = await app.inject('/apicalls')
  t.match(again, { statusCode: 200, body })
  t.equal(again.headers['cache-status'], 'larder; hit; ttl=-1; detail=stale-if-error')
  t.equal(upstream.calls, 2, 'the upstream is not requested again at once')
  upstream.status = 200
  clock.advance(1)
  t.match((await app.inject('/apicalls')).headers, { 'cache-status': 'larder; fwd=stale; stored; ttl=60' })
  clock.advance(60 + 24 * 3600)
  upstream.status = 500
  t.equal((await app.inject('/apicalls')).statusCode, 502, 'not after staleIfError')
})

t.test('/apicalls responds with an error page that is not stored if the upstream fails', async (t) => {
  const upstream = await startUpstream(t)
  upstream.status = 503
  const app = await testApp(t, { HTTPBIN_URL: upstream.url })

  const failed = await app.inject('/apicalls')
  t.equal(failed.statusCode, 502)
  t.match(failed.headers, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'cache-status': 'larder; fwd=uri-miss; detail=status-502'
  })
  t.match(failed.body, 'The upstream service responded with status 503.')
  const asJson = await app.inject({ url: '/apicalls', headers: { accept: 'application/json' } })
  t.same(asJson.json(), {
    statusCode: 502,
    code: 'LARDER_UPSTREAM',
    error: 'Bad Gateway',
    message: 'The upstream service responded with status 503.'
  })

  upstream.status = 200
  const recovered = await app.inject('/apicalls')
  t.equal(recovered.statusCode, 200)
  t.match(recovered.body, /127\.0\.0\.1/, 'names the upstream')
})
