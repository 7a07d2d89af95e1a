import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  type Cache, createCache, type Entry, memoryStore, type Store, tieredStore, type TieredStoreOptions
} from '../../../src/cache/index.ts'
import { type RedisFeed, redisBackplane } from '../../../src/cache/stores/redis/backplane.ts'
import type { Backplane, BackplaneListener, LeaseResult } from '../../../src/cache/stores/store.ts'
import { type FakeClock, fakeClock } from '../../support/clock.ts'
import { startProxy } from '../../support/proxy.ts'
import { startRedis } from '../../support/redis.ts'
import { cacheContract } from '../../support/store-contract/index.ts'
import { until } from '../../support/until.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

const { url, port } = await startRedis(t)
const client = new Redis(url)
t.teardown(() => client.disconnect())

let prefixes = 0
const newPrefix = () => `test${++prefixes}`

cacheContract(t, 'memoryStore over memoryStore', (now) =>
  tieredStore({ near: memoryStore({ now }), far: memoryStore({ now }), now }))

/** A Redis store that tells nobody of its changes, as that of a cluster. */
function silentStore (now: () => number): Store {
  const { backplane, ...silent } = patientRedisStore({ client, prefix: newPrefix(), now })
  return silent
}

cacheContract(t, 'memoryStore over a silent redisStore', (now) =>
  tieredStore({ near: memoryStore({ now }), far: silentStore(now), now }))

let lastFeed: RedisFeed | undefined
t.teardown(() => lastFeed?.close())

cacheContract(t, 'memoryStore over redisStore', (now) => {
  lastFeed?.close()
  const prefix = newPrefix()
  const changes = lastFeed = redisBackplane(client, prefix, now)!
  return tieredStore({ near: memoryStore({ now }), far: { ...patientRedisStore({ client, prefix, now }), backplane: changes }, now })
})

/** A store over another that counts how often it is read. */
function countReads (store: Store): Store & { reads: number } {
  const counting = {
    ...store,
    reads: 0,
    get (key: string) {
      counting.reads++
      return store.get(key)
    }
  }
  return counting
}

/** A store over another that can hold the answers of reads, and the beginning of deletions, back. */
function holdBack (store: Store) {
  let gate: PromiseWithResolvers<void> | undefined
  const held: Store = {
    ...store,
    async get (key) {
      const seen = await store.get(key)
      await gate?.promise
      return seen
    },
    async delete (keys) {
      await gate?.promise
      return await store.delete(keys)
    }
  }
  return {
    held,
    /** From now on. Answers how to let go of what is held, and of what comes later. */
    hold () {
      const { resolve } = gate = Promise.withResolvers<void>()
      return () => {
        gate = undefined
        resolve()
      }
    },
    /** What is held stays held; what comes later does not. */
    holdNoMore () { gate = undefined }
  }
}

/** Lets everything happen that waits for nothing but its turn. */
const turn = () => new Promise(setImmediate)

/** One process with a near store, and its far one as others see it. */
function oneProcess (nearTtl: number) {
  const clock = fakeClock()
  const far = memoryStore({ now: clock.now })
  const { held, ...holding } = holdBack(far)
  const near = memoryStore({ now: clock.now })
  return {
    clock,
    mine: createCache({ store: tieredStore({ near, far: held, nearTtl, now: clock.now }), now: clock.now }),
    far: createCache({ store: far, now: clock.now }),
    ...holding
  }
}

/** Two processes, each with a near store of its own, over one far store that tells nothing. */
function twoProcesses (nearTtl?: number) {
  const clock = fakeClock()
  const far = countReads(silentStore(clock.now))
  const newCache = () => createCache({
    store: tieredStore({
      near: memoryStore({ now: clock.now }), far, now: clock.now, ...nearTtl !== undefined && { nearTtl }
    }),
    now: clock.now
  })
  return { clock, far, mine: newCache(), theirs: newCache() }
}

t.test('what was read from the far store is read from the near one for nearTtl, by default a second', async (t) => {
  const { clock, far, mine } = twoProcesses()
  await mine.set('key', 'value')
  t.equal(await mine.get('key'), 'value')
  t.equal(far.reads, 1)
  clock.advance(0.999)
  t.equal(await mine.get('key'), 'value')
  t.equal(far.reads, 1)
  clock.advance(0.001)
  t.equal(await mine.get('key'), 'value')
  t.equal(far.reads, 2)
  t.equal(await mine.get('missing'), undefined)
  t.equal(await mine.get('missing'), undefined)
  t.equal(far.reads, 4)
})

