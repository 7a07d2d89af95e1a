import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createCache, type Vacancy } from '../../../../src/cache/index.ts'
import { LEASE_MS } from '../../../../src/cache/stores/redis/leases.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { redisCache } from '../../../support/redis-cache.ts'

/** A Redis, and connections of two processes to it. */
async function redisOfTwo (t: Test) {
  const { pid, url } = await startRedis(t)
  const [client, other] = [new Redis(url), new Redis(url)]
  t.teardown(() => { for (const one of [client, other]) one.disconnect() })
  return { pid, client, other }
}

t.test('a lease that comes after the deadline is given back', async (t) => {
  const { pid, client, other } = await redisOfTwo(t)
  const cache = redisCache(t, { client, commandTimeout: 50 })
  await cache.set('kept', 1)
  await cache.getOrSet('other', () => 1)
  process.kill(pid, 'SIGSTOP')
  const late = await Promise.all([cache.lookup('key', { lease: true }), cache.lookup('kept', { lease: true })])
  process.kill(pid, 'SIGCONT')
  t.match(late, [{ miss: 'unavailable' }, { miss: 'unavailable' }])
  await client.ping()
  const answeredAt = performance.now()
  await until('it is gone', async () => await other.exists('larder:key') === 0)
  t.ok(performance.now() - answeredAt < 1_000, 'before it would have ended')
  t.equal(await cache.get('kept'), 1)
})

/** Makes a client one whose answers can get lost, with or without what was asked having been done. */
function fickle (client: Redis) {
  const callBuffer = client.callBuffer.bind(client) as (...args: unknown[]) => Promise<unknown>
  const fate = { answers: 'come' as 'come' | 'get lost' | 'nothing is done' }
  client.callBuffer = (async (...args: unknown[]) => {
    if (fate.answers === 'nothing is done') throw new Error('not sent')
    const answer = await callBuffer(...args)
    if (fate.answers === 'get lost') throw new Error('the answer got lost')
    return answer
  }) as typeof client.callBuffer
  return fate
}

t.test('a lease that stands since an answer got lost is found again by the process that has it', async (t) => {
  const { client, other } = await redisOfTwo(t)
  const fate = fickle(client)
  const theirs = redisCache(t, { client: other })
  const store = patientRedisStore({ client })
  const mine = createCache({ store })
  t.teardown(() => mine.close())
  await theirs.set('old', 'old')
  const old = (await store.get('old'))!
  for (const [key, seen] of [['key', undefined], ['old', old]] as const) {
    fate.answers = 'get lost'
    await t.rejects(store.getOrLease!(key, seen) as Promise<unknown>, { message: 'the answer got lost' })
    fate.answers = 'come'
    const found = await store.getOrLease!(key, seen) as Vacancy
    t.match(found.lease, { hitForMiss: false }, key)
    await found.lease!.release()
  }

  // A fill and a release that are not done.
  const held = deferredLoader()
  const asked = mine.getOrSet('key', held.load)
  await held.began
  fate.answers = 'nothing is done'
  held.end('not kept')
  t.equal(await asked, 'not kept')
  fate.answers = 'come'
  const began = performance.now()
  t.equal(await mine.getOrSet<unknown>('key', () => 'kept'), 'kept')
  t.ok(performance.now() - began < 1_000, 'before the lease would have ended')
  t.equal(await theirs.get('key'), 'kept')
})

t.test('of leases that got lost no more than a thousand are remembered', async (t) => {
  const { client } = await redisOfTwo(t)
  const fate = fickle(client)
  const store = patientRedisStore({ client })
  t.teardown(() => store.close())
  const lose = async (key: string) => {
    fate.answers = 'get lost'
    await t.rejects(store.getOrLease!(key) as Promise<unknown>, { message: 'the answer got lost' })
    fate.answers = 'come'
    await store.get('none') // or it would count as away
  }
  for (let i = 0; i <= 1_000; i++) await lose(`key ${i}`)
  t.notHas(await store.getOrLease!('key 0'), { lease: Object })
  t.match(await store.getOrLease!('key 1'), { lease: Object })
})

