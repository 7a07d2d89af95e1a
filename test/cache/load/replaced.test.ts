import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import {
  type Cache, type CacheAdapter, createCache, type Lease, type LeaseResult, memoryStore
} from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'
import { withRedis } from '../../support/with-redis.ts'
import { until } from '../../support/until.ts'

/* Loads whose key changes, or is given up, while they wait for the lease of another process. */

const { client } = await withRedis(t)

let prefixes = 0

/** Two processes, one of which is loading the key; the other one waits for its lease. */
async function setUp () {
  const prefix = `test${++prefixes}`
  const newCache = () => createCache({ store: patientRedisStore({ client, prefix }) })
  const [mine, theirs] = [newCache(), newCache()]
  const held = deferredLoader<string>()
  const their = theirs.getOrSet('key', held.load)
  await held.began
  return { mine, theirs, held, their }
}

async function untilWaiting (cache: CacheAdapter): Promise<void> {
  const clients = () => client.call('PUBSUB', 'NUMSUB', `test${prefixes}#filled:key`) as Promise<[string, number]>
  await until('it waits for the lease', async () => cache.loadsInFlight > 0 && (await clients())[1] > 0)
}

const writes: Record<string, [(cache: Cache) => Promise<unknown>, unknown]> = {
  set: [(cache) => cache.set('key', 'written'), 'written'],
  add: [async (cache) => { await cache.delete('key'); await cache.add('key', 'written') }, 'written'],
  delete: [(cache) => cache.delete('key'), 'loaded by the next caller']
}

for (const [verb, [write, expected]] of Object.entries(writes)) {
  t.test(`${verb} while a load waits for a lease: its loader does not run if there is a value`, async (t) => {
    const { mine, held, their } = await setUp()
    const waiting = mine.getOrSet<unknown>('key', failingLoader)
    await untilWaiting(mine)
    await write(mine)
    const next = mine.getOrSet<unknown>('key', () => 'loaded by the next caller')
    t.strictSame(await Promise.all([waiting, next]), [expected, expected])
    held.end('old')
    t.equal(await their, 'old')
    t.equal(await mine.get('key'), expected)
  })
}

t.test('delete while a load waits for a lease: its loader runs if no other caller loads', async (t) => {
  const { mine, theirs, held, their } = await setUp()
  const waiting = mine.getOrSet('key', () => 'new')
  await untilWaiting(mine)
  await mine.delete('key')
  t.equal(await waiting, 'new')
  held.end('old')
  await their
  t.equal(await theirs.get('key'), 'new', 'and its result is stored')
})

t.test('a caller that does not wait returns nothing, and no other caller gets that', async (t) => {
  const { mine, held, their } = await setUp()
  const impatient = mine.load('key', failingLoader, { wait: false })
  const others = [mine.getOrSet('key', failingLoader), mine.getOrSet('key', failingLoader)]
  t.strictSame(await impatient, { value: undefined, stored: false })
  const late = mine.getOrSet('key', failingLoader)
  held.end('value')
  t.strictSame(await Promise.all([their, ...others, late]), Array(4).fill('value'))
})

t.test('a caller that waits for a load which gives up loads for itself', async (t) => {
  const found: Array<LeaseResult | Promise<LeaseResult>> = []
  const lease: Lease = { fill: () => 'stored', release: () => true }
  const cache = createCache({ store: { ...memoryStore(), acquire: () => found.shift()! } })
  const { promise: asked, resolve } = Promise.withResolvers<LeaseResult>()
  found.push({ lease }, asked, { lease })
  const held = deferredLoader<string>()
  const first = cache.getOrSet('key', held.load)
  await held.began
  const follower = cache.getOrSet('key', () => 'loaded after')
  await setImmediate() // it has joined
  await cache.delete('key')
  const impatient = cache.load('key', failingLoader, { wait: false })
  held.end('old')
  t.equal(await first, 'old')
  await setImmediate() // the follower waits for the next load
  resolve({ wait () { throw new Error('it does not wait') } })
  t.strictSame(await impatient, { value: undefined, stored: false })
  t.equal(await follower, 'loaded after')
})

t.test('a load whose key was written while it acquired the lease returns what was written', async (t) => {
  const { promise: asked, resolve } = Promise.withResolvers<LeaseResult>()
  const lease: Lease = { fill: () => 'stored', release: () => true }
  const waiter = { async next () {}, end () {} }
  const found: Array<LeaseResult | Promise<LeaseResult>> = [{ wait: () => waiter }, asked]
  const cache = createCache({ store: { ...memoryStore(), acquire: () => found.shift()! } })
  const waiting = cache.getOrSet<unknown>('key', failingLoader)
  await setImmediate()
  await cache.set('key', 'written')
  resolve({ lease })
  t.equal(await waiting, 'written')
})
