import t from 'tap'
import { type CacheOptions, createCache, memoryStore, memoryVersions } from '../../src/cache/index.ts'
import { fakeClock } from '../support/clock.ts'

t.test('entries get the ttl of the cache unless the call gives one', async (t) => {
  const cache = createCache({ store: memoryStore(), ttl: null })
  await cache.set('set', 1)
  await cache.add('add', 1)
  await cache.increment('increment')
  await cache.getOrSet('getOrSet', () => 1)
  await cache.set('touch', 1, { ttl: 10 })
  await cache.touch('touch')
  for (const key of ['set', 'add', 'increment', 'getOrSet', 'touch']) t.equal(await cache.ttl(key), null, key)
})

t.test('a cache with ttl: 0 stores only entries whose call gives a ttl', async (t) => {
  const cache = createCache({ store: memoryStore(), ttl: 0 })
  await cache.set('set', 1)
  t.equal(await cache.add('add', 1), true)
  t.equal(await cache.getOrSet('getOrSet', () => 1), 1)
  t.equal(await cache.increment('increment'), 1)
  t.equal(await cache.increment('increment'), 1)
  t.equal((await cache.getMany(['set', 'add', 'getOrSet', 'increment'])).size, 0)
  await cache.set('other', 1, { ttl: 10 })
  t.equal(await cache.get('other'), 1)
})

t.test('now defaults to Date.now', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const before = Date.now()
  await cache.set('key', 1, { ttl: 100 })
  const left = (await cache.ttl('key'))!
  t.ok(left <= 100 && left > 99 - (Date.now() - before) / 1000)
})

t.test('the option versions replaces the version clock of the store', async (t) => {
  const versions = memoryVersions()
  const cache = createCache({ store: memoryStore(), versions })
  await cache.set('key', 1, { tags: ['a'] })
  await versions.invalidate(['a'])
  t.equal(await cache.get('key'), undefined)
})

t.test('two caches can share a store and its version clock', async (t) => {
  const store = memoryStore()
  const [one, other] = [createCache({ store }), createCache({ store })]
  await one.set('key', 1, { tags: ['a'] })
  t.equal(await other.get('key'), 1)
  await other.invalidateTags(['a'])
  t.equal(await one.get('key'), undefined)
})

t.test('lookup on a memory store is synchronous', async (t) => {
  const { now } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), now })
  await cache.set('key', 1, { tags: ['a'] })
  t.match(cache.lookup('key'), { tags: ['a'] })
  t.strictSame(cache.lookup('absent'), { miss: 'absent' })
})

t.test('createCache throws a TypeError that names the invalid option', async (t) => {
  const store = memoryStore()
  const make = (options: unknown) => () => createCache(options as CacheOptions)
  for (const options of [undefined, {}]) {
    t.throws(make(options), {
      code: 'FST_ERR_LARDER_OPTION',
      message: 'The value of store must be a store, e.g. memoryStore(), but is undefined.'
    })
  }
  t.throws(make({ store: 'memory' }), {
    code: 'FST_ERR_LARDER_OPTION',
    message: /^The value of store must be a store, e.g. memoryStore\(\), but is "memory"\.$/
  })
  t.throws(make({ store: null }), { code: 'FST_ERR_LARDER_OPTION', message: /^The value of store must be a store/ })
  t.throws(make({ store, ttl: '60' }), {
    code: 'FST_ERR_LARDER_OPTION',
    message: 'The value of ttl must be a number of seconds, a text such as "5m", or null, but is "60".'
  })
  t.throws(make({ store, ttl: NaN }), {
    code: 'FST_ERR_LARDER_OPTION',
    message: 'The value of ttl must be a number of seconds, a text such as "5m", or null, but is NaN.'
  })
  t.throws(make({ store, versions: {} }), {
    code: 'FST_ERR_LARDER_OPTION',
    message: 'The value of versions must be a version clock, e.g. memoryVersions(), but is {}.'
  })
  t.throws(make({ store, now: 12 }), {
    code: 'FST_ERR_LARDER_OPTION', message: 'The value of now must be a function, but is 12.'
  })
  t.throws(make({ store, random: 0.5 }), {
    code: 'FST_ERR_LARDER_OPTION', message: 'The value of random must be a function, but is 0.5.'
  })
  for (const jitter of [-0.1, 1.1, NaN, '0.5', null]) {
    t.throws(make({ store, jitter }), {
      code: 'FST_ERR_LARDER_OPTION', message: /^The value of jitter must be a number from 0 to 1, but is /
    })
  }
  for (const maxLoads of [0, -1, 1.5, Infinity, '10', null]) {
    t.throws(make({ store, maxLoads }), {
      code: 'FST_ERR_LARDER_OPTION', message: /^The value of maxLoads must be a positive integer, but is /
    })
  }
})

t.test('expireTags invalidates if the version clock cannot only expire', async (t) => {
  const { expire: _, firstInvalidated: __, ...versions } = memoryVersions()
  const cache = createCache({ store: memoryStore(), versions })
  await cache.set('key', 'old', { tags: ['a'] })
  await cache.expireTags(['a'])
  t.equal(await cache.getOrSet('key', () => 'new', { staleWhileRevalidate: 60 }), 'new')
})
