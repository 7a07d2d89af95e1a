import { execFileSync } from 'node:child_process'
import t from 'tap'
import { createCache } from '../../../../src/cache/index.ts'
import { startRedisCluster } from '../../../support/redis-cluster.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

const major = Number(/v=(\d+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1])

t.test('over a cluster of three', { skip: major < 7 && 'redis-server older than 7' }, async (t) => {
  const { client, masters } = await startRedisCluster(t, 3)
  const cache = createCache({ store: patientRedisStore({ client }) })
  t.teardown(() => cache.close())
  const keys = Array.from({ length: 50 }, (_, i) => `key ${i}`)
  const tags = ['a', 'b', 'c', 'd', 'e']
  const foundOn = () => Promise.all(masters.map(async (master) => (await master.keys('larder:*')).length))
  const sum = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0)
  const all = keys.map((key, i) => [key, i] as const)
  t.beforeEach(() => cache.clear())

  t.test('entries are spread over all', async (t) => {
    await cache.setMany(all)
    const found = await foundOn()
    t.equal(sum(found), 50)
    t.ok(found.every((count) => count > 0), found.join())
  })

  t.test('many are read, written, touched, counted and deleted, wherever they are', async (t) => {
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
    t.equal(sum(await foundOn()), 50)
  })

  t.test('each is loaded once and kept', async (t) => {
    let loads = 0
    const load = (i: number) => () => { loads++; return i }
    for (let round = 0; round < 2; round++) {
      const asked = all.flatMap(([key, i]) => [cache.getOrSet(key, load(i)), cache.getOrSet(key, load(i))])
      t.strictSame(await Promise.all(asked), all.flatMap(([, i]) => [i, i]))
      t.equal(loads, 50)
    }
  })

  t.test('two caches share what one of them loads', async (t) => {
    const other = createCache({ store: patientRedisStore({ client }) })
    t.teardown(() => other.close())
    let loads = 0
    const load = async (i: number) => { loads++; return i }
    const asked = all.flatMap(([key, i]) => [cache, other].map((cache) => cache.getOrSet(key, () => load(i), { tags })))
    t.strictSame(await Promise.all(asked), all.flatMap(([, i]) => [i, i]))
    t.equal(loads, 50)
    t.strictSame(await Promise.all(keys.map((key) => other.get(key))), all.map(([, i]) => i))
  })

  t.test('tags are invalidated together, wherever they and their entries are', async (t) => {
    await cache.set('many', 1, { tags })
    for (const tag of tags) await cache.set(tag, tag, { tags: [tag] })
    t.equal(await cache.getOrSet('loaded', () => 'old', { tags }), 'old')
    t.equal((await cache.getMany(['many', 'loaded', ...tags])).size, 7)
    await cache.invalidateTags(['a', 'b'])
    t.strictSame([...(await cache.getMany(['many', 'loaded', ...tags])).keys()], ['c', 'd', 'e'])
    t.equal(await cache.getOrSet('loaded', () => 'new', { tags }), 'new')
    t.equal(await cache.increment('many'), 1, 'a counter that was invalidated begins anew')
    t.equal(await cache.add('a', 'new'), true)
  })

  t.test('sweep asks every node, and counts what all of them had', async (t) => {
    await cache.setMany(all.slice(0, 30), { tags: ['a', 'b'] })
    await cache.setMany(all.slice(30), { tags: ['c'] })
    await cache.setMany(all.map(([key, i]) => [`other ${key}`, i]))
    t.equal(await cache.deleteMatching({ prefix: 'key ', tags: ['b'] }), 30)
    t.equal(sum(await foundOn()), 70)
    t.equal(await cache.deleteMatching({ prefix: 'key ' }), 20)
    t.strictSame((await cache.getMany(keys.map((key) => `other ${key}`))).size, 50)
    t.equal(await cache.deleteMatching(), 50)
    t.equal(sum(await foundOn()), 0)
  })

  t.test('clear asks every node, and leaves what others keep', async (t) => {
    for (const key of keys) await client.set(`foreign ${key}`, 1)
    await cache.setMany(all)
    await cache.clear()
    t.equal(sum(await foundOn()), 0)
    t.equal(sum(await Promise.all(masters.map(async (master) => (await master.keys('foreign *')).length))), 50)
  })
})
