import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createCache, redisStore, type RedisStoreOptions } from '../../../../src/cache/index.ts'
import { deserializeEntry } from '../../../../src/cache/stores/redis/serialization.ts'
import { fakeClock } from '../../../support/clock.ts'
import { startRedis } from '../../../support/redis.ts'
import { cacheContract } from '../../../support/store-contract/index.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

const { url } = await startRedis(t)
const client = new Redis(url)
t.teardown(() => client.disconnect())

let prefixes = 0
const newPrefix = () => `test${++prefixes}`

function setUp (options: Omit<RedisStoreOptions, 'client'> = {}) {
  const prefix = options.prefix ?? newPrefix()
  const { now, advance } = fakeClock()
  const cache = createCache({ store: patientRedisStore({ client, prefix, now, ...options }), now })
  return { prefix, advance, cache }
}

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
  const { cache, prefix } = setUp()
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
  const { cache, advance, prefix } = setUp()
  await cache.getOrSet('key', () => 'old', { ttl: 10, staleWhileRevalidate: 20, staleIfError: 30 })
  await expiresAfter(t, `${prefix}:key`, 40)
  advance(5)
  await cache.touch('key', 50)
  await expiresAfter(t, `${prefix}:key`, 80)
})

t.test('clear() and delete() leave keys of other prefixes', async (t) => {
  const { cache, prefix } = setUp()
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
    const { cache } = setUp({ prefix })
    await cache.set('key', 1)
    await cache.clear()
    t.equal(await cache.get('key'), undefined, prefix)
    t.equal(await client.exists(...others), others.length, prefix)
  }
})

t.test('clear() does not undo invalidateTags()', async (t) => {
  const { cache } = setUp()
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
  const { cache } = setUp()
  await cache.set('key', 1)
  await cache.close()
  t.equal(client.status, 'ready')
  t.equal(await cache.get('key'), 1)
})

/** Bytes that are not an entry of this version, each with a description. */
async function foreignBytes (): Promise<Array<[string, Buffer]>> {
  const { cache, prefix } = setUp()
  const store = async (value: unknown) => {
    await cache.set('key', value, { tags: ['a', 'b'] })
    return (await client.getBuffer(`${prefix}:key`))!
  }
  const text = await store('text')
  const counter = await store(7)
  const metadataLength = text.readUInt32BE(26)
  const changed = (at: number, byte: number, of = text) => {
    const bytes = Buffer.from(of)
    bytes[at] = byte
    return bytes
  }
  const withMetadata = (metadata: Buffer, of: Buffer) => {
    const bytes = Buffer.concat([of.subarray(0, 30), metadata, of.subarray(30 + metadataLength)])
    bytes.writeUInt32BE(metadata.length, 26)
    return bytes
  }
  const withPayload = (payload: string) => {
    const bytes = Buffer.concat([counter.subarray(0, 30 + metadataLength), Buffer.from(payload)])
    return withMetadata(Buffer.of(0x92, 0xa0, 0x90), bytes)
  }
  const truncated = Array.from({ length: text.length }, (_, length): [string, Buffer] =>
    [`the first ${length} bytes of an entry`, text.subarray(0, length)])
  return [
    ['no bytes', Buffer.alloc(0)],
    ['text', Buffer.from('hello from another program')],
    ['long text', Buffer.from('x'.repeat(1000))],
    ['digits', Buffer.from('42')],
    ['JSON', Buffer.from('{"a":1}')],
    ['zeros', Buffer.alloc(100)],
    ['another magic', changed(0, 0x00)],
    ['another format', changed(1, 2)],
    ['a payload that begins beyond the end', changed(26, 0xff)],
    ['a payload of no bytes', text.subarray(0, 30 + metadataLength)],
    ['metadata that are not MessagePack', changed(30, 0xc1)],
    ['metadata that are not MessagePack, before an integer', changed(30, 0xc1, counter)],
    ['metadata that are not a list', withMetadata(Buffer.of(0x05), text)],
    ['metadata that are not a list, before an integer', withMetadata(Buffer.of(0x05), counter)],
    ['metadata without a stamp', withMetadata(Buffer.of(0x92, 0x05, 0x90), counter)],
    ['metadata without tags', withMetadata(Buffer.of(0x91, 0xa1, 0x31), counter)],
    ['metadata that are truncated', withMetadata(Buffer.of(0x92, 0xa1), counter)],
    ['a payload that cannot be decoded', changed(30 + metadataLength, 0xc1)],
    ['a truncated payload', text.subarray(0, -1)],
    ['a payload of only a minus', withPayload('-')],
    ['an integer that is too large', withPayload('9'.repeat(30))],
    ...truncated
  ]
}

