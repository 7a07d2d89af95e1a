import t from 'tap'
import { testApp } from '../support/app.ts'
import { startRestartableRedis } from '../support/restartable-redis.ts'
import { until } from '../support/until.ts'

t.test('/cache shows the statistics without inline scripts or styles', async (t) => {
  const app = await testApp(t)
  t.match((await app.inject('/cache')).body, /No key has been read yet/)
  await app.inject('/')
  await app.inject('/')
  await app.inject('/apicalls')
  await app.inject({ method: 'DELETE', url: '/api/products/1' })
  const { statusCode, headers, body } = await app.inject('/cache')
  t.equal(statusCode, 200)
  t.equal(headers['cache-control'], 'no-store')
  for (const text of [
    'memory', 'product_objects', '33.3%', '/apicalls', 'uri-miss 1', 'Keys were deleted', '64.0 MiB', 'Loads in flight',
    'Evictions'
  ]) t.match(body, text)
  t.notMatch(body, /<script(?![^>]* src="\.\/)/)
  t.notMatch(body, /style="/)
})

t.test('/cache shows Redis, its commands, and whether the circuit is open', async (t) => {
  const redis = await startRestartableRedis(t)
  const app = await testApp(t, { REDIS_URL: redis.url })
  await app.inject('/')
  const page = async () => (await app.inject('/cache')).body.replaceAll(/\s+/g, ' ')
  for (const html of [
    '<dt>Redis</dt><dd>ready</dd>',
    '<dt>Circuit breaker</dt><dd>closed</dd>',
    'Redis commands',
    'data-label="Outcome">ok'
  ]) t.match(await page(), html)
  await redis.stop()
  await until('the circuit is open', async () => {
    await app.inject('/')
    return (await page()).includes('open, Redis is not used')
  })
  t.match((await app.inject('/metrics')).body, 'larder_redis_up 0')
  await redis.goOn()
  await until('the circuit is closed', async () => (await page()).includes('<dt>Circuit breaker</dt><dd>closed'))
})

t.test('on loopback, /cache needs the token behind a proxy and under another name only', async (t) => {
  for (const token of [undefined, 'sesame']) {
    const app = await testApp(t, token === undefined ? {} : { ADMIN_TOKEN: token })
    for (const url of ['/cache', '/cache/explain?key=product_objects', '/cache/assets/plot.js']) {
      const request = async (headers: object) => (await app.inject({ url, headers: { ...headers } })).statusCode
      t.equal(await request({ host: '127.0.0.1:3000' }), 200, url)
      for (const headers of [
        { host: 'rebound.example:3000', 'sec-fetch-site': 'same-origin' },
        { host: 'shop.example', 'x-forwarded-for': '203.0.113.9', via: '1.1 proxy' },
        { host: 'localhost', 'x-forwarded-for': '203.0.113.9' }
      ]) {
        t.equal(await request(headers), 401, url)
        t.equal(await request({ ...headers, authorization: 'Bearer sesame' }), token === undefined ? 401 : 200, url)
      }
    }
  }
})

t.test('beyond loopback, /cache and its API need the token, and errors of the API are JSON', async (t) => {
  const app = await testApp(t, { HOST: '0.0.0.0', ADMIN_TOKEN: 'sesame' })
  for (const url of ['/cache', '/cache/explain?url=/', '/cache/events']) {
    const refused = await app.inject({ url, headers: { accept: url === '/cache' ? 'text/html' : '*/*' } })
    t.equal(refused.statusCode, 401, url)
    t.equal(refused.headers['www-authenticate'], 'Basic realm="Larder", charset="UTF-8"')
    t.match(refused.headers['content-type'], url === '/cache' ? 'text/html' : 'application/json')
  }
  const authorization = 'Bearer sesame'
  t.equal((await app.inject({ url: '/cache', headers: { authorization } })).statusCode, 200)
  t.equal((await app.inject({ url: '/cache/explain?url=/', headers: { authorization } })).statusCode, 200)
  t.equal((await app.inject('/metrics')).statusCode, 200)
})

t.test('beyond loopback without ADMIN_TOKEN, /cache is closed', async (t) => {
  const app = await testApp(t, { HOST: '0.0.0.0' })
  for (const url of ['/cache', '/cache/explain?url=/', '/cache/events']) {
    t.equal((await app.inject(url)).statusCode, 401, url)
  }
})

t.test('/cache/events does not respond to HEAD', async (t) => {
  const app = await testApp(t)
  t.equal((await app.inject({ method: 'HEAD', url: '/cache/events' })).statusCode, 404)
})
