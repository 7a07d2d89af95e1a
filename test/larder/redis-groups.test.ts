import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import larder from '../../src/larder/index.ts'
import { connectRedis } from '../../src/larder/redis.ts'
import { testApp } from '../support/app.ts'
import { sendRequest } from '../support/create-test-app.ts'
import { freePort } from '../support/redis.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { until } from '../support/until.ts'

function createApp (t: Test, redis: string): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(larder, { redis, ttl: 60 })
  app.get('/shared', async () => String(await app.larder.get('shared')))
  app.get('/page', { config: { cachePage: {} } }, async () => 'a page')
  return app
}

/**
 * Two applications share what one has stored, and the service shows that it is connected.
 *
 * @param found what its log says was found
 */
async function share (t: Test, url: string, found: RegExp): Promise<void> {
  const [first, second] = [createApp(t, url), createApp(t, url)]
  // An application does not wait for Redis: until it is connected, its pages are not shared. So each try has its own.
  let page = 0
  await until('a page of one is a hit of the other', async () => {
    page++
    await sendRequest(first, { url: `/page?${page}` })
    return (await sendRequest(second, { url: `/page?${page}` })).status.includes('hit')
  })
  const lines: string[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line).msg) } }
  const service = await testApp(t, { REDIS_URL: url }, { logger: { level: 'info', stream } })
  t.match(lines.find((line) => line.startsWith('Sharing the cache')), found)
  t.match((await service.inject('/cache')).body, /<dt>Redis<\/dt><dd>ready<\/dd>/)
}

t.test('with the URL of a cluster, processes share what is cached', async (t) => {
  const { nodes: [a, b] } = await startRedisCluster(t, 2)
  const addresses = `127.0.0.1:${a!.port},127.0.0.1:${b!.port}`
  await share(t, `redis-cluster://${addresses}`,
    new RegExp(`Redis [0-9.]+ Cluster with 2 masters and 0 replicas, found at ${addresses.replace(',', ', ')}$`))
})

t.test('with the URL of sentinels, processes share what is cached, also after a failover', async (t) => {
  const { name, sentinels, failOver, master, second } = await startRedisSentinel(t)
  const url = `redis-sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join()}/1?master=${name}`
  const { port } = await master()
  await share(t, url,
    new RegExp(`at 127\\.0\\.0\\.1:${port}, which the sentinels .* call the master ${name}, database 1$`))
  await failOver()
  await until('the replica is the master', async () => await master() === second)
  const app = createApp(t, url)
  await app.ready()
  await until('processes share it again', async () => {
    await app.larder.set('shared', 1)
    return await createApp(t, url).inject('/shared').then(({ body }) => body === '1')
  })
})

t.test('the start does not wait for a cluster or sentinels that are down, and the log says why', async (t) => {
  for (const url of [
    `redis-cluster://127.0.0.1:${await freePort()}`, `redis-sentinel://127.0.0.1:${await freePort()}?master=shop`
  ]) {
    const lines: Array<{ msg: string, err: { message: string } }> = []
    const app = Fastify({ logger: { level: 'warn', stream: { write: (line) => { lines.push(JSON.parse(line)) } } } })
    t.teardown(() => app.close())
    app.register(larder, { redis: url })
    await app.ready()
    await app.larder.set('a', 1)
    t.equal(await app.larder.get('a'), 1)
    await until('the outage is logged', async () => {
      await app.larder.set('a', 1)
      return lines.length > 0
    })
    t.match(lines[0], { msg: 'Redis is unavailable: circuit open, continuing without it', err: { message: /./ } })
    await app.close()
  }
})

t.test('user and password of a URL are those of the servers, not of the sentinels', async (t) => {
  const connect = async (url: string) => {
    const client = await connectRedis(url, (close) => { t.teardown(close) })
    return client.options
  }
  const [login, port] = [{ username: 'me', password: 'secret' }, await freePort()]
  t.match(await connect(`redis-sentinel://me:secret@127.0.0.1:${port}?master=shop`), login)
  t.match(await connect(`redis-cluster://me:secret@127.0.0.1:${port}`), { redisOptions: login })
})

t.test('connectRedis rejects a URL with options of ioredis, and does not show its password', async (t) => {
  for (const url of ['redis://:s3cret@127.0.0.1?commandTimeout=60000', 'redis://:s3cret%@127.0.0.1', '/run/redis.sock']) {
    await t.rejects(connectRedis(url, () => t.fail('a client was made')), {
      code: 'FST_ERR_LARDER_OPTION', message: 'The URL of Redis must be one such as redis://host:6379.'
    })
  }
})