t.test('what another process deletes or writes is seen when nearTtl is over, and not later', async (t) => {
  const { clock, mine, theirs } = twoProcesses(5)
  await theirs.setMany([['deleted', 'old'], ['swept', 'old'], ['written', 'old'], ['cleared', 'old']])
  const keys = ['deleted', 'swept', 'written', 'cleared']
  t.equal((await mine.getMany(keys)).size, 4)
  await theirs.delete('deleted')
  t.equal(await theirs.deleteMatching({ prefix: 'sw' }), 1)
  await theirs.set('written', 'new')
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old', 'old'])
  clock.advance(4.999)
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old', 'old'])
  clock.advance(0.001)
  t.strictSame([...await mine.getMany(keys)], [['written', 'new'], ['cleared', 'old']])
  await theirs.clear()
  clock.advance(5)
  t.equal((await mine.getMany(keys)).size, 0)
})

t.test('what another process invalidates or sweeps by tag is seen at once', async (t) => {
  const { mine, theirs } = twoProcesses(5)
  for (const change of [() => theirs.invalidateTags(['a']), () => theirs.deleteMatching({ tags: ['a'] })]) {
    await mine.set('key', 'old', { tags: ['a'] })
    t.equal(await mine.get('key'), 'old')
    await change()
    t.equal(await mine.get('key'), undefined)
  }
})

t.test('a sweep counts what is far, and leaves near what it does not mean', async (t) => {
  const { far, mine, theirs } = twoProcesses(5)
  await theirs.setMany([['page:a', 1], ['page:b', 2], ['list:a', 3]], { tags: ['x'] })
  await theirs.set('list:b', 4, { tags: ['y'] })
  t.strictSame([...(await mine.getMany(['page:b', 'list:a', 'list:b'])).values()], [2, 3, 4])
  t.equal(await mine.deleteMatching({ prefix: 'page:' }), 2, 'also what was never near')
  t.equal(far.reads, 3)
  t.strictSame([...await mine.getMany(['page:b', 'list:a', 'list:b'])], [['list:a', 3], ['list:b', 4]])
  t.equal(far.reads, 4)
  t.equal(await mine.deleteMatching({ tags: ['x'] }), 1)
  t.strictSame([...await mine.getMany(['list:a', 'list:b'])], [['list:b', 4]])
  t.equal(far.reads, 5)
})

t.test('a nearTtl of zero asks the far store each time', async (t) => {
  const { far, mine, theirs } = twoProcesses(0)
  await mine.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  await theirs.set('key', 'new')
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
})

t.test('nearTtl counts from when the far store was asked, however late it answers', async (t) => {
  const { clock, far, mine, hold } = oneProcess(5)
  await far.set('key', 'old')
  const letGo = hold()
  const slow = mine.get('key')
  await turn()
  await far.delete('key')
  clock.advance(4)
  letGo()
  t.equal(await slow, 'old')
  t.equal(await mine.get('key'), 'old')
  clock.advance(1)
  t.equal(await mine.get('key'), undefined)
})

/** A write of a key that holds 1, while a read of it is on its way to the far store; and what that read answers. */
async function overlappedByARead (write: (cache: Cache) => Promise<unknown>) {
  const { mine, hold, holdNoMore } = oneProcess(5)
  await mine.set('key', 1)
  const letGo = hold()
  const overlapping = mine.get('key')
  await turn()
  holdNoMore()
  await write(mine)
  letGo()
  return { mine, read: await overlapping }
}

t.test('a write of this process is seen at once, by every verb, also where a read overlaps it', async (t) => {
  const writes: Record<string, [(cache: Cache) => Promise<unknown>, unknown]> = {
    delete: [(cache) => cache.delete('key'), undefined],
    deleteMany: [(cache) => cache.deleteMany(['key']), undefined],
    set: [(cache) => cache.set('key', 2), 2],
    'set with a ttl of zero': [(cache) => cache.set('key', 2, { ttl: 0 }), undefined],
    increment: [(cache) => cache.increment('key'), 2],
    'touch with zero': [(cache) => cache.touch('key', 0), undefined],
    clear: [(cache) => cache.clear(), undefined],
    'sweep by a prefix': [(cache) => cache.deleteMatching({ prefix: 'k' }), undefined]
  }
  for (const [verb, [write, written]] of Object.entries(writes)) {
    const { mine, read } = await overlappedByARead(write)
    t.equal(read, 1, verb)
    t.equal(await mine.get('key'), written, verb)
  }
})

