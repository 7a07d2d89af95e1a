import { once } from 'node:events'
import { Redis } from 'ioredis'
import t from 'tap'
import { createCache, memoryStore, memoryVersions, redisStore, type Store, tieredStore } from '../../src/cache/index.ts'
import { startRedis } from '../support/redis.ts'
import { untilClosed } from '../support/until-closed.ts'
import { deferredLoader } from '../support/deferred-loader.ts'
import { listen } from '../support/record-events.ts'
import { down, fickleVersions } from '../support/fickle-versions.ts'

/** A store whose every call fails in the same way. */
function brokenStore (fail: () => never | Promise<never>): Store {
  return {
    name: 'broken',
    versions: memoryVersions(),
    get: fail,
    getMany: fail,
    set: fail,
    add: fail,
    touch: fail,
    increment: fail,
    delete: fail,
    clear: fail,
    close: fail
  }
}

const unreachableStore = () => brokenStore(async () => { throw down() })
const throwingStore = () => brokenStore(() => { throw down() })

for (const [name, makeStore] of Object.entries({ unreachableStore, throwingStore })) {
  t.test(`a cache over a store that fails (${name})`, async (t) => {
    t.test('every read is a miss with the reason unavailable', async (t) => {
      const cache = createCache({ store: makeStore() })
      const { events } = listen(t, cache)
      t.equal(await cache.get('key'), undefined)
      t.match(events, [
        { type: 'error', doing: 'get', error: { message: 'unreachable' } },
        { type: 'miss', key: 'key', reason: 'unavailable' }
      ])
      t.strictSame([...await cache.getMany(['a', 'b'])], [])
      t.match(events.slice(2), [
        { type: 'error', doing: 'getMany' },
        { type: 'miss', key: 'a', reason: 'unavailable' },
        { type: 'miss', key: 'b' }
      ])
      t.equal(await cache.ttl('key'), undefined)
      t.strictSame(await cache.lookup('key'), { miss: 'unavailable' })
    })

    t.test('getOrSet loads, once for all callers that wait', async (t) => {
      const cache = createCache({ store: makeStore() })
      const listener = listen(t, cache)
      const held = deferredLoader()
      const callers = [{ tags: ['a'] }, {}, {}].map((options) => cache.getOrSet('key', held.load, options))
      await listener.heard('miss', 3)
      held.end({ a: 1 })
      t.strictSame(await Promise.all(callers), [{ a: 1 }, { a: 1 }, { a: 1 }])
      t.equal(held.runs(), 1)
      t.match(listener.events.slice(-2), [
        { type: 'error', doing: 'set' }, { type: 'refuse', key: 'key', reason: 'store-unavailable' }
      ])
      t.equal(await cache.getOrSet<unknown>('key', () => 2), 2)
      await t.rejects(cache.getOrSet('key', () => { throw new Error('upstream down') }), { message: 'upstream down' })
    })

    t.test('verbs that store resolve, and store nothing', async (t) => {
      const cache = createCache({ store: makeStore() })
      const { events } = listen(t, cache)
      await cache.set('key', 1)
      await cache.set('key', 1, { tags: ['a'] })
      await cache.set('key', 1, { ttl: 0 })
      await cache.setMany([['a', 1], ['b', 2]])
      t.equal(await cache.add('key', 1), false)
      t.equal(await cache.add('key', 1, { ttl: 0 }), false)
      t.equal(await cache.touch('key', 10), false)
      t.strictSame(events.filter(({ type }) => type === 'set'), [])
    })

    t.test('verbs that promise a deletion or a count reject', async (t) => {
      const cache = createCache({ store: makeStore() })
      const error = { message: 'unreachable' }
      await t.rejects(cache.delete('key'), error)
      await t.rejects(cache.deleteMany(['a', 'b']), error)
      await t.rejects(cache.expire('key'), error)
      await t.rejects(cache.increment('key'), error)
      await t.rejects(cache.clear(), error)
      await t.rejects(cache.deleteMatching({ prefix: 'k' }), error)
      await t.rejects(cache.deleteMatching({ tags: ['a'] }), error)
      await t.rejects(cache.close(), error)
    })
  })
}

t.test('entries throws if the store cannot list its keys', async (t) => {
  const cache = createCache({ store: unreachableStore() })
  await t.rejects(cache.entries().next(), { message: 'The store "broken" cannot list its keys.' })
})

