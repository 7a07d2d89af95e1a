import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createCache, REDIS_CHANNEL, type RedisEvent } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { startRedis } from '../../../support/redis.ts'

const { url } = await startRedis(t)
const client = new Redis(url)
const other = new Redis(url)
t.teardown(() => { client.disconnect(); other.disconnect() })
await Promise.all([client.ping(), other.ping()])

let prefixes = 0

function setUp (t: Test) {
  const prefix = `shared${++prefixes}`
  const { now } = fakeClock()
  const store = patientRedisStore({ client, prefix, now })
  const cache = createCache({ store, now })
  const commands: string[] = []
  const hear = (message: unknown) => {
    const event = message as RedisEvent
    if (event.client === client) commands.push(event.command)
  }
  subscribe(REDIS_CHANNEL, hear)
  t.teardown(() => unsubscribe(REDIS_CHANNEL, hear))
  return { prefix, store, cache, sent: () => commands.splice(0) }
}

t.test('reads of one key in one turn are one command', async (t) => {
  const { cache, sent } = setUp(t)
  await cache.set('a', 1)
  await cache.set('b', 2)
  sent()
  t.strictSame(await Promise.all([cache.get('a'), cache.get('a'), cache.get('b'), cache.get('a')]), [1, 1, 2, 1])
  t.strictSame(sent(), ['GET', 'GET'])
  await cache.get('a')
  await cache.get('a')
  t.strictSame(sent(), ['GET', 'GET'], 'later ones ask anew')
})

t.test('reads that find nothing are not shared', async (t) => {
  const { cache, sent } = setUp(t)
  t.strictSame(await Promise.all([cache.get('none'), cache.get('none')]), [undefined, undefined])
  t.strictSame(sent(), ['GET', 'GET'])
  let loads = 0
  const load = async () => ++loads
  t.strictSame(await Promise.all([1, 2, 3].map(() => cache.getOrSet('loaded', load))), [1, 1, 1])
  t.equal(loads, 1)
})

t.test('a read after a write sees it, also where nobody has waited for the write', async (t) => {
  const { cache, store } = setUp(t)
  await cache.set('other', 7)
  const other = (await store.get('other'))!
  const valueAt = async (key: string) => (await store.get(key))?.payload
  const writes: Record<string, [write: () => unknown, payload: unknown]> = {
    set: [() => store.set('key', { ...other, payload: Buffer.from('9') }), Buffer.from('9')],
    add: [() => store.add('key', { ...other, payload: Buffer.from('9') }, other), Buffer.from('9')],
    increment: [() => store.increment('key', 1, other), Buffer.from('8')],
    touch: [() => store.touch('key', other.freshUntil, other.staleUntil), other.payload],
    delete: [() => store.delete(['key']), undefined],
    clear: [() => store.clear(), undefined]
  }
  for (const [name, [write, payload]] of Object.entries(writes)) {
    // Redis does not know a script before it is used for the first time.
    await write()
    await store.set('key', other)
    const before = valueAt('key')
    const written = write()
    const after = valueAt('key')
    await written
    if (name !== 'clear') t.same(await after, payload, name) // which asks for the keys first
    await before
  }
})

t.test('a read that begins after another process has written sees that', async (t) => {
  const { cache, prefix } = setUp(t)
  for (let i = 0; i < 200; i++) {
    await cache.set('key', i)
    const reads = [cache.get('key')]
    await new Promise(setImmediate)
    await other.del(`${prefix}:key`)
    t.equal(await cache.get('key'), undefined)
    await Promise.all(reads)
  }
})

t.test('a failure is that of all who asked together', async (t) => {
  const lost = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  lost.on('error', () => {})
  await new Promise((resolve) => lost.once('ready', resolve))
  const store = patientRedisStore({ client: lost, prefix: 'lost' })
  t.teardown(() => { store.close(); lost.disconnect() })
  const both = Promise.allSettled([store.get('key'), store.get('key')])
  lost.stream.destroy()
  t.strictSame((await both).map(({ status }) => status), ['rejected', 'rejected'])
})

t.test('where commands are sent one by one, as to a cluster, each read is one of its own', async (t) => {
  const single = new Proxy(client, {
    get (client, name) {
      if (name === 'stream') return undefined
      const value: unknown = Reflect.get(client, name)
      return typeof value === 'function' ? value.bind(client) as unknown : value
    }
  })
  const prefix = `shared${++prefixes}`
  const { now } = fakeClock()
  const mine = createCache({ store: patientRedisStore({ client: single, prefix, now }), now })
  const theirs = createCache({ store: patientRedisStore({ client: other, prefix, now }), now })
  t.teardown(() => Promise.all([mine.close(), theirs.close()]))
  await theirs.set('a', 'old')
  t.strictSame(await Promise.all([mine.get('a'), mine.get('a')]), ['old', 'old'])
  await theirs.set('a', 'new')
  t.equal(await mine.get('a'), 'new')
})