t.test('a new life is seen at once, also where a read overlaps it', async (t) => {
  const { mine } = await overlappedByARead((cache) => cache.touch('key', 1000))
  t.equal(await mine.ttl('key'), 1000)
})

t.test('a read that comes while a deletion is on its way does not keep what it finds', async (t) => {
  const { far, mine, hold, holdNoMore } = oneProcess(5)
  await mine.set('key', 1)
  const letGo = hold()
  const deleting = mine.delete('key')
  await turn()
  holdNoMore()
  t.equal(await mine.get('key'), 1, 'it is there still')
  letGo()
  await deleting
  t.equal(await mine.get('key'), undefined)
  t.equal(await far.get('key'), undefined)
})

t.test('a read that comes while a deletion is on its way, and answers after it, does not keep what it found', async (t) => {
  const { mine, hold } = oneProcess(5)
  await mine.set('key', 1)
  const letDeletionGo = hold()
  const deleting = mine.delete('key')
  await turn()
  const letReadGo = hold()
  const reading = mine.get('key')
  await turn()
  letDeletionGo()
  t.equal(await deleting, true)
  letReadGo()
  t.equal(await reading, 1)
  t.equal(await mine.get('key'), undefined)
})

t.test('what somebody else put into the near store is not believed', async (t) => {
  const [near, far] = [memoryStore(), memoryStore()]
  const cache = createCache({ store: tieredStore({ near, far }) })
  await createCache({ store: near }).set('key', 'from somebody else')
  t.equal(await cache.get('key'), undefined)
  await createCache({ store: far }).set('key', 'far')
  t.equal(await cache.get('key'), 'far')
})

t.test('a write that fails is not hidden by the near store', async (t) => {
  const clock = fakeClock()
  const far = memoryStore({ now: clock.now })
  const halfBroken: Store = {
    ...far,
    async delete (keys) {
      await far.delete(keys)
      throw new Error('the answer was lost')
    }
  }
  const cache = createCache({ store: tieredStore({ near: memoryStore({ now: clock.now }), far: halfBroken, now: clock.now }), now: clock.now })
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await t.rejects(cache.delete('key'), { message: 'the answer was lost' })
  t.equal(await cache.get('key'), undefined)
})

t.test('one load in a process fills the caches of all', async (t) => {
  const { mine, theirs } = twoProcesses()
  const held = deferredLoader()
  held.end('loaded')
  t.equal(await mine.getOrSet('key', held.load), 'loaded')
  t.equal(await theirs.getOrSet('key', held.load), 'loaded')
  t.equal(held.runs(), 1)
})

/** One process over a far store whose changes are told by hand. */
function toldByHand (nearTtl = 5, near?: Store) {
  const clock = fakeClock()
  let listener: BackplaneListener | undefined
  const changes = { caughtUpTo: -Infinity, listen: (by: BackplaneListener) => { listener = by } }
  const farStore = memoryStore({ now: clock.now })
  const { held, ...holding } = holdBack({ ...farStore, backplane: changes })
  const far = countReads(held)
  const store = tieredStore({ near: near ?? memoryStore({ now: clock.now }), far, nearTtl, now: clock.now })
  return {
    clock,
    changes: changes as { -readonly [K in keyof Backplane]: Backplane[K] },
    tell: listener!,
    store,
    far,
    mine: createCache({ store, now: clock.now }),
    theirs: createCache({ store: farStore, now: clock.now }),
    ...holding
  }
}

t.test('what is near is believed for as long as changes are told, and for nearTtl more', async (t) => {
  const { clock, changes, theirs, mine, far } = toldByHand()
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  for (let i = 0; i < 10; i++) {
    clock.advance(4)
    changes.caughtUpTo = clock.now() - 1_000
    t.equal(await mine.get('key'), 'old')
  }
  t.equal(far.reads, 1)
  await theirs.set('key', 'new')
  clock.advance(3.999)
  t.equal(await mine.get('key'), 'old', 'the channel is down')
  clock.advance(0.001)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
  clock.advance(4.999)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
  clock.advance(0.001)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 3)
})

