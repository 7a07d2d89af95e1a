import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Miss } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { startProxy } from '../../../support/proxy.ts'
import { withRedis } from '../../../support/with-redis.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { redisCache } from '../../../support/redis-cache.ts'
import { redis, createProcesses } from '../../../support/lease-processes.ts'

t.test('a holder whose connection is cut is replaced, and its result is not stored', async (t) => {
  const line = await startProxy(t, redis.port)
  const ownLine = new Redis(line.url)
  ownLine.on('error', () => {})
  t.teardown(() => ownLine.disconnect())
  const { prefix, theirs } = createProcesses(t)
  const mine = redisCache(t, { client: ownLine, prefix })
  const held = deferredLoader()
  const first = mine.getOrSet('key', held.load)
  await held.began
  line.blackHole()
  const cutAt = performance.now()
  t.equal(await theirs.getOrSet('key', () => 'theirs'), 'theirs')
  const ms = performance.now() - cutAt
  t.ok(ms < 4_000, 'soon', { ms })
  t.comment(`replaced in ${Math.round(ms)} ms`)
  line.pass()
  held.end('mine')
  t.equal(await first, 'mine')
  t.equal(await theirs.get('key'), 'theirs')
})

for (const [how, [begin, end]] of Object.entries({
  full: [['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  'a replica': [['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']]
} as Record<string, [string[], string[]]>)) {
  t.test(`a Redis that is ${how} serves hits, and leases nothing until it takes writes again`, async (t) => {
    const { clients } = await withRedis(t, 2)
    const [client, other] = clients as [Redis, Redis]
    const clock = fakeClock()
    const { now } = clock
    const [cache, theirs] = [redisCache(t, { client, now }), redisCache(t, { client: other, now })]
    await cache.set('hit', 'kept')
    await client.call(...begin as [string, ...string[]])
    const { events } = listen(t, cache)
    t.equal(await cache.getOrSet<unknown>('hit', failingLoader), 'kept')
    t.equal(await cache.getOrSet<unknown>('hit', failingLoader), 'kept')
    t.notOk(events.some(({ type }) => type === 'error'))
    const [one, two] = [deferredLoader(), deferredLoader()]
    const asked = [cache.getOrSet('key', one.load), theirs.getOrSet('key', two.load)]
    await Promise.all([one.began, two.began])
    one.end(1)
    two.end(2)
    t.strictSame(await Promise.all(asked), [1, 2])
    t.equal(await client.exists('larder:key'), 0)

    await client.call(...end as [string, ...string[]])
    clock.advance(1)
    const held = deferredLoader()
    const first = cache.getOrSet('key', held.load)
    await held.began
    const second = theirs.getOrSet('key', failingLoader)
    held.end('kept')
    t.strictSame(await Promise.all([first, second]), ['kept', 'kept'])
  })
}

t.test('while Redis is away a load runs, and its result is not stored', async (t) => {
  const { prefix, theirs } = createProcesses(t)
  const ownClient = new Redis(redis.url)
  t.teardown(() => ownClient.disconnect())
  const mine = redisCache(t, { client: ownClient, prefix })
  await theirs.getOrSet('stale', () => 'stale', { ttl: 0.001, staleIfError: 100 })
  await sleep(2)
  const seen = await mine.lookup('stale') as Miss
  ownClient.callBuffer = (async () => { throw new Error('gone') }) as never
  t.match(await mine.load('stale', () => 'new', {}, seen), {
    value: 'new', stored: false, notStoredBecause: 'store-unavailable'
  })
})
