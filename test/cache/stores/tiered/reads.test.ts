import { inspect } from 'node:util'
import t from 'tap'
import { createCache, memoryStore, tieredStore, type TieredStoreOptions } from '../../../../src/cache/index.ts'
import { type RedisBackplane, redisBackplane } from '../../../../src/cache/stores/redis/backplane.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { withRedis } from '../../../support/with-redis.ts'
import { cacheContract } from '../../../support/store-contract/index.ts'
import { newPrefix, oneProcess, silentStore, turn, twoProcesses } from './set-up.ts'

const { client } = await withRedis(t)

cacheContract(t, 'memoryStore over memoryStore', (now) =>
  tieredStore({ near: memoryStore({ now }), far: memoryStore({ now }), now }))

cacheContract(t, 'memoryStore over redisStore without a backplane', (now) =>
  tieredStore({ near: memoryStore({ now }), far: silentStore(client, now), now }))

let lastBackplane: RedisBackplane | undefined
t.teardown(() => lastBackplane?.close())

cacheContract(t, 'memoryStore over redisStore', (now) => {
  lastBackplane?.close()
  const prefix = newPrefix()
  const backplane = lastBackplane = redisBackplane(client, prefix, now)!
  const far = { ...patientRedisStore({ client, prefix, now }), backplane }
  return tieredStore({ near: memoryStore({ now }), far, now })
})

t.test('an entry that was read from L2 is read from L1 for nearTtl, by default a second', async (t) => {
  const { advance, far, mine } = twoProcesses(client)
  await mine.set('key', 'value')
  t.equal(await mine.get('key'), 'value')
  t.equal(far.reads, 1)
  advance(0.999)
  t.equal(await mine.get('key'), 'value')
  t.equal(far.reads, 1)
  advance(0.001)
  t.equal(await mine.get('key'), 'value')
  t.equal(far.reads, 2)
  t.equal(await mine.get('missing'), undefined)
  t.equal(await mine.get('missing'), undefined)
  t.equal(far.reads, 4, 'a miss is not stored in L1')
})

t.test('a write or deletion by another process is seen after nearTtl', async (t) => {
  const { advance, mine, theirs } = twoProcesses(client, 5)
  await theirs.setMany([['deleted', 'old'], ['matching', 'old'], ['written', 'old'], ['cleared', 'old']])
  const keys = ['deleted', 'matching', 'written', 'cleared']
  t.equal((await mine.getMany(keys)).size, 4)
  await theirs.delete('deleted')
  t.equal(await theirs.deleteMatching({ prefix: 'ma' }), 1)
  await theirs.set('written', 'new')
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old', 'old'])
  advance(4.999)
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old', 'old'])
  advance(0.001)
  t.strictSame([...await mine.getMany(keys)], [['written', 'new'], ['cleared', 'old']])
  await theirs.clear()
  advance(5)
  t.equal((await mine.getMany(keys)).size, 0)
})

t.test('invalidateTags() and deleteMatching() by tag in another process are seen at once', async (t) => {
  const { mine, theirs } = twoProcesses(client, 5)
  for (const change of [() => theirs.invalidateTags(['a']), () => theirs.deleteMatching({ tags: ['a'] })]) {
    await mine.set('key', 'old', { tags: ['a'] })
    t.equal(await mine.get('key'), 'old')
    await change()
    t.equal(await mine.get('key'), undefined)
  }
})

t.test('with a nearTtl of zero each read goes to L2', async (t) => {
  const { far, mine, theirs } = twoProcesses(client, 0)
  await mine.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  await theirs.set('key', 'new')
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
})

t.test('nearTtl starts when the read of L2 starts, not when it ends', async (t) => {
  const { advance, far, mine, hold } = oneProcess(5)
  await far.set('key', 'old')
  const release = hold()
  const slow = mine.get('key')
  await turn()
  await far.delete('key')
  advance(4)
  release()
  t.equal(await slow, 'old')
  t.equal(await mine.get('key'), 'old')
  advance(1)
  t.equal(await mine.get('key'), undefined)
})

t.test('L1 is trusted only with entries that this tiered store has read', async (t) => {
  const [near, far] = [memoryStore(), memoryStore()]
  const cache = createCache({ store: tieredStore({ near, far }) })
  await createCache({ store: near }).set('key', 'written to near')
  t.equal(await cache.get('key'), undefined)
  await createCache({ store: far }).set('key', 'far')
  t.equal(await cache.get('key'), 'far')

  const other = createCache({ store: tieredStore({ near, far: memoryStore() }) })
  t.equal(await other.get('key'), undefined, 'not with those of another tiered store with the same near')
})

t.test('a value that one process has loaded is a hit in the others', async (t) => {
  const { mine, theirs } = twoProcesses(client)
  const loader = deferredLoader()
  loader.end('loaded')
  t.equal(await mine.getOrSet('key', loader.load), 'loaded')
  t.equal(await theirs.getOrSet('key', loader.load), 'loaded')
  t.equal(loader.runs(), 1)
})

t.test('the store has the names of both levels, the versions of L2 and the statistics of L1', async (t) => {
  const [near, far] = [memoryStore({ maxBytes: 10_000 }), memoryStore()]
  const store = tieredStore({ near, far })
  t.equal(store.name, 'memory over memory')
  t.equal(store.versions, far.versions)
  await createCache({ store }).set('key', 1)
  await store.get('key')
  t.match(store.stats!(), { entries: 1, maxBytes: 10_000 })
  t.strictSame(store.stats!(), near.stats!())
})

t.test('close() closes both levels', async (t) => {
  const [near, far] = [memoryStore(), memoryStore()]
  const cache = createCache({ store: tieredStore({ near, far }) })
  await cache.set('key', 1)
  await cache.get('key')
  await cache.close()
  t.equal(near.stats!().entries, 0)
  t.equal(far.stats!().entries, 0)
})

t.test('invalid options are refused by name', async (t) => {
  const store = memoryStore()
  const refuses = (options: unknown, message: string | RegExp) =>
    t.throws(() => tieredStore(options as TieredStoreOptions), { code: 'FST_ERR_LARDER_OPTION', message })
  refuses({ far: store }, 'The value of near must be a store in this process, e.g. memoryStore(), but is undefined.')
  refuses({ near: silentStore(client, Date.now), far: store }, 'The value of near must be a store that returns ' +
    'entries at once, e.g. memoryStore(), but "redis" returns promises. Use it as far.')
  refuses({ near: store, far: client.status }, /^The value of far must be a store, e.g. redisStore\(\), but is "/)
  refuses({ near: store, far: store, nearTTL: 1 }, 'tieredStore() has no option nearTTL. Did you mean nearTtl?')
  refuses({ near: store, far: store, now: 1 }, 'The value of now must be a function, but is 1.')
  for (const seconds of [-1, NaN, Infinity, '1']) {
    for (const name of ['nearTtl', 'outageTtl']) {
      refuses({ near: store, far: store, [name]: seconds }, `The value of ${name} must be a number of seconds, ` +
        `zero or more, or a text such as "5m", but is ${inspect(seconds).replaceAll("'", '"')}.`)
    }
  }
})
