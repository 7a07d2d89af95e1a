import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type Cache, createCache, memoryStore, tieredStore } from '../../../../src/cache/index.ts'
import { type RedisBackplane, redisBackplane } from '../../../../src/cache/stores/redis/backplane.ts'
import { type FakeClock, fakeClock } from '../../../support/clock.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { countReads, newPrefix, turn } from './set-up.ts'

const { port } = await startRedis(t)

interface RedisSetting {
  nearTtl?: number
  now?: () => number
  port?: number
  deadlineMs?: number
}

/** A process whose backplane has its own connection to Redis, and another process without L1. */
async function overRedis (t: Test, setting: RedisSetting = {}) {
  const { nearTtl = 600, now = Date.now, port: to = port, deadlineMs = 2_000 } = setting
  const prefix = newPrefix()
  const line = await startProxy(t, to)
  const backplaneClient = new Redis(line.url, { retryStrategy: () => 20 })
  const [myClient, theirClient] = [new Redis(to), new Redis(to)]
  for (const client of [backplaneClient, myClient, theirClient]) {
    client.on('error', () => {})
    t.teardown(() => client.disconnect())
  }
  const timing = { heartbeatMs: 10, deadlineMs, retryMs: 10, maxRetryMs: 100 }
  const backplane = redisBackplane(backplaneClient, prefix, now, timing)!
  t.teardown(() => backplane.close())
  const far = countReads({ ...patientRedisStore({ client: myClient, prefix, now }), backplane })
  return {
    prefix,
    line,
    backplane,
    far,
    mine: createCache({ store: tieredStore({ near: memoryStore({ now }), far, nearTtl, now }), now }),
    theirs: createCache({ store: patientRedisStore({ client: theirClient, prefix, now }), now }),
    theirClient
  }
}

/** Reads a key until it has a value. */
async function untilSeen (cache: Cache, key: string, value: unknown): Promise<void> {
  await until(`${key} is ${value}`, async () => await cache.get(key) === value)
}

async function untilConnected (backplane: RedisBackplane): Promise<void> {
  await until('the backplane has caught up once', () => backplane.caughtUpTo > 0)
}

/** Advances the clock, and waits until the backplane has reported all changes up to that time. */
async function advanceAndCatchUp (seconds: number, clock: FakeClock, backplane: RedisBackplane): Promise<void> {
  clock.advance(seconds)
  await until('the backplane has caught up', () => backplane.caughtUpTo === clock.now())
}

t.test('a change by another process is seen long before nearTtl', async (t) => {
  const { prefix, mine, theirs, theirClient, backplane } = await overRedis(t)
  await untilConnected(backplane)
  const changes: Record<string, [() => Promise<unknown>, unknown]> = {
    set: [() => theirs.set('key', 'new'), 'new'],
    delete: [() => theirs.delete('key'), undefined],
    clear: [() => theirs.clear(), undefined],
    'deleteMatching by prefix': [() => theirs.deleteMatching({ prefix: 'k' }), undefined],
    'deleteMatching by tags': [() => theirs.deleteMatching({ tags: ['a'] }), undefined],
    invalidateTags: [() => theirs.invalidateTags(['a']), undefined],
    expiry: [() => theirs.touch('key', 0.01), undefined],
    'redis-cli DEL': [() => theirClient.del(`${prefix}:key`), undefined],
    'redis-cli FLUSHALL': [() => theirClient.flushall(), undefined]
  }
  for (const [name, [change, value]] of Object.entries(changes)) {
    await theirs.set('key', 'old', { tags: ['a'] })
    await untilSeen(mine, 'key', 'old')
    await change()
    await untilSeen(mine, 'key', value)
    t.pass(name)
  }
})

t.test('while nothing changes, a hit in L1 costs no round trip, with or without tags', async (t) => {
  const clock = fakeClock()
  const { mine, theirs, backplane, far } = await overRedis(t, { nearTtl: 5, now: clock.now })
  await theirs.set('key', 1, { tags: ['a'] })
  await advanceAndCatchUp(0.001, clock, backplane)
  let checks = 0
  const { firstChanged } = far.versions
  far.versions.firstChanged = (stamp, tags) => {
    checks++
    return firstChanged(stamp, tags)
  }
  t.equal(await mine.get('key'), 1)
  for (let i = 0; i < 10; i++) {
    await advanceAndCatchUp(4, clock, backplane)
    t.equal(await mine.get('key'), 1)
  }
  t.strictSame([far.reads, checks], [1, 1])
})