t.test('foreign bytes at the key of an entry are a miss to every verb', async (t) => {
  for (const [name, bytes] of await foreignBytes()) {
    const { cache, prefix } = setUp()
    const entry = `${prefix}:key`
    const put = () => client.set(entry, bytes)
    await put()
    t.equal(await cache.get('key'), undefined, `get: ${name}`)
    t.equal((await cache.getMany(['key'])).size, 0, `getMany: ${name}`)
    t.equal(await cache.ttl('key'), undefined, `ttl: ${name}`)
    t.equal(await cache.touch('key', 10), false, `touch: ${name}`)
    t.strictSame(await client.getBuffer(entry), bytes, `touch leaves it: ${name}`)
    t.equal(await cache.add('key', 'added'), true, `add: ${name}`)
    t.equal(await cache.get('key'), 'added', `added: ${name}`)
    await put()
    t.equal(await cache.increment('key', 3), 3, `increment: ${name}`)
    t.equal(await cache.get('key'), 3, `incremented: ${name}`)
    await put()
    t.equal(await cache.getOrSet<unknown>('key', () => 'loaded'), 'loaded', `getOrSet: ${name}`)
    t.equal(await cache.get('key'), 'loaded', `loaded: ${name}`)
    await put()
    await cache.set('key', 'set')
    t.equal(await cache.get('key'), 'set', `set: ${name}`)
    await put()
    t.equal(await cache.delete('key'), deserializeEntry(bytes) !== undefined, `delete: ${name}`)
    t.equal(await client.exists(entry), 0, `deleted: ${name}`)
  }
})

t.test('deleteMatching() by prefix deletes foreign bytes uncounted, and by tags leaves them', async (t) => {
  for (const [name, bytes] of await foreignBytes()) {
    const { cache, prefix } = setUp()
    const tagged = deserializeEntry(bytes)?.tags.includes('a') === true
    await client.set(`${prefix}:key`, bytes)
    t.equal(await cache.deleteMatching({ tags: ['a'] }), tagged ? 1 : 0, name)
    t.equal(await client.exists(`${prefix}:key`), tagged ? 0 : 1, name)
    await client.set(`${prefix}:key`, bytes)
    t.equal(await cache.deleteMatching({ prefix: 'k' }), deserializeEntry(bytes) === undefined ? 0 : 1, name)
    t.equal(await client.exists(`${prefix}:key`), 0, name)
  }
  const { cache, prefix } = setUp()
  await client.lpush(`${prefix}:list`, 'a list')
  await client.hset(`${prefix}:hash`, 'a', 'hash')
  await cache.set('key', 1, { tags: ['a'] })
  t.equal(await cache.deleteMatching({ tags: ['a'] }), 1)
  t.equal(await client.exists(`${prefix}:list`, `${prefix}:hash`), 2)
  await cache.set('key', 1)
  t.equal(await cache.deleteMatching({ prefix: '' }), 1)
  t.strictSame(await client.keys(`${prefix}:*`), [])
})

t.test('bytes that only the scripts accept as an entry are overwritten', async (t) => {
  const { cache, prefix } = setUp()
  await cache.set('key', 'text')
  const text = (await client.getBuffer(`${prefix}:key`))!
  const metadata = Buffer.of(0x92, 0xa0, 0x81, 0xa1, 0x61, 0x01) // a map for tags
  const bytes = Buffer.concat([text.subarray(0, 30), metadata, text.subarray(30 + text.readUInt32BE(26))])
  bytes.writeUInt32BE(metadata.length, 26)
  await client.set(`${prefix}:key`, bytes)
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(await cache.get('key'), 'loaded')
})

t.test('a Redis list at the key of an entry is a miss to every verb', async (t) => {
  const { cache, prefix } = setUp()
  const put = async () => {
    await client.del(`${prefix}:key`)
    await client.lpush(`${prefix}:key`, 'a list')
  }
  await put()
  t.equal(await cache.get('key'), undefined)
  t.equal((await cache.getMany(['key'])).size, 0)
  t.equal(await cache.ttl('key'), undefined)
  t.equal(await cache.touch('key'), false)
  const writes: Array<() => Promise<unknown>> = [
    () => cache.add('key', 1),
    () => cache.increment('key'),
    () => cache.set('key', 1),
    () => cache.getOrSet('key', () => 1)
  ]
  for (const write of writes) {
    await put()
    await write()
    t.equal(await cache.get('key'), 1)
  }
  await put()
  t.equal(await cache.delete('key'), false)
  t.equal(await client.exists(`${prefix}:key`), 0)
})

t.test('after SCRIPT FLUSH, scripts are sent again', async (t) => {
  const { cache } = setUp()
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
  t.throws(create({}), { name: 'TypeError', message: 'client must be an ioredis client, got undefined' })
  t.throws(create({ client: { get () {} } }), { name: 'TypeError', message: /^client must be an ioredis client/ })
  t.throws(create({ client, now: 5 }), { name: 'TypeError', message: 'now must be a function, got 5' })
  for (const prefix of ['', 'a#b', 'a b', 'a\nb', 7]) {
    const message = /^prefix must be a non-empty string without "#" or white space, got /
    t.throws(create({ client, prefix }), { name: 'TypeError', message })
  }
  const prefixed = new Redis(url, { keyPrefix: 'x:', lazyConnect: true })
  t.throws(create({ client: prefixed }), { name: 'TypeError', message: /^client must not have a keyPrefix/ })
})