t.test('a lease that Redis gives after a time in which it hung keeps nobody waiting', async (t) => {
  for (const command of ['SET', 'EVALSHA']) {
    const { pid, client, other } = await redisOfTwo(t)
    const [mine, theirs] = [redisCache(t, { client, commandTimeout: 50 }), redisCache(t, { client: other })]
    const invalidated = async (key: string) => {
      await mine.set(key, 'old', { tags: ['menu'] })
      await mine.invalidateTags(['menu'])
    }
    await invalidated('before')
    await mine.getOrSet('before', () => 'loaded') // Redis has the script from now on
    if (command === 'EVALSHA') await invalidated('key')

    const callBuffer = client.callBuffer.bind(client) as (...args: unknown[]) => Promise<unknown>
    client.callBuffer = (async (...args: unknown[]) => {
      if (args[0] === command && args.includes(LEASE_MS)) process.kill(pid, 'SIGSTOP')
      return await callBuffer(...args)
    }) as typeof client.callBuffer
    t.equal(await mine.getOrSet('key', () => 'loaded'), 'loaded')
    client.callBuffer = callBuffer as typeof client.callBuffer
    for (let i = 0; i < 2_000; i++) await mine.getOrSet(`later ${i}`, () => 'loaded') // of which the most are not sent
    process.kill(pid, 'SIGCONT')
    await other.ping()
    const began = performance.now()
    t.equal(await theirs.getOrSet('key', () => 'new'), 'new')
    t.ok(performance.now() - began < 1_000, `before the lease of ${command} would have ended`)
  }
})

t.test('a lease that comes late is given back also by a process that does not ask Redis again yet', async (t) => {
  const { pid, client, other } = await redisOfTwo(t)
  const store = patientRedisStore({ client, commandTimeout: 50 })
  t.teardown(() => store.close())
  const theirs = redisCache(t, { client: other })
  await theirs.getOrSet('before', () => 'loaded') // Redis has the scripts from now on
  client.get = (() => new Promise(() => {})) as typeof client.get // the question whether it is back
  process.kill(pid, 'SIGSTOP')
  await Promise.allSettled(['key', 'a', 'b'].map((key) => store.getOrLease!(key)))
  t.notOk(store.available)
  process.kill(pid, 'SIGCONT')
  await other.ping()
  const began = performance.now()
  t.equal(await theirs.getOrSet('key', () => 'new'), 'new')
  t.ok(performance.now() - began < 1_000, 'before it would have ended')
  t.notOk(store.available)
})

t.test('a lease whose release fails at the moment when Redis comes back is given back all the same', async (t) => {
  const { pid, client, other } = await redisOfTwo(t)
  const store = patientRedisStore({ client, commandTimeout: 50 })
  t.teardown(() => store.close())
  const theirs = redisCache(t, { client: other })
  const { lease } = await store.getOrLease!('key') as Vacancy
  let released: unknown
  // The question whether Redis is back: by the time that its answer is heard, the release has not been sent.
  const get = client.get.bind(client)
  client.get = (async (key: string) => {
    const answer = await get(key)
    queueMicrotask(() => { released ??= Promise.resolve(lease!.release()).catch((error: Error) => { released = error.name }) })
    return answer
  }) as typeof client.get
  process.kill(pid, 'SIGSTOP')
  await until('it counts as away', () => Promise.resolve(store.get('none')).catch(() => {}).then(() => !store.available))
  process.kill(pid, 'SIGCONT')
  await until('it is back', () => store.available)
  const began = performance.now()
  t.equal(await theirs.getOrSet('key', () => 'new'), 'new')
  t.ok(performance.now() - began < 1_000, 'before it would have ended')
  t.equal(released, 'RedisAwayError')
})