t.test('a clock that is put back makes nothing believed that it cannot date', async (t) => {
  const { clock, changes, theirs, mine } = toldByHand()
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  changes.caughtUpTo = clock.now()
  clock.advance(-3600)
  await theirs.set('key', 'new')
  t.equal(await mine.get('key'), 'new')
})

t.test('what changes is dropped when that is told, and nothing else', async (t) => {
  const { tell, theirs, mine, far } = toldByHand()
  await theirs.setMany([['a', 'old'], ['b', 'old']])
  await mine.getMany(['a', 'b'])
  await theirs.setMany([['a', 'new'], ['b', 'new']])
  tell.onEntry('a')
  tell.onEntry('c')
  t.strictSame([...(await mine.getMany(['a', 'b'])).values()], ['new', 'old'])
  t.equal(far.reads, 3)
  tell.onAll()
  t.strictSame([...(await mine.getMany(['a', 'b'])).values()], ['new', 'new'])
})

t.test('a read that is overtaken by the message of a change is not kept, and no other is lost', async (t) => {
  for (const message of ['onEntry', 'onAll'] as const) {
    const { tell, theirs, mine, far, hold } = toldByHand()
    await theirs.setMany([['key', 'old'], ['other', 'old']])
    const letGo = hold()
    const overtaken = Promise.all([mine.get('key'), mine.get('key'), mine.get('other')])
    await turn()
    await theirs.set('key', 'new')
    tell[message]('key')
    letGo()
    t.strictSame(await overtaken, ['old', 'old', 'old'])
    t.equal(await mine.get('key'), 'new')
    t.equal(far.reads, 4)
    await mine.get('other')
    t.equal(far.reads, message === 'onAll' ? 5 : 4)
  }
})

t.test('what is near is answered without a promise', async (t) => {
  const { theirs, store } = toldByHand()
  await theirs.set('key', 1, { tags: ['a'] })
  const asked = store.get('key')
  t.type(asked, Promise)
  const entry = store.get('key') as Entry | Promise<Entry>
  t.type(entry, Promise, 'it is not here yet')
  await Promise.all([asked, entry])
  const { stamp, tags } = store.get('key') as Entry
  t.strictSame(tags, ['a'])
  t.type(store.versions.firstChanged(stamp, tags), Promise)
  await store.versions.firstChanged(stamp, tags)
  t.equal(store.versions.firstChanged(stamp, tags), undefined)
})

t.test('verdicts on tags are believed for as long as no tag is told to have moved', async (t) => {
  for (const message of ['onTag', 'onAll'] as const) {
    const { clock, changes, tell, theirs, mine } = toldByHand()
    await theirs.set('key', 1, { tags: ['a'] })
    t.equal(await mine.get('key'), 1)
    await theirs.invalidateTags(['a'])
    t.equal(await mine.get('key'), 1, 'it has not been told')
    clock.advance(10)
    changes.caughtUpTo = clock.now()
    t.equal(await mine.get('key'), 1)
    tell[message]()
    t.equal(await mine.get('key'), undefined)

    await theirs.set('key', 2, { tags: ['a'] })
    tell.onEntry('key')
    t.equal(await mine.get('key'), 2)
    await theirs.invalidateTags(['a'])
    clock.advance(5)
    t.equal(await mine.get('key'), undefined, 'the channel is down')
  }
})

t.test('an invalidation of this process is seen at once', async (t) => {
  const { theirs, mine } = toldByHand()
  await theirs.set('key', 1, { tags: ['a'] })
  t.equal(await mine.get('key'), 1)
  await mine.invalidateTags(['a'])
  t.equal(await mine.get('key'), undefined)
})

t.test('a near store may take its time', async (t) => {
  const memory = memoryStore()
  const slow: Store = { ...memory, get: async (key) => memory.get(key), delete: async (keys) => memory.delete(keys) }
  const { theirs, mine, tell, far } = toldByHand(5, slow)
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  t.equal(await mine.get('key'), 'old')
  t.equal(far.reads, 1)
  await theirs.set('key', 'new')
  tell.onEntry('key')
  t.equal(await mine.get('key'), 'new')
})

