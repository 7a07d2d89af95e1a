import { execFileSync } from 'node:child_process'
import t from 'tap'
import { createCache } from '../../../../src/cache/index.ts'
import { startRedisCluster } from '../../../support/redis-cluster.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

const major = Number(/v=(\d+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1])

t.test('a Redis Cluster of three nodes', { skip: major < 7 && 'redis-server older than 7' }, async (t) => {
  const { client, masters } = await startRedisCluster(t, 3)
  const cache = createCache({ store: patientRedisStore({ client }) })
  t.teardown(() => cache.close())
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`)
  const tags = ['a', 'b', 'c', 'd', 'e']
  const countPerNode = () => Promise.all(masters.map(async (master) => (await master.keys('larder:*')).length))
  const sum = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0)
  const all = keys.map((key, i) => [key, i] as const)
  t.beforeEach(() => cache.clear())

  t.test('entries are stored on all nodes', async (t) => {
    await cache.setMany(all)
    const counts = await countPerNode()
    t.equal(sum(counts), 50)
    t.ok(counts.every((count) => count > 0), counts.join())
  })

  t.test('every verb works with keys of all nodes', async (t) => {
    t.strictSame(await Promise.all(keys.map((key) => cache.get(key))), keys.map(() => undefined))
    await cache.setMany(all)
    t.strictSame(await cache.getMany([...keys, 'missing']), new Map(all))
    t.strictSame(await Promise.all(keys.map((key) => cache.add(key, 'new'))), keys.map(() => false))
    t.strictSame(await Promise.all(keys.map((key) => cache.increment(key, 100))), all.map(([, i]) => i + 100))
    t.strictSame(await Promise.all(keys.map((key) => cache.touch(key, null))), keys.map(() => true))
    t.strictSame(await Promise.all(keys.map((key) => cache.ttl(key))), keys.map(() => null))
    t.equal(await cache.delete('key 1'), true)
    t.equal(await cache.deleteMany([...keys, 'missing']), 49)
    t.strictSame(await Promise.all(keys.map((key) => cache.add(key, 'new'))), keys.map(() => true))
    t.equal(sum(await countPerNode()), 50)
  })

  t.test('getOrSet() loads each key once', async (t) => {
    let loads = 0
    const load = (i: number) => () => { loads++; return i }
    for (let round = 0; round < 2; round++) {
      const results = all.flatMap(([key, i]) => [cache.getOrSet(key, load(i)), cache.getOrSet(key, load(i))])
      t.strictSame(await Promise.all(results), all.flatMap(([, i]) => [i, i]))
      t.equal(loads, 50)
    }
  })

  t.test('getOrSet() of two processes loads each key once', async (t) => {
    const other = createCache({ store: patientRedisStore({ client }) })
    t.teardown(() => other.close())
    let loads = 0
    const load = async (i: number) => { loads++; return i }
    const results = all.flatMap(([key, i]) =>
      [cache, other].map((cache) => cache.getOrSet(key, () => load(i), { tags })))
    t.strictSame(await Promise.all(results), all.flatMap(([, i]) => [i, i]))
    t.equal(loads, 50)
    t.strictSame(await Promise.all(keys.map((key) => other.get(key))), all.map(([, i]) => i))
  })

  t.test('invalidateTags() works with entries of all nodes', async (t) => {
    await cache.set('many', 1, { tags })
    for (const tag of tags) await cache.set(tag, tag, { tags: [tag] })
    t.equal(await cache.getOrSet('loaded', () => 'old', { tags }), 'old')
    t.equal((await cache.getMany(['many', 'loaded', ...tags])).size, 7)
    await cache.invalidateTags(['a', 'b'])
    t.strictSame([...(await cache.getMany(['many', 'loaded', ...tags])).keys()], ['c', 'd', 'e'])
    t.equal(await cache.getOrSet('loaded', () => 'new', { tags }), 'new')
    t.equal(await cache.increment('many'), 1, 'an invalidated counter starts anew')
    t.equal(await cache.add('a', 'new'), true)
  })

  t.test('deleteMatching() deletes from all nodes, and returns the sum', async (t) => {
    await cache.setMany(all.slice(0, 30), { tags: ['a', 'b'] })
    await cache.setMany(all.slice(30), { tags: ['c'] })
    await cache.setMany(all.map(([key, i]) => [`other ${key}`, i]))
    t.equal(await cache.deleteMatching({ prefix: 'key ', tags: ['b'] }), 30)
    t.equal(sum(await countPerNode()), 70)
    t.equal(await cache.deleteMatching({ prefix: 'key ' }), 20)
    t.strictSame((await cache.getMany(keys.map((key) => `other ${key}`))).size, 50)
    t.equal(await cache.deleteMatching(), 50)
    t.equal(sum(await countPerNode()), 0)
  })

  t.test('entries() and the clear() of a namespace reach all nodes', async (t) => {
    const v2 = cache.namespace('v2')
    await cache.setMany(all)
    await v2.setMany(all)
    const found = new Map<string, number>()
    for await (const [key, value] of v2.entries<number>()) found.set(key, value)
    t.strictSame([...found].sort(), [...all].sort())
    await v2.clear()
    t.strictSame((await v2.getMany(keys)).size, 0)
    t.equal(sum(await countPerNode()), 50)
  })

  t.test('clear() deletes from all nodes, and leaves foreign keys', async (t) => {
    for (const key of keys) await client.set(`foreign ${key}`, 1)
    await cache.setMany(all)
    await cache.clear()
    t.equal(sum(await countPerNode()), 0)
    t.equal(sum(await Promise.all(masters.map(async (master) => (await master.keys('foreign *')).length))), 50)
  })
})
