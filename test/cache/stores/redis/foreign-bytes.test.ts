import t from 'tap'
import { deserializeEntry } from '../../../../src/cache/stores/redis/serialization.ts'
import { createRedisCache, client } from '../../../support/redis-store.ts'

/** An entry that never expires, as earlier versions wrote it: `{ a: 1 }` with the tag `a`. */
const FORMAT_1 = Buffer.concat([
  Buffer.of(0xc1, 1), Buffer.alloc(8), Buffer.of(0x7f, 0xf0), Buffer.alloc(6), Buffer.of(0x7f, 0xf0), Buffer.alloc(6),
  Buffer.of(0, 0, 0, 6), Buffer.of(0x92, 0xa1, 0x31, 0x91, 0xa1, 0x61), Buffer.of(0x81, 0xa1, 0x61, 0x01)
])
const EXPIRED_LEASE = Buffer.concat([Buffer.of(0xc1, 2), Buffer.alloc(8), Buffer.from('x'), Buffer.alloc(16)])

/** Bytes that are not an entry of this version, each with a description. */
async function foreignBytes (): Promise<Array<[string, Buffer]>> {
  const { cache, prefix } = createRedisCache()
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
  const withMetadata = (metadata: string, of: Buffer) => {
    const bytes = Buffer.concat([of.subarray(0, 30), Buffer.from(metadata), of.subarray(30 + metadataLength)])
    bytes.writeUInt32BE(metadata.length, 26)
    return bytes
  }
  const withPayload = (payload: string) => {
    const bytes = Buffer.concat([counter.subarray(0, 30 + metadataLength), Buffer.from(payload)])
    return withMetadata('["",[]]', bytes)
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
    ['an entry of format 1, whose metadata and payload are MessagePack', FORMAT_1],
    ['a lease over an entry of format 1', Buffer.concat([EXPIRED_LEASE, FORMAT_1])],
    ['a payload that begins beyond the end', changed(26, 0xff)],
    ['a payload of no bytes', text.subarray(0, 30 + metadataLength)],
    ['metadata that are not JSON', changed(30, 0xc1)],
    ['metadata that are not JSON, before an integer', changed(30, 0xc1, counter)],
    ['metadata that are not a list', withMetadata('5', text)],
    ['metadata that are not a list, before an integer', withMetadata('5', counter)],
    ['metadata without a stamp', withMetadata('[5,[]]', counter)],
    ['metadata without tags', withMetadata('["1"]', counter)],
    ['metadata that are truncated', withMetadata('["', counter)],
    ['a payload that cannot be decoded', changed(30 + metadataLength, 0xc1)],
    ['a truncated payload', text.subarray(0, -1)],
    ['a payload of only a minus', withPayload('-')],
    ['an integer that is too large', withPayload('9'.repeat(30))],
    ...truncated
  ]
}

t.test('foreign bytes at the key of an entry are a miss to every verb', async (t) => {
  for (const [name, bytes] of await foreignBytes()) {
    const { cache, prefix } = createRedisCache()
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
    const { cache, prefix } = createRedisCache()
    const tagged = deserializeEntry(bytes)?.tags.includes('a') === true
    await client.set(`${prefix}:key`, bytes)
    t.equal(await cache.deleteMatching({ tags: ['a'] }), tagged ? 1 : 0, name)
    t.equal(await client.exists(`${prefix}:key`), tagged ? 0 : 1, name)
    await client.set(`${prefix}:key`, bytes)
    t.equal(await cache.deleteMatching({ prefix: 'k' }), deserializeEntry(bytes) === undefined ? 0 : 1, name)
    t.equal(await client.exists(`${prefix}:key`), 0, name)
  }
  const { cache, prefix } = createRedisCache()
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
  const { cache, prefix } = createRedisCache()
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
  const { cache, prefix } = createRedisCache()
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
