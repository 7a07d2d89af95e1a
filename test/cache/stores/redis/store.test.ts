import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createCache, redisStore, type RedisStoreOptions } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { cacheContract } from '../../../support/store-contract/index.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { client, newPrefix, createRedisCache, url } from '../../../support/redis-store.ts'

/** Asserts that Redis will expire a key after this time, or up to a second earlier. */
async function expiresAfter (t: Test, key: string, seconds: number) {
  const left = await client.pttl(key)
  t.ok(left > (seconds - 1) * 1000 && left <= seconds * 1000, `${key} expires after about ${seconds} s`, { left })
}

cacheContract(t, 'redisStore', (now) => patientRedisStore({ client, prefix: newPrefix(), now }))

t.test('an entry is one key under the prefix, by default larder', async (t) => {
  const cache = createCache({ store: patientRedisStore({ client }) })
  await cache.set('product_objects', [1, 2])
  await cache.set('tagged', 1, { tags: ['products'] })
  await cache.get('tagged')
  t.strictSame((await client.keys('larder*')).sort(), [
    'larder#{larder}clock', 'larder#{larder}tag:products', 'larder:product_objects', 'larder:tagged'
  ])
  t.equal(cache.storeName, 'redis')
  t.equal(cache.stats(), undefined)
})

t.test('Redis expires an entry at the end of its life, whichever verb wrote it', async (t) => {
  const { cache, prefix } = createRedisCache()
  const key = `${prefix}:key`
  await cache.set('key', 1, { ttl: 100 })
  await expiresAfter(t, key, 100)
  await cache.increment('key')
  await expiresAfter(t, key, 100)
  await cache.touch('key', 50)
  await expiresAfter(t, key, 50)
  await cache.touch('key', null)
  t.equal(await client.pttl(key), -1)
  await cache.increment('key')
  t.equal(await client.pttl(key), -1)
  await cache.delete('key')
  await cache.add('key', 1, { ttl: 20 })
  await expiresAfter(t, key, 20)
  await cache.set('key', 1, { ttl: null })
  t.equal(await client.pttl(key), -1)
  await cache.delete('key')
  await cache.increment('key')
  await expiresAfter(t, key, 300)
  await cache.set('key', 1, { ttl: 0.0001 })
  t.ok(await client.pttl(key) <= 1)
})

t.test('an entry that never expires has no expiry in Redis, whichever verb wrote it', async (t) => {
  const { now } = fakeClock()
  const prefix = newPrefix()
  const cache = createCache({ store: patientRedisStore({ client, prefix, now }), now, ttl: null })
  await cache.set('set', 1)
  await cache.add('add', 1)
  await cache.increment('increment')
  await cache.getOrSet('getOrSet', () => 1)
  for (const verb of ['set', 'add', 'increment', 'getOrSet']) t.equal(await client.pttl(`${prefix}:${verb}`), -1, verb)
})

t.test('an entry that may be served stale expires in Redis when it no longer may', async (t) => {
  const { cache, advance, prefix } = createRedisCache()
  await cache.getOrSet('key', () => 'old', { ttl: 10, staleWhileRevalidate: 20, staleIfError: 30 })
  await expiresAfter(t, `${prefix}:key`, 40)
  advance(5)
  await cache.touch('key', 50)
  await expiresAfter(t, `${prefix}:key`, 80)
})

t.test('clear() and delete() leave keys of other prefixes', async (t) => {
  const { cache, prefix } = createRedisCache()
  const foreign = [
    `${prefix}x:key`, `x${prefix}:key`, prefix, `${prefix}#other`, 'foreign', `${prefix.toUpperCase()}:key`
  ]
  for (const name of foreign) await client.set(name, 'foreign')
  await cache.setMany(Array.from({ length: 1500 }, (_, i) => [`key ${i}`, i]))
  await cache.clear()
  t.strictSame(await client.keys(`${prefix}:*`), [])
  t.equal(await cache.delete('foreign'), false)
  t.equal(await client.exists(...foreign), foreign.length)
})

