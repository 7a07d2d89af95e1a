import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Redis } from 'ioredis'
import t from 'tap'
import {
  createCache, isMiss, memoryStore, memoryVersions, REDIS_CHANNEL, type RedisEvent, redisStore, tieredStore,
  type Versions
} from '../../src/cache/index.ts'
import { memoizedVersions } from '../../src/cache/versions/memoized.ts'
import { fakeClock } from '../support/clock.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'
import { startRestartableRedis } from '../support/restartable-redis.ts'
import { until } from '../support/until.ts'
import { deferredLoader } from '../support/deferred-loader.ts'
import { listen } from '../support/record-events.ts'

/** The members of a cache that show its state, for metrics and explain. */

const redis = await startRestartableRedis(t)
const client = new Redis(redis.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
client.on('error', () => {})
t.teardown(() => client.disconnect())
await until('the client is ready', () => client.status === 'ready')

t.test('peek finds what lookup finds, and emits no event', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: patientRedisStore({ client, prefix: 'inspect', now: clock.now }), now: clock.now })
  t.match(await cache.peek('key'), { miss: 'absent' })
  await cache.set('key', 'value', { ttl: 10, tags: ['tag'] })
  const { events } = listen(t, cache)
  const found = await cache.peek('key')
  t.ok(!isMiss(found) && found.tags.includes('tag'))
  clock.advance(10)
  t.match(await cache.peek('key'), { miss: 'expired', seen: { tags: ['tag'] } })
  t.same(events, [])
  for (const key of ['', 'x'.repeat(1_025)]) t.throws(() => cache.peek(key), { code: 'FST_ERR_LARDER_ARGUMENT' })
})

t.test('tagStates returns the version of each tag, and whether it changed', async (t) => {
  const versions = memoryVersions()
  const cache = createCache({ store: memoryStore(), versions })
  await cache.set('key', 1, { tags: ['a', 'b'] })
  const entry = await cache.peek('key')
  if (isMiss(entry)) throw new Error('the entry is not stored')
  const before = await cache.tagStates(entry)
  t.match(before, [{ tag: 'a', changed: false }, { tag: 'b', changed: false }])
  await cache.invalidateTags(['b'])
  const after = await cache.tagStates(entry)
  t.match(after, [{ tag: 'a', changed: false }, { tag: 'b', changed: true }])
  t.equal(after[0]!.version, before[0]!.version)
  t.not(after[1]!.version, before[1]!.version)
  const tags = Array.from({ length: 150 }, (_, i) => `t${i}`)
  t.equal((await cache.tagStates({ ...entry, tags })).length, 100, 'the first hundred')
})

t.test('tagStates with a clock that fails, and with one that has no versionOf', async (t) => {
  const { versionOf: _, ...plain } = memoryVersions()
  const entry = {
    payload: Buffer.of(1),
    storedAt: 0,
    freshUntil: Infinity,
    staleUntil: Infinity,
    tags: ['a'],
    stamp: plain.stamp() as string
  }
  t.same(await createCache({ store: memoryStore(), versions: plain }).tagStates(entry), [
    { tag: 'a', version: undefined, changed: false }
  ])
  const fail = () => { throw new Error('unavailable') }
  const failing: Versions = { ...plain, firstChanged: fail, versionOf: fail }
  const cache = createCache({ store: memoryStore(), versions: failing })
  const { events } = listen(t, cache)
  t.same(await cache.tagStates(entry), [{ tag: 'a', version: undefined, changed: undefined }])
  t.match(events, [{ type: 'error', doing: 'firstChanged' }, { type: 'error', doing: 'versionOf' }])
})

t.test('versionOf returns another version after each change, in every clock', async (t) => {
  const clock = fakeClock()
  const far = memoryVersions()
  for (const [name, versions] of Object.entries<Versions>({
    memory: memoryVersions(),
    near: memoizedVersions({ remote: far, isTrusted: () => true, now: clock.now }),
    redis: patientRedisStore({ client, prefix: 'versions' }).versions
  })) {
    const found = [await versions.versionOf!('tag')]
    const other = await versions.versionOf!('other')
    for (let changes = 0; changes < 3; changes++) {
      await versions.invalidate(['tag'])
      found.push(await versions.versionOf!('tag'))
    }
    t.equal(new Set(found).size, 4, name)
    t.equal(await versions.versionOf!('other'), other, name)
  }
  const { versionOf: _, ...plain } = far
  const memoized = memoizedVersions({ remote: plain, isTrusted: () => true, now: clock.now })
  t.notOk('versionOf' in memoized, 'it has no more members than the clock that it memoizes')
})

t.test('loadsInFlight counts the loads of all keys', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const deferred = [deferredLoader(), deferredLoader()]
  t.equal(cache.loadsInFlight, 0)
  const loads = [...deferred, deferred[0]!].map(({ load }, i) => cache.getOrSet(`key${i % 2}`, load))
  await Promise.all(deferred.map(({ began }) => began))
  t.equal(cache.loadsInFlight, 2)
  for (const { end } of deferred) end(1)
  await Promise.all(loads)
  t.equal(cache.loadsInFlight, 0)
})

t.test('each Redis command emits an event; storeAvailable is false while the circuit is open', async (t) => {
  const events: RedisEvent[] = []
  const listener = (message: unknown) => {
    // The backplane sends its heartbeats, EVAL commands, at any time.
    if ((message as RedisEvent).command !== 'EVAL') events.push(message as RedisEvent)
  }
  const far = redisStore({ client, prefix: 'up' })
  const cache = createCache({ store: tieredStore({ near: memoryStore(), far }) })
  t.teardown(() => cache.close())
  const alone = createCache({ store: memoryStore() })
  t.equal(cache.storeAvailable, true)
  t.equal(alone.storeAvailable, true, 'a store in this process is always available')

  subscribe(REDIS_CHANNEL, listener)
  t.teardown(() => unsubscribe(REDIS_CHANNEL, listener))
  t.equal(REDIS_CHANNEL, 'larder:redis')
  await cache.set('key', 1)
  await cache.get('key')
  t.ok(events.length >= 2)
  for (const { client: source, command, outcome, ms } of events.splice(0)) {
    t.equal(source, client)
    t.match(command, /^[A-Z]+$/)
    t.equal(outcome, 'ok')
    t.ok(ms > 0)
  }

  await client.lpush('up:list', 'not an entry of ours')
  await cache.get('list')
  t.match(events.splice(0), [{ command: 'GET', outcome: 'error' }])

  await redis.stop()
  await until(
    'the circuit is open', async () => { await cache.get(`key${events.length}`); return !cache.storeAvailable }
  )
  const outcomes = new Set(events.splice(0).map(({ outcome }) => outcome))
  t.ok(outcomes.has('timeout') || outcomes.has('error'), 'the commands that opened it')
  await cache.get('another')
  t.same(events, [], 'a command that is not sent emits no event')
  await redis.goOn()
  await until('the circuit is closed', () => cache.storeAvailable)

  unsubscribe(REDIS_CHANNEL, listener)
  await cache.get('key')
  t.same(events, [])
})

t.test('storeAvailable is true for a tiered store over a memory store', async (t) => {
  const cache = createCache({ store: tieredStore({ near: memoryStore(), far: memoryStore() }) })
  t.equal(cache.storeAvailable, true)
})
