import { Redis } from 'ioredis'
import t from 'tap'
import { createCache, type Entry, type Store, type LeaseResult } from '../../../../src/cache/index.ts'
import { withRedis } from '../../../support/with-redis.ts'
import { until } from '../../../support/until.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

const { client, url } = await withRedis(t)

let prefixes = 0

function setUp () {
  const prefix = `test${++prefixes}`
  const newStore = () => patientRedisStore({ client, prefix })
  const store = newStore()
  return { prefix, store, cache: createCache({ store }), other: createCache({ store: newStore() }) }
}

/** Returns the commands that scripts send during `work`. */
async function recordScriptCommands (work: () => Promise<unknown>): Promise<string[][]> {
  const helper = new Redis(url)
  await helper.ping() // its set-up commands come before the monitor
  const monitor = await helper.monitor()
  helper.disconnect()
  const sent: string[][] = []
  let isOver = false
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source === 'lua') sent.push(args)
    isOver = args[1] === 'the end'
  })
  try {
    await work()
    await client.echo('the end')
    await until('all commands were recorded', () => isOver)
    return sent
  } finally {
    monitor.disconnect()
  }
}

/** Acquires the lease of an entry, as a refresh does. */
async function leaseEntry (store: Store, key: string) {
  const entry = await store.get(key) as Entry
  const { lease } = await store.acquire!(key, entry) as LeaseResult
  return { entry, lease: lease! }
}

t.test('deleteMatching() scans in small steps, and in smaller ones with many tags', async (t) => {
  const { cache, store, prefix } = setUp()
  const foreign = Array.from({ length: 3_000 }, (_, i) => `foreign ${prefix}:page:${i}`)
  await client.mset(foreign.flatMap((name) => [name, 'foreign']))
  const fill = (kind: string, count: number, tags: string[]) =>
    cache.setMany(Array.from({ length: count }, (_, i) => [`${kind} ${i}`, i] as const), { tags })
  await fill('list:', 3_000, [])
  await fill('page:even', 1_500, ['even', 'all'])
  await fill('page:odd', 1_500, ['all', 'odd'])
  const { args } = t.capture(client, 'scan', client.scan)
  const steps = () => args().map((args) => (args as unknown[]).at(-1) as number)

  t.equal(await cache.deleteMatching({ prefix: 'page:', tags: ['odd'] }), 1_500)
  const plain = steps()
  t.ok(plain.length > 10 && plain.every((step) => step === 500), `${plain}`)
  const many = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(99, 'x'))
  t.equal(await cache.deleteMatching({ tags: [...many, 'odd', 'even'] }), 1_500)
  const smaller = steps()
  t.ok(smaller.length > 100 && smaller.every((step) => step === 52), 'a megabyte of tags each', { smaller })
  t.equal(await cache.deleteMatching({ prefix: 'list:' }), 3_000)
  t.strictSame(await client.keys(`${prefix}:*`), [])
  t.equal(await client.exists(...foreign), foreign.length)
  await client.del(...foreign)

  await fill('page:', 3, ['x'])
  const huge = Array.from({ length: 1_100 }, (_, i) => `${i}`.padStart(999, 'x'))
  steps()
  t.equal(await store.clear({ tags: [...huge, 'x'] }), 3)
  t.ok(steps().every((step) => step === 1), 'a key at a time at least')
})

t.test('deleteMatching() by tags reads headers of any length, and no payloads', async (t) => {
  const { cache, store, prefix } = setUp()
  const lengths = [1, ...Array.from({ length: 80 }, (_, i) => 150 + i), 1_000]
  for (const payload of ['', 'x'.repeat(10_000)]) {
    await Promise.all(lengths.map((length) => cache.set(`key ${length}`, payload, { tags: ['t'.repeat(length), 'x'] })))
    await cache.set('many', payload, { tags: [...Array.from({ length: 5_000 }, (_, i) => `tag ${i}`), 'x'] })
    t.equal(await cache.deleteMatching({ tags: ['y'] }), 0)
    const commands = await recordScriptCommands(async () => {
      t.equal(await store.clear({ prefix: 'key', tags: ['x'] }), lengths.length)
    })
    t.notOk(commands.some(([verb]) => verb === 'GET'))
    const ranges = commands.filter(([verb]) => verb === 'GETRANGE')
    const reads = ranges.map(([, , from, to]) => Number(to) - Number(from) + 1)
    t.ok(reads.length > lengths.length, 'some headers need two reads')
    t.ok(Math.max(...reads) < 1_100, 'and these read only the header', { reads })
    t.equal(await cache.deleteMatching({ tags: ['tag 4999'] }), 1)
    t.strictSame(await client.keys(`${prefix}:*`), [])
  }
})

