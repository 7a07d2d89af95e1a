import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type Cache, createCache, type Entry, memoryStore, tieredStore } from '../../../../src/cache/index.ts'
import { type RedisBackplane, redisBackplane } from '../../../../src/cache/stores/redis/backplane.ts'
import type { Backplane, BackplaneListener } from '../../../../src/cache/stores/store.ts'
import { type FakeClock, fakeClock } from '../../../support/clock.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { countReads, holdBack, newPrefix, turn } from './set-up.ts'

const { port } = await startRedis(t)

/** A process whose L2 has a backplane that the test drives. */
function setUp () {
  const { now, advance } = fakeClock()
  let listener: BackplaneListener | undefined
  const backplane = { caughtUpTo: -Infinity, listen: (by: BackplaneListener) => { listener = by } }
  const farStore = memoryStore({ now })
  const { held, ...holding } = holdBack({ ...farStore, backplane })
  const far = countReads(held)
  const store = tieredStore({ near: memoryStore({ now }), far, nearTtl: 5, now })
  return {
    now,
    advance,
    backplane: backplane as { -readonly [K in keyof Backplane]: Backplane[K] },
    listener: listener!,
    store,
    far,
    mine: createCache({ store, now }),
    theirs: createCache({ store: farStore, now }),
    ...holding
  }
}

t.test('L1 is trusted while the backplane catches up, and for nearTtl after it stops', async (t) => {
  const { now, advance, backplane, theirs, mine, far } = setUp()
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  for (let i = 0; i < 10; i++) {
    advance(4)
    backplane.caughtUpTo = now() - 1_000
    t.equal(await mine.get('key'), 'old')
  }
  t.equal(far.reads, 1)
  await theirs.set('key', 'new')
  advance(3.999)
  t.equal(await mine.get('key'), 'old', 'the backplane is down')
  advance(0.001)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
  advance(4.999)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
  advance(0.001)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 3)
})

t.test('after the system clock was set back, L1 trusts nothing that it dates in the future', async (t) => {
  const { now, advance, backplane, theirs, mine } = setUp()
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  backplane.caughtUpTo = now()
  advance(-3600)
  await theirs.set('key', 'new')
  t.equal(await mine.get('key'), 'new')
})

t.test('onEntry() deletes one key from L1, and onAll() every key', async (t) => {
  const { listener, theirs, mine, far } = setUp()
  await theirs.setMany([['a', 'old'], ['b', 'old']])
  await mine.getMany(['a', 'b'])
  await theirs.setMany([['a', 'new'], ['b', 'new']])
  listener.onEntry('a')
  listener.onEntry('c')
  t.strictSame([...(await mine.getMany(['a', 'b'])).values()], ['new', 'old'])
  t.equal(far.reads, 3)
  listener.onAll()
  t.strictSame([...(await mine.getMany(['a', 'b'])).values()], ['new', 'new'])
})

t.test('a read that onEntry() or onAll() overtakes does not fill L1', async (t) => {
  for (const message of ['onEntry', 'onAll'] as const) {
    const { listener, theirs, mine, far, hold } = setUp()
    await theirs.setMany([['key', 'old'], ['other', 'old']])
    const release = hold()
    const overtaken = Promise.all([mine.get('key'), mine.get('key'), mine.get('other')])
    await turn()
    await theirs.set('key', 'new')
    listener[message]('key')
    release()
    t.strictSame(await overtaken, ['old', 'old', 'old'])
    t.equal(await mine.get('key'), 'new')
    t.equal(far.reads, 4)
    await mine.get('other')
    t.equal(far.reads, message === 'onAll' ? 5 : 4)
  }
})

t.test('a hit in L1, and its version check, need no promise', async (t) => {
  const { theirs, store } = setUp()
  await theirs.set('key', 1, { tags: ['a'] })
  const first = store.get('key')
  t.type(first, Promise)
  const second = store.get('key') as Entry | Promise<Entry>
  t.type(second, Promise, 'L1 is not filled yet')
  await Promise.all([first, second])
  const { stamp, tags } = store.get('key') as Entry
  t.strictSame(tags, ['a'])
  t.type(store.versions.firstChanged(stamp, tags), Promise)
  await store.versions.firstChanged(stamp, tags)
  t.equal(store.versions.firstChanged(stamp, tags), undefined)
})

t.test('version checks are reused until onTag() or onAll()', async (t) => {
  for (const message of ['onTag', 'onAll'] as const) {
    const { now, advance, backplane, listener, theirs, mine } = setUp()
    await theirs.set('key', 1, { tags: ['a'] })
    t.equal(await mine.get('key'), 1)
    await theirs.invalidateTags(['a'])
    t.equal(await mine.get('key'), 1, 'the change has not been reported')
    advance(10)
    backplane.caughtUpTo = now()
    t.equal(await mine.get('key'), 1)
    listener[message]()
    t.equal(await mine.get('key'), undefined)

    await theirs.set('key', 2, { tags: ['a'] })
    listener.onEntry('key')
    t.equal(await mine.get('key'), 2)
    await theirs.invalidateTags(['a'])
    advance(5)
    t.equal(await mine.get('key'), undefined, 'the backplane is down')
  }
})

t.test('invalidateTags() is seen at once in its process', async (t) => {
  const { theirs, mine } = setUp()
  await theirs.set('key', 1, { tags: ['a'] })
  t.equal(await mine.get('key'), 1)
  await mine.invalidateTags(['a'])
  t.equal(await mine.get('key'), undefined)
})

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

/** Advances the clock, and waits until the backplane has reported all changes up to that time. */
async function advanceAndCatchUp (seconds: number, clock: FakeClock, backplane: RedisBackplane): Promise<void> {
  clock.advance(seconds)
  await until('the backplane has caught up', () => backplane.caughtUpTo === clock.now())
}

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