t.test('characters of Redis patterns have no meaning in a prefix', async (t) => {
  for (const prefix of ['a*b', 'a?b', '[ab]', 'a[^b]', 'a\\*b', '^a', '{tag}', 'a:b']) {
    const others = ['aXb:key', 'a:key', 'b:key', 'aXXb:key', 'a*b2:key', 'aa:key']
    for (const name of others) await client.set(name, 'foreign')
    const { cache } = createRedisCache({ prefix })
    await cache.set('key', 1)
    await cache.clear()
    t.equal(await cache.get('key'), undefined, prefix)
    t.equal(await client.exists(...others), others.length, prefix)
  }
})

t.test('clear() does not undo invalidateTags()', async (t) => {
  const { cache } = createRedisCache()
  const held = deferredLoader()
  const caller = cache.getOrSet('key', held.load, { tags: ['a'] })
  await held.began
  await cache.invalidateTags(['a'])
  await cache.clear()
  held.end('old')
  await caller
  t.equal(await cache.get('key'), undefined)
})

t.test('close() leaves the entries, and the connection of the client', async (t) => {
  const { cache } = createRedisCache()
  await cache.set('key', 1)
  await cache.close()
  t.equal(client.status, 'ready')
  t.equal(await cache.get('key'), 1)
})

t.test('after SCRIPT FLUSH, scripts are sent again', async (t) => {
  const { cache } = createRedisCache()
  const everyScript = async () => {
    await cache.add('added', 1, { tags: ['a'] })
    await cache.touch('added', 10)
    t.equal(await cache.get('added'), 1)
    await cache.increment('counter')
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('added'), undefined)
    t.equal(await cache.deleteMatching({ tags: ['a'] }), 1)
    t.equal(await cache.deleteMatching({ prefix: 'a' }), 0)
  }
  await everyScript()
  await client.script('FLUSH')
  await everyScript()
  t.equal(await cache.get('counter'), 2)
})

t.test('a script that fails is not sent a second time', async (t) => {
  const prefix = newPrefix()
  const store = patientRedisStore({ client, prefix })
  const evaluations = async () => /cmdstat_eval:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]
  await client.lpush(`${prefix}#{${prefix}}clock`, 'a list')
  const before = await evaluations()
  await t.rejects(async () => store.versions.stamp(), { message: /WRONGTYPE/ })
  t.equal(await evaluations(), before)
})

t.test('with a default ttl of zero, increment() starts anew each time', async (t) => {
  const { now } = fakeClock()
  const cache = createCache({ store: patientRedisStore({ client, prefix: newPrefix(), now }), now, ttl: 0 })
  t.equal(await cache.increment('key', 2), 2)
  t.equal(await cache.increment('key', 2), 2)
  t.equal(await cache.get('key'), undefined)
})

t.test('an entry that was read from Redis retains no memory but its own bytes', async (t) => {
  const store = patientRedisStore({ client, prefix: newPrefix() })
  const cache = createCache({ store })
  await cache.setMany(Array.from({ length: 100 }, (_, i) => [`key ${i}`, 'value']))
  for (const entry of await store.getMany(Array.from({ length: 100 }, (_, i) => `key ${i}`))) {
    t.equal(entry!.payload.buffer.byteLength, entry!.payload.byteLength)
  }
})

t.test('invalid options are refused by name', async (t) => {
  const create = (options: unknown) => () => redisStore(options as RedisStoreOptions)
  t.throws(create({}), {
    code: 'FST_ERR_LARDER_OPTION', message: 'The value of client must be an ioredis client, but is undefined.'
  })
  t.throws(create({ client: { get () {} } }), {
    code: 'FST_ERR_LARDER_OPTION', message: /^The value of client must be an ioredis client/
  })
  for (const commandTimeout of [-1, '50', null]) {
    t.throws(create({ client, commandTimeout }), {
      code: 'FST_ERR_LARDER_OPTION', message: /^The value of commandTimeout must be a/
    })
  }
  t.throws(create({ client, now: 5 }), {
    code: 'FST_ERR_LARDER_OPTION', message: 'The value of now must be a function, but is 5.'
  })
  for (const prefix of ['', 'a#b', 'a b', 'a\nb', 7]) {
    const message = /^The value of prefix must be a non-empty string without "#" or white space, but is /
    t.throws(create({ client, prefix }), { code: 'FST_ERR_LARDER_OPTION', message })
  }
  const prefixed = new Redis(url, { keyPrefix: 'x:', lazyConnect: true })
  t.throws(create({ client: prefixed }), {
    code: 'FST_ERR_LARDER_OPTION', message: /^The client must not have a keyPrefix/
  })
})