t.test('no hit is older than nearTtl if the connection of the backplane goes silent', async (t) => {
  const clock = fakeClock()
  const { mine, theirs, backplane, line } = await overRedis(t, { nearTtl: 5, now: clock.now, deadlineMs: 60_000 })
  await theirs.setMany([['deleted', 'old'], ['written', 'old']])
  await theirs.set('tagged', 'old', { tags: ['a'] })
  const keys = ['deleted', 'written', 'tagged']
  await advanceAndCatchUp(0.001, clock, backplane)
  t.equal((await mine.getMany(keys)).size, 3)
  await advanceAndCatchUp(3, clock, backplane)
  line.blackHole()
  await Promise.all([theirs.delete('deleted'), theirs.set('written', 'new'), theirs.invalidateTags(['a'])])
  clock.advance(4.999)
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old'])
  clock.advance(0.001)
  t.strictSame([...await mine.getMany(keys)], [['written', 'new']])
})

t.test('no hit is older than nearTtl if connections are cut or go silent at random', async (t) => {
  const nearTtl = 0.3
  const { mine, theirs, far, backplane, line, theirClient } = await overRedis(t, { nearTtl, deadlineMs: 500 })
  const committedAt = [0]
  await theirs.set('key', 0)
  await untilConnected(backplane)
  const end = Date.now() + 3_000
  const isOver = () => Date.now() > end
  const pause = (maxMs: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * maxMs))
  let [reads, oldest] = [0, 0]

  async function write () {
    for (let version = 1; !isOver(); version++) {
      await theirs.set('key', version)
      committedAt.push(Date.now())
      await pause(20)
    }
  }
  async function read () {
    while (!isOver()) {
      const startedAt = Date.now()
      const version = await mine.get<number>('key')
      reads++
      // How long ago this version had been replaced when the read started.
      const replacedAt = committedAt[version! + 1]
      if (replacedAt !== undefined) oldest = Math.max(oldest, startedAt - replacedAt)
      await turn()
    }
  }
  async function disturb () {
    while (!isOver()) {
      await pause(400)
      if (Math.random() < 0.5) await theirClient.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      else {
        line.blackHole()
        await pause(800)
        line.pass()
      }
    }
  }
  await Promise.all([write(), read(), disturb()])
  t.ok(reads > 2 * far.reads, 'most reads are hits in L1', { reads, far: far.reads })
  t.ok(oldest <= nearTtl * 1000, 'age of the oldest hit', { oldest })
})

t.test('no hit is older than nearTtl if Redis hangs or restarts, and later changes are seen', async (t) => {
  const redis = await startRedis(t)
  const { mine, theirs, backplane } = await overRedis(t, { nearTtl: 0.5, port: redis.port, deadlineMs: 500 })
  await theirs.set('key', 'old')
  await untilConnected(backplane)
  await untilSeen(mine, 'key', 'old')
  process.kill(redis.pid, 'SIGSTOP')
  const stoppedAt = Date.now()
  await until('L1 is not trusted', () => backplane.caughtUpTo <= stoppedAt && Date.now() > stoppedAt + 500)
  const reading = mine.get('key')
  process.kill(redis.pid, 'SIGCONT')
  t.equal(await reading, 'old', 'from L2')
  await until('the backplane has caught up', () => backplane.caughtUpTo > stoppedAt + 500)
  await theirs.set('key', 'new')
  await untilSeen(mine, 'key', 'new')

  process.kill(redis.pid, 'SIGKILL')
  await startRedis(t, '--port', String(redis.port))
  await untilSeen(mine, 'key', undefined)
  const restartedAt = Date.now() + 1
  await until('the backplane has caught up', () => backplane.caughtUpTo >= restartedAt)
  await until('a new value is stored', async () => {
    await theirs.set('key', 'newest')
    return await mine.get('key') === 'newest'
  })
  t.pass()
})