t.test('what a near store fails to drop is not believed', async (t) => {
  const fails = () => { throw new Error('stuck') }
  const stuck: Store = { ...memoryStore(), delete: fails, clear: fails }
  for (const message of ['onEntry', 'onAll'] as const) {
    const { theirs, mine, tell } = toldByHand(5, stuck)
    await theirs.set('key', 'old')
    t.equal(await mine.get('key'), 'old')
    await theirs.set('key', 'new')
    t.equal(await mine.get('key'), 'old')
    tell[message]('key')
    t.equal(await mine.get('key'), 'new')
  }
})

t.test('a clear that fails midway is not hidden', async (t) => {
  const far = memoryStore()
  const store = tieredStore({
    near: memoryStore(),
    far: {
      ...far,
      async clear () {
        far.clear()
        throw new Error('the connection was lost')
      }
    }
  })
  const cache = createCache({ store })
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await t.rejects(async () => store.clear(), { message: 'the connection was lost' })
  t.equal(await cache.get('key'), undefined)
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await t.rejects(cache.deleteMatching({ prefix: 'k' }), { message: 'the connection was lost' })
  t.equal(await cache.get('key'), undefined)
})

/** A near store over one that leases. */
function leasing () {
  const clock = fakeClock()
  const far = memoryStore({ now: clock.now })
  const log: unknown[] = []
  const answers: Array<Entry | LeaseResult> = []
  const leasingFar: Store = {
    ...far,
    acquire (key, seen) {
      log.push(seen === undefined ? ['lease', key] : ['lease', key, seen])
      return answers.shift()!
    }
  }
  const entry = (payload: number): Entry => ({
    payload: Uint8Array.of(payload), storedAt: clock.now(), freshUntil: Infinity, staleUntil: Infinity, tags: [], stamp: ''
  })
  return { clock, far, log, answers, entry, store: tieredStore({ near: memoryStore(), far: leasingFar, now: clock.now }) }
}

t.test('leases if the far store does', async (t) => {
  t.notOk('acquire' in tieredStore({ near: memoryStore(), far: memoryStore() }))
  t.ok('acquire' in leasing().store)
})

t.test('acquire asks the far store, and keeps near the newer entry that it returns', async (t) => {
  const { store, far, log, answers, entry } = leasing()
  const [seen, newer] = [entry(1), entry(2)]
  await far.set('key', seen)
  t.equal(await store.get('key'), seen)
  const result = { stale: seen }
  answers.push(newer, result)
  t.equal(await store.acquire!('key', seen), newer)
  t.equal(store.get('key'), newer)
  t.equal(await store.acquire!('key', newer), result)
  t.strictSame(log, [['lease', 'key', seen], ['lease', 'key', newer]])
  t.type(store.get('key'), Promise)
})

t.test('what fills a lease is read from then on, also where a read overlaps the fill', async (t) => {
  for (const end of ['kept', 'revoked'] as const) {
    const { store, far, answers, entry } = leasing()
    const [old, filled] = [entry(1), entry(2)]
    await far.set('key', old)
    t.equal(await store.get('key'), old)
    const released: unknown[] = []
    answers.push({
      stale: old,
      lease: {
        async fill (entry) {
          await far.set('key', entry)
          await turn()
          return end
        },
        release (...how) { released.push(how) }
      }
    })
    const found = await store.acquire!('key', old) as LeaseResult
    t.equal(found.stale, old)
    await found.lease!.release(7, null)
    t.strictSame(released, [[7, null]])
    const overlapping = store.get('key')
    t.equal(await found.lease!.fill(filled), end)
    t.equal(await overlapping, old)
    t.equal(await store.get('key'), filled)
  }
})

