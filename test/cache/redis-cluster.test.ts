import { Cluster, Redis } from 'ioredis'
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createCache, redisStore } from '../../src/cache/index.ts'
import { freePort, startRedis } from '../support/redis.ts'

const major = Number(/v=(\d+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1])

t.test('over a cluster of two', { skip: major < 7 && 'redis-server older than 7' }, async (t) => {
  // The port that a node would choose to talk to the others may be taken, or too high.
  const buses = [await freePort(), await freePort()]
  const nodes = await Promise.all(buses.map((bus) => startRedis(t, '--cluster-enabled', 'yes', '--cluster-port', String(bus))))
  const clients = nodes.map(({ url }) => new Redis(url))
  const [first, second] = clients as [Redis, Redis]
  t.teardown(() => clients.forEach((client) => client.disconnect()))
  await first.cluster('ADDSLOTSRANGE', 0, 8191)
  await second.cluster('ADDSLOTSRANGE', 8192, 16383)
  await second.call('CLUSTER', 'SET-CONFIG-EPOCH', 2)
  await first.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[1]!.port), String(buses[1]))
  const isReady = async (client: Redis) => /cluster_state:ok[^]*cluster_slots_ok:16384/.test(await client.cluster('INFO'))
  while (!(await isReady(first) && await isReady(second))) await sleep(20)

  const client = new Cluster([{ host: '127.0.0.1', port: nodes[0]!.port }])
  t.teardown(() => client.disconnect())
  const cache = createCache({ store: redisStore({ client }) })
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`)
  const foundOn = async (node: Redis) => (await node.keys('larder:*')).length

  t.test('entries are spread, and every verb finds its own', async (t) => {
    await cache.setMany(keys.map((key, i) => [key, i]))
    t.equal(await foundOn(first) + await foundOn(second), 50)
    t.ok(await foundOn(first) > 0 && await foundOn(second) > 0)
    t.strictSame([...(await cache.getMany(keys)).values()], keys.map((_, i) => i))
    t.equal(await cache.add('key 1', 'new'), false)
    t.equal(await cache.increment('key 2', 40), 42)
    t.equal(await cache.touch('key 3', null), true)
    t.equal(await cache.deleteMany(['key 4', 'key 5', 'key 6', 'missing']), 3)
  })

  t.test('tags are invalidated together, wherever they and their entries are', async (t) => {
    const tags = ['a', 'b', 'c', 'd', 'e']
    await cache.set('many', 1, { tags })
    for (const tag of tags) await cache.set(tag, tag, { tags: [tag] })
    t.equal((await cache.getMany(['many', ...tags])).size, 6)
    await cache.invalidateTags(['a', 'b'])
    t.strictSame([...(await cache.getMany(['many', ...tags])).keys()], ['c', 'd', 'e'])
  })

  t.test('clear asks every node', async (t) => {
    await client.set('foreign', 1)
    await cache.setMany(keys.map((key, i) => [key, i]))
    await cache.clear()
    t.equal(await foundOn(first) + await foundOn(second), 0)
    t.equal(await client.get('foreign'), '1')
  })
})