t.test('deleteMatching() by tags deletes an entry under a lease, and leaves the lease', async (t) => {
  const { cache, store, prefix } = setUp()
  for (const length of [1, ...Array.from({ length: 80 }, (_, i) => 120 + i), 1_000]) {
    const key = `key ${length}`
    await cache.set(key, 'value', { tags: ['t'.repeat(length), 'x'] })
    const { entry, lease } = await leaseEntry(store, key)
    t.equal(await store.clear({ tags: ['y'] }), 0)
    t.match(await store.acquire!(key), { stale: { tags: entry.tags }, wait: Function })
    t.equal(await store.clear({ tags: ['x'] }), 1, key)
    const found = await store.acquire!(key)
    t.match(found, { wait: Function })
    t.notHas(found, { stale: Object })
    t.ok(await client.pttl(`${prefix}:${key}`) <= 2_000, 'and expires by itself')
    t.equal(await lease.release(), true, 'it is still held')
    t.equal(await client.exists(`${prefix}:${key}`), 0, key)
  }
})

t.test('deleteMatching() by tags leaves loads that started after the invalidation, and their followers', async (t) => {
  const { cache, store, other } = setUp()
  await cache.set('key', 'old', { tags: ['x'] })
  await cache.invalidateTags(['x'])
  const [held, second] = [deferredLoader(), deferredLoader()]
  const first = cache.getOrSet('key', held.load, { tags: ['x'] })
  await held.began
  t.equal(await store.clear({ tags: ['x'] }), 1) // as deleteMatching() does after it has invalidated the tags
  const waiter = other.getOrSet('key', second.load, { tags: ['x'] })
  held.end('new')
  t.strictSame(await Promise.all([first, waiter]), ['new', 'new'])
  t.equal(second.runs(), 0)
  t.equal(await other.get('key'), 'new')
})

t.test('a stale entry that was deleted under a lease is not restored by release()', async (t) => {
  const { cache, store, other } = setUp()
  await cache.set('key', 'old', { tags: ['x'] })
  const { entry, lease } = await leaseEntry(store, 'key')
  t.equal(await store.clear({ tags: ['x'] }), 1)
  await lease.release(1_000, entry)
  t.strictSame(await other.lookup('key'), { miss: 'absent' })
})

t.test('an expired lease is deleted with its entry', async (t) => {
  const { cache, store, prefix } = setUp()
  await cache.set('key', 'old', { tags: ['x'] })
  const { lease } = await leaseEntry(store, 'key')
  await lease.release(1)
  await until('the lease has expired', async () => {
    const [seconds, micros] = await client.time() as [number, number]
    const head = await client.getrangeBuffer(`${prefix}:key`, 0, 9)
    return seconds * 1_000 + Math.floor(micros / 1_000) > head.readDoubleBE(2)
  })
  t.equal(await store.clear({ tags: ['x'] }), 1)
  t.equal(await client.exists(`${prefix}:key`), 0)
})

t.test('deleteMatching() works if the memory of Redis is full', async (t) => {
  const { cache, store, prefix } = setUp()
  await cache.setMany([['a', 1], ['b', 2], ['c', 3]], { tags: ['x'] })
  const { lease } = await leaseEntry(store, 'b')
  await client.config('SET', 'maxmemory', '1')
  t.teardown(() => client.config('SET', 'maxmemory', '0'))
  t.equal(await store.clear({ tags: ['x'] }), 3)
  t.strictSame(await client.keys(`${prefix}:*`), [])
  await client.config('SET', 'maxmemory', '0')
  const times = { storedAt: 0, freshUntil: Infinity, staleUntil: Infinity }
  t.equal(await lease.fill({ payload: Uint8Array.of(1), ...times, tags: [], stamp: '' }), 'revoked')
})

t.test('deleteMatching() by prefix revokes leases, and counts only entries', async (t) => {
  const { cache, other, store, prefix } = setUp()
  await cache.set('page:old', 'old')
  const over = await leaseEntry(store, 'page:old')
  const [held, kept] = [deferredLoader(), deferredLoader()]
  const first = cache.getOrSet('page:new', held.load)
  const elsewhere = cache.getOrSet('list', kept.load)
  await Promise.all([held.began, kept.began])
  t.equal(await client.exists(`${prefix}:page:new`), 1)
  t.equal(await other.deleteMatching({ prefix: 'page:' }), 1)
  t.strictSame(await client.keys(`${prefix}:page:*`), [])
  t.equal(await over.lease.fill(over.entry), 'revoked')
  t.equal(await other.getOrSet('page:new', () => 'new'), 'new', 'no caller waits for the revoked lease')
  held.end('old')
  kept.end('kept')
  t.strictSame(await Promise.all([first, elsewhere]), ['old', 'kept'])
  t.strictSame([...await other.getMany(['page:old', 'page:new', 'list'])], [['page:new', 'new'], ['list', 'kept']])
})