/** A process that hears of changes over a line of its own, and another that shares its Redis store, and does not listen. */
async function listening (t: Test, { nearTtl = 600, now = Date.now as () => number, port: to = port, deadlineMs = 2_000 } = {}) {
  const prefix = newPrefix()
  const line = await startProxy(t, to)
  const ownLine = new Redis(line.url, { retryStrategy: () => 20 })
  const [mineClient, theirClient] = [new Redis(to), new Redis(to)]
  for (const client of [ownLine, mineClient, theirClient]) {
    client.on('error', () => {})
    t.teardown(() => client.disconnect())
  }
  const feed = redisBackplane(ownLine, prefix, now, { beatMs: 10, deadlineMs, retryMs: 10, maxRetryMs: 100 })!
  t.teardown(() => feed.close())
  // A machine that is busy is not what is tested here.
  const storeOver = (client: Redis) => patientRedisStore({ client, prefix, now })
  const far = countReads({ ...storeOver(mineClient), backplane: feed })
  return {
    prefix,
    line,
    feed,
    far,
    mine: createCache({ store: tieredStore({ near: memoryStore({ now }), far, nearTtl, now }), now }),
    theirs: createCache({ store: storeOver(theirClient), now }),
    theirClient,
    /** Reads a key as this process does, until it has a value. */
    sees: (cache: Cache, key: string, value: unknown) => until(`${key} is ${value}`, async () => await cache.get(key) === value)
  }
}

t.test('what another process does reaches the near store long before nearTtl is over', async (t) => {
  const { prefix, mine, theirs, theirClient, feed, sees } = await listening(t)
  await until('the feed is heard', () => feed.caughtUpTo > 0)
  const changes: Record<string, [() => Promise<unknown>, unknown]> = {
    set: [() => theirs.set('key', 'new'), 'new'],
    delete: [() => theirs.delete('key'), undefined],
    clear: [() => theirs.clear(), undefined],
    'sweep by a prefix': [() => theirs.deleteMatching({ prefix: 'k' }), undefined],
    'sweep by tags': [() => theirs.deleteMatching({ tags: ['a'] }), undefined],
    invalidateTags: [() => theirs.invalidateTags(['a']), undefined],
    'the end of a life': [() => theirs.touch('key', 0.01), undefined],
    'redis-cli DEL': [() => theirClient.del(`${prefix}:key`), undefined],
    'redis-cli FLUSHALL': [() => theirClient.flushall(), undefined]
  }
  for (const [what, [change, after]] of Object.entries(changes)) {
    await theirs.set('key', 'old', { tags: ['a'] })
    await sees(mine, 'key', 'old')
    await change()
    await sees(mine, 'key', after)
    t.pass(what)
  }
})

/** Moves the clock on, and waits for a beat of then: whatever changed before has been told. */
async function hearsAfter (seconds: number, clock: FakeClock, feed: RedisFeed): Promise<void> {
  clock.advance(seconds)
  await until('the feed is heard', () => feed.caughtUpTo === clock.now())
}

t.test('what is near stays near while nothing changes, and costs no round trip, tags or not', async (t) => {
  const clock = fakeClock()
  const { mine, theirs, feed, far } = await listening(t, { nearTtl: 5, now: clock.now })
  await theirs.set('key', 1, { tags: ['a'] })
  await hearsAfter(0.001, clock, feed)
  let verdicts = 0
  const { firstChanged } = far.versions
  far.versions.firstChanged = (stamp, tags) => {
    verdicts++
    return firstChanged(stamp, tags)
  }
  t.equal(await mine.get('key'), 1)
  for (let i = 0; i < 10; i++) {
    await hearsAfter(4, clock, feed)
    t.equal(await mine.get('key'), 1)
  }
  t.strictSame([far.reads, verdicts], [1, 1])
})

t.test('nothing is older than nearTtl where the channel goes dead without a word', async (t) => {
  const clock = fakeClock()
  const { mine, theirs, feed, line } = await listening(t, { nearTtl: 5, now: clock.now, deadlineMs: 60_000 })
  await theirs.setMany([['deleted', 'old'], ['written', 'old']])
  await theirs.set('tagged', 'old', { tags: ['a'] })
  const keys = ['deleted', 'written', 'tagged']
  await hearsAfter(0.001, clock, feed)
  t.equal((await mine.getMany(keys)).size, 3)
  await hearsAfter(3, clock, feed)
  line.blackHole()
  await Promise.all([theirs.delete('deleted'), theirs.set('written', 'new'), theirs.invalidateTags(['a'])])
  clock.advance(4.999)
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old'])
  clock.advance(0.001)
  t.strictSame([...await mine.getMany(keys)], [['written', 'new']])
})

