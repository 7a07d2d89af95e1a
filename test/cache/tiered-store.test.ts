import { Redis } from 'ioredis'
import t from 'tap'
import { type Cache, createCache, memoryStore, redisStore, type Store, tieredStore, type TieredStoreOptions } from '../../src/cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { startRedis } from '../support/redis.ts'
import { cacheContract } from '../support/store-contract/index.ts'
import { heldLoad } from './held-load.ts'

const { url } = await startRedis(t)
const client = new Redis(url)
t.teardown(() => client.disconnect())

let prefixes = 0
const newPrefix = () => `test${++prefixes}`

cacheContract(t, 'memoryStore over memoryStore', (now) =>
  tieredStore({ near: memoryStore({ now }), far: memoryStore({ now }), now }))

cacheContract(t, 'memoryStore over redisStore', (now) =>
  tieredStore({ near: memoryStore({ now }), far: redisStore({ client, prefix: newPrefix(), now }), now }))

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

/** Two processes, each with a near store of its own, over one far store. */
function twoProcesses (nearTtl?: number) {
  const clock = fakeClock()
  const far = countReads(redisStore({ client, prefix: newPrefix(), now: clock.now }))
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
  await theirs.setMany([['deleted', 'old'], ['written', 'old'], ['cleared', 'old']])
  const keys = ['deleted', 'written', 'cleared']
  t.equal((await mine.getMany(keys)).size, 3)
  await theirs.delete('deleted')
  await theirs.set('written', 'new')
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old'])
  clock.advance(4.999)
  t.strictSame([...(await mine.getMany(keys)).values()], ['old', 'old', 'old'])
  clock.advance(0.001)
  t.strictSame([...await mine.getMany(keys)], [['written', 'new'], ['cleared', 'old']])
  await theirs.clear()
  clock.advance(5)
  t.equal((await mine.getMany(keys)).size, 0)
})

t.test('what another process invalidates by tag is seen at once', async (t) => {
  const { mine, theirs } = twoProcesses(5)
  await mine.set('key', 'old', { tags: ['a'] })
  t.equal(await mine.get('key'), 'old')
  await theirs.invalidateTags(['a'])
  t.equal(await mine.get('key'), undefined)
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
    clear: [(cache) => cache.clear(), undefined]
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
  const held = heldLoad()
  held.end('loaded')
  t.equal(await mine.getOrSet('key', held.load), 'loaded')
  t.equal(await theirs.getOrSet('key', held.load), 'loaded')
  t.equal(held.runs(), 1)
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
