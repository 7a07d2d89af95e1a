import { Redis } from 'ioredis'
import t from 'tap'
import { createCache, type Entry, type Store, type LeaseResult } from '../../../../src/cache/index.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

const { url } = await startRedis(t)
const client = new Redis(url)
t.teardown(() => client.disconnect())

let prefixes = 0

function setUp () {
  const prefix = `test${++prefixes}`
  // A machine that is busy is not what is tested here.
  const newStore = () => patientRedisStore({ client, prefix })
  const store = newStore()
  return { prefix, store, cache: createCache({ store }), other: createCache({ store: newStore() }) }
}

/** The commands that scripts send meanwhile. */
async function scriptCommandsOf (work: () => Promise<unknown>): Promise<string[][]> {
  const asker = new Redis(url)
  await asker.ping() // what it says at first must not be the first that the monitor hears
  const monitor = await asker.monitor()
  asker.disconnect()
  const sent: string[][] = []
  let isOver = false
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source === 'lua') sent.push(args)
    isOver = args[1] === 'the end'
  })
  try {
    await work()
    await client.echo('the end')
    await until('all were seen', () => isOver)
    return sent
  } finally {
    monitor.disconnect()
  }
}

/** An entry under a lease, as when it is about to be renewed. */
async function leasedOver (store: Store, key: string) {
  const entry = await store.get(key) as Entry
  const { lease } = await store.acquire!(key, entry) as LeaseResult
  return { entry, lease: lease! }
}

t.test('a sweep goes through a large Redis in small steps, and in smaller ones with many tags', async (t) => {
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

t.test('tags are found in heads of any length, and nothing but heads is read for them', async (t) => {
  const { cache, store, prefix } = setUp()
  const lengths = [1, ...Array.from({ length: 80 }, (_, i) => 150 + i), 1_000]
  for (const payload of ['', 'x'.repeat(10_000)]) {
    await Promise.all(lengths.map((length) => cache.set(`key ${length}`, payload, { tags: ['t'.repeat(length), 'x'] })))
    await cache.set('many', payload, { tags: [...Array.from({ length: 5_000 }, (_, i) => `tag ${i}`), 'x'] })
    t.equal(await cache.deleteMatching({ tags: ['y'] }), 0)
    const commands = await scriptCommandsOf(async () => { t.equal(await store.clear({ prefix: 'key', tags: ['x'] }), lengths.length) })
    t.notOk(commands.some(([verb]) => verb === 'GET'))
    const reads = commands.filter(([verb]) => verb === 'GETRANGE').map(([, , from, to]) => Number(to) - Number(from) + 1)
    t.ok(reads.length > lengths.length, 'some need two reads')
    t.ok(Math.max(...reads) < 1_100, 'and those no more than their heads', { reads })
    t.equal(await cache.deleteMatching({ tags: ['tag 4999'] }), 1)
    t.strictSame(await client.keys(`${prefix}:*`), [])
  }
})

t.test('tags are found under a lease, which stays', async (t) => {
  const { cache, store, prefix } = setUp()
  for (const length of [1, ...Array.from({ length: 80 }, (_, i) => 120 + i), 1_000]) {
    const key = `key ${length}`
    await cache.set(key, 'value', { tags: ['t'.repeat(length), 'x'] })
    const { entry, lease } = await leasedOver(store, key)
    t.equal(await store.clear({ tags: ['y'] }), 0)
    t.match(await store.acquire!(key), { stale: { tags: entry.tags }, wait: Function })
    t.equal(await store.clear({ tags: ['x'] }), 1, key)
    const found = await store.acquire!(key)
    t.match(found, { wait: Function })
    t.notHas(found, { stale: Object })
    t.ok(await client.pttl(`${prefix}:${key}`) <= 2_000, 'and goes by itself')
    t.equal(await lease.release(), true, 'it is still held')
    t.equal(await client.exists(`${prefix}:${key}`), 0, key)
  }
})

t.test('a load that began since the tags moved is kept, and others go on waiting for it', async (t) => {
  const { cache, store, other } = setUp()
  await cache.set('key', 'old', { tags: ['x'] })
  await cache.invalidateTags(['x'])
  const [held, second] = [deferredLoader(), deferredLoader()]
  const first = cache.getOrSet('key', held.load, { tags: ['x'] })
  await held.began
  t.equal(await store.clear({ tags: ['x'] }), 1) // as a sweep does that moved the tags before
  const waiter = other.getOrSet('key', second.load, { tags: ['x'] })
  held.end('new')
  t.strictSame(await Promise.all([first, waiter]), ['new', 'new'])
  t.equal(second.runs(), 0)
  t.equal(await other.get('key'), 'new')
})

t.test('an old entry that was swept from under a lease does not come back with the failure to renew it', async (t) => {
  const { cache, store, other } = setUp()
  await cache.set('key', 'old', { tags: ['x'] })
  const { entry, lease } = await leasedOver(store, 'key')
  t.equal(await store.clear({ tags: ['x'] }), 1)
  await lease.release(1_000, entry)
  t.strictSame(await other.lookup('key'), { miss: 'absent' })
})

t.test('a lease that is over goes with its entry', async (t) => {
  const { cache, store, prefix } = setUp()
  await cache.set('key', 'old', { tags: ['x'] })
  const { lease } = await leasedOver(store, 'key')
  await lease.release(1)
  await until('it is over', async () => {
    const [seconds, micros] = await client.time() as [number, number]
    const head = await client.getrangeBuffer(`${prefix}:key`, 0, 9)
    return seconds * 1_000 + Math.floor(micros / 1_000) > head.readDoubleBE(2)
  })
  t.equal(await store.clear({ tags: ['x'] }), 1)
  t.equal(await client.exists(`${prefix}:key`), 0)
})

t.test('a Redis that is full can be swept', async (t) => {
  const { cache, store, prefix } = setUp()
  await cache.setMany([['a', 1], ['b', 2], ['c', 3]], { tags: ['x'] })
  const { lease } = await leasedOver(store, 'b')
  await client.config('SET', 'maxmemory', '1')
  t.teardown(() => client.config('SET', 'maxmemory', '0'))
  t.equal(await store.clear({ tags: ['x'] }), 3)
  t.strictSame(await client.keys(`${prefix}:*`), [])
  await client.config('SET', 'maxmemory', '0')
  t.equal(await lease.fill({ payload: Uint8Array.of(1), storedAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], stamp: '' }), 'revoked')
})

t.test('a sweep by a prefix revokes leases, of which those over entries count', async (t) => {
  const { cache, other, store, prefix } = setUp()
  await cache.set('page:old', 'old')
  const over = await leasedOver(store, 'page:old')
  const [held, kept] = [deferredLoader(), deferredLoader()]
  const first = cache.getOrSet('page:new', held.load)
  const elsewhere = cache.getOrSet('list', kept.load)
  await Promise.all([held.began, kept.began])
  t.equal(await client.exists(`${prefix}:page:new`), 1)
  t.equal(await other.deleteMatching({ prefix: 'page:' }), 1)
  t.strictSame(await client.keys(`${prefix}:page:*`), [])
  t.equal(await over.lease.fill(over.entry), 'revoked')
  t.equal(await other.getOrSet('page:new', () => 'new'), 'new', 'nobody waits for who had it')
  held.end('old')
  kept.end('kept')
  t.strictSame(await Promise.all([first, elsewhere]), ['old', 'kept'])
  t.strictSame([...await other.getMany(['page:old', 'page:new', 'list'])], [['page:new', 'new'], ['list', 'kept']])
})