t.test('nothing is older than nearTtl where connections are cut and lines go dead at random', async (t) => {
  const nearTtl = 0.3
  const { mine, theirs, far, feed, line, theirClient } = await listening(t, { nearTtl, deadlineMs: 500 })
  const committedAt = [0]
  await theirs.set('key', 0)
  await until('the feed is heard', () => feed.caughtUpTo > 0)
  const end = Date.now() + 3_000
  const isOver = () => Date.now() > end
  let [reads, oldest] = [0, 0]

  async function write () {
    for (let version = 1; !isOver(); version++) {
      await theirs.set('key', version)
      committedAt.push(Date.now())
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    }
  }
  async function read () {
    while (!isOver()) {
      const began = Date.now()
      const version = await mine.get<number>('key')
      reads++
      // How long it had been replaced when it was asked for.
      const replacedAt = committedAt[version! + 1]
      if (replacedAt !== undefined) oldest = Math.max(oldest, began - replacedAt)
      await turn()
    }
  }
  async function cut () {
    while (!isOver()) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
      if (Math.random() < 0.5) await theirClient.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      else {
        line.blackHole()
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 800))
        line.pass()
      }
    }
  }
  await Promise.all([write(), read(), cut()])
  t.ok(reads > 2 * far.reads, 'most were answered by the near store', { reads, far: far.reads })
  t.ok(oldest <= nearTtl * 1000, 'the oldest answer', { oldest })
})

t.test('a Redis that hangs or goes leaves nothing behind that is older than nearTtl, and what follows is heard', async (t) => {
  const redis = await startRedis(t)
  const { mine, theirs, feed, sees } = await listening(t, { nearTtl: 0.5, port: redis.port, deadlineMs: 500 })
  await theirs.set('key', 'old')
  await until('the feed is heard', () => feed.caughtUpTo > 0)
  await sees(mine, 'key', 'old')
  process.kill(redis.pid, 'SIGSTOP')
  const stoppedAt = Date.now()
  await until('what is near is believed no more', () => feed.caughtUpTo <= stoppedAt && Date.now() > stoppedAt + 500)
  const asked = mine.get('key')
  process.kill(redis.pid, 'SIGCONT')
  t.equal(await asked, 'old', 'as Redis itself says')
  await until('the feed is heard', () => feed.caughtUpTo > stoppedAt + 500)
  await theirs.set('key', 'new')
  await sees(mine, 'key', 'new')

  process.kill(redis.pid, 'SIGKILL')
  await startRedis(t, '--port', String(redis.port))
  await sees(mine, 'key', undefined)
  const backAt = Date.now() + 1
  await until('the feed is heard', () => feed.caughtUpTo >= backAt)
  await until('it takes writes', async () => {
    await theirs.set('key', 'newest')
    return await mine.get('key') === 'newest'
  })
  t.pass()
})

t.test('it goes by the names of both, has the clock of the far one and the figures of the near one', async (t) => {
  const near = memoryStore()
  const far = memoryStore()
  const store = tieredStore({ near, far })
  t.equal(store.name, 'memory over memory')
  t.equal(store.versions, far.versions)
  await createCache({ store }).set('key', 1)
  await store.get('key')
  t.strictSame(store.stats!(), near.stats!())
  t.equal(store.stats!().entries, 1)
  const { stats, ...silent } = memoryStore()
  t.equal(createCache({ store: tieredStore({ near: silent, far }) }).stats(), undefined)
})

t.test('closing closes both', async (t) => {
  const near = memoryStore()
  const far = memoryStore()
  const cache = createCache({ store: tieredStore({ near, far }) })
  await cache.set('key', 1)
  await cache.get('key')
  await cache.close()
  t.equal(near.stats!().entries, 0)
  t.equal(far.stats!().entries, 0)
})

t.test('bad options are refused, and named', async (t) => {
  const store = memoryStore()
  const make = (options: unknown) => () => tieredStore(options as TieredStoreOptions)
  t.throws(make({ far: store }), { name: 'TypeError', message: /^near must be a store, e.g. memoryStore\(\), got undefined$/ })
  t.throws(make({ near: store, far: client.status }), { name: 'TypeError', message: /^far must be a store, e.g. redisStore\(\), got "/ })
  t.throws(make({ near: store, far: store, now: 1 }), { name: 'TypeError', message: 'now must be a function, got 1' })
  for (const nearTtl of [-1, NaN, Infinity, '1']) {
    t.throws(make({ near: store, far: store, nearTtl }), { name: 'TypeError', message: /^nearTtl must be a number of seconds, zero or more, got / })
  }
})
