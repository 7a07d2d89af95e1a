import t from 'tap'
import { testApp } from '../../support/app.ts'
import { startRestartableRedis } from '../../support/restartable-redis.ts'
import { until } from '../../support/until.ts'

t.test('the page shows what the caches did, with no script of its own', async (t) => {
  const app = await testApp(t)
  t.match((await app.inject('/cache')).body, /No key has been asked for yet/)
  await app.inject('/')
  await app.inject('/')
  await app.inject('/apicalls')
  await app.inject({ method: 'DELETE', url: '/api/products/1' })
  const { statusCode, headers, body } = await app.inject('/cache')
  t.equal(statusCode, 200)
  t.match(headers['cache-control'], 'no-cache')
  for (const word of ['memory', 'product_objects', '33.3%', '/apicalls', 'uri-miss 1', 'Keys were deleted', '64.0 MiB', 'Loads in flight', 'Evictions']) t.match(body, word)
  t.notMatch(body, /<script(?![^>]* src="\/)/)
  t.notMatch(body, /style="/)
})

t.test('the page shows Redis, its commands, and the state of the circuit breaker', async (t) => {
  const redis = await startRestartableRedis(t)
  const app = await testApp(t, { REDIS_URL: redis.url })
  await app.inject('/')
  const page = async () => (await app.inject('/cache')).body.replaceAll(/\s+/g, ' ')
  t.match(await page(), /<dt>Redis<\/dt><dd>ready<\/dd>.*closed, Redis is asked.*Commands to Redis.*<td class="text" data-label="Ended">ok/)
  await redis.stop()
  await until('the breaker is open', async () => {
    await app.inject('/')
    return (await page()).includes('open, Redis is not asked')
  })
  t.match((await app.inject('/metrics')).body, 'larder_redis_up 0')
  await redis.goOn()
  await until('it is closed', async () => (await page()).includes('closed, Redis is asked'))
})

t.test('beyond loopback the page and all below it want the token, and errors below it are JSON', async (t) => {
  const app = await testApp(t, { HOST: '0.0.0.0', ADMIN_TOKEN: 'sesame' })
  for (const url of ['/cache', '/cache/explain?url=/', '/cache/events']) {
    const refused = await app.inject(url)
    t.equal(refused.statusCode, 401, url)
    t.equal(refused.headers['www-authenticate'], 'Basic realm="Larder"')
    t.match(refused.headers['content-type'], url === '/cache' ? 'text/html' : 'application/json')
  }
  const authorization = 'Bearer sesame'
  t.equal((await app.inject({ url: '/cache', headers: { authorization } })).statusCode, 200)
  t.equal((await app.inject({ url: '/cache/explain?url=/', headers: { authorization } })).statusCode, 200)
  t.equal((await app.inject('/metrics')).statusCode, 200)
})

t.test('beyond loopback without a token nobody sees it', async (t) => {
  const app = await testApp(t, { HOST: '0.0.0.0' })
  for (const url of ['/cache', '/cache/explain?url=/', '/cache/events']) t.equal((await app.inject(url)).statusCode, 401, url)
})

t.test('what asks for anything but events is told so', async (t) => {
  const app = await testApp(t)
  t.equal((await app.inject({ url: '/cache/events', headers: { accept: 'text/html' } })).statusCode, 406)
  t.equal((await app.inject({ method: 'HEAD', url: '/cache/events' })).statusCode, 404)
})