t.test('refresh loads, and stores nothing, while the store is unreachable', async (t) => {
  const cache = createCache({ store: unreachableStore() })
  const { events } = listen(t, cache)
  t.equal(await cache.refresh<unknown>('key', () => 'loaded'), 'loaded')
  t.match(events.at(-1), { type: 'refuse', reason: 'store-unavailable' })
})

t.test('expire deletes an entry whose lifetime the store fails to change', async (t) => {
  const store: Store = { ...memoryStore(), touch: async () => { throw down() } }
  const cache = createCache({ store })
  await cache.set('key', 'old')
  t.equal(await cache.expire('key'), true)
  const fail = () => { throw new Error('down') }
  await t.rejects(cache.getOrSet('key', fail, { staleIfError: 60 }), { message: 'down' })
})

t.test('touch returns false if the store fails after the read', async (t) => {
  const store: Store = { ...memoryStore(), touch: async () => { throw down() } }
  const cache = createCache({ store })
  await cache.set('key', 1)
  t.equal(await cache.touch('key', 10), false)
})

t.test('deleteMatching by tags that fails half way leaves no valid entry, and no load is stored', async (t) => {
  const store = memoryStore()
  let fails = true
  const cache = createCache({
    store: {
      ...store,
      async clear (which) {
        if (!fails) return await store.clear(which)
        await store.delete(['a'])
        throw down()
      }
    }
  })
  const { events } = listen(t, cache)
  await cache.setMany([['a', 1], ['b', 2]], { tags: ['x'] })
  await cache.set('c', 3, { tags: ['y'] })
  const held = deferredLoader()
  const caller = cache.getOrSet('d', held.load, { tags: ['x'] })
  await held.began
  await t.rejects(cache.deleteMatching({ tags: ['x'] }), { message: 'unreachable' })
  t.match(events.at(-1), { type: 'invalidate', tags: ['x'] })
  held.end('old')
  t.equal(await caller, 'old')
  t.strictSame([...(await cache.getMany(['a', 'b', 'c', 'd'])).keys()], ['c'])
  fails = false
  t.equal(await cache.deleteMatching({ tags: ['x'] }), 1, 'the next one takes the rest')
})

t.test('deleteMatching by a prefix that fails: no load in flight is stored', async (t) => {
  const cache = createCache({ store: { ...memoryStore(), clear: async () => { throw down() } } })
  const held = deferredLoader()
  const caller = cache.getOrSet('key', held.load)
  await held.began
  await t.rejects(cache.deleteMatching({ prefix: 'k' }), { message: 'unreachable' })
  held.end('old')
  t.equal(await caller, 'old')
  t.equal(await cache.get('key'), undefined)
})

t.test('deleteMatching whose tags cannot be invalidated deletes no entry', async (t) => {
  const versions = fickleVersions('rejects')
  const cache = createCache({ store: memoryStore(), versions })
  await cache.set('key', 1, { tags: ['a'] })
  versions.silent = true
  await t.rejects(cache.deleteMatching({ tags: ['a'] }), { message: 'unreachable' })
  versions.silent = false
  t.equal(await cache.get('key'), 1)
})

t.test('after Redis has gone, getOrSet still returns values', async (t) => {
  const redis = await startRedis(t)
  const client = new Redis(redis.url, { maxRetriesPerRequest: 0, enableOfflineQueue: false, retryStrategy: () => null })
  client.on('error', () => {})
  await once(client, 'ready')
  const { backplane, ...far } = redisStore({ client }) // what it tells at first would empty the near store
  const cache = createCache({ store: far })
  const tiered = createCache({ store: tieredStore({ near: memoryStore(), far, nearTtl: 1000 }) })
  await cache.set('key', 'kept')
  await cache.set('tagged', 'kept', { tags: ['a'] })
  t.strictSame([...await tiered.getMany(['key', 'tagged'])], [['key', 'kept'], ['tagged', 'kept']])

  const closed = untilClosed(client)
  process.kill(redis.pid, 'SIGKILL')
  await closed
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.getOrSet<unknown>('key', () => 'loaded', { tags: ['a'] }), 'loaded')
  await cache.set('key', 'new')
  await t.rejects(cache.delete('key'))
  await t.rejects(cache.increment('key'))
  await t.rejects(cache.clear())
  await t.rejects(cache.deleteMatching({ prefix: 'k' }))
  await t.rejects(cache.deleteMatching({ tags: ['a'] }))
  await t.rejects(cache.invalidateTags(['a']))
  t.equal(await tiered.get('key'), 'kept', 'what is near is believed for nearTtl')
  t.equal(await tiered.get('tagged'), 'kept', 'and so is the last check of what has tags')
})
