import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type Cache, createCache, type Lease, type Store, type Versions } from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'
import { listen } from '../../support/record-events.ts'
import { startRedis } from '../../support/redis.ts'

/*
 * A caller that knows of a deletion by another process never gets a value that was loaded before it, also if a load of
 * its own process has not seen the deletion. The values have no tags, so no version clock could tell.
 */

const { url } = await startRedis(t)
let prefixes = 0

interface Processes {
  /** The caches of two processes, as far as the store is concerned. */
  mine: Cache
  theirs: Cache
}

function setUp (t: Test, { change = (store: Store) => store, versions }: {
  change?: (store: Store) => Store, versions?: (of: Versions) => Versions
} = {}): Processes {
  const prefix = `test-${prefixes++}`
  const [mine, theirs] = [0, 1].map(() => {
    const client = new Redis(url)
    t.teardown(() => client.disconnect())
    return patientRedisStore({ client, prefix })
  }) as [Store, Store]
  return {
    mine: createCache({ store: change(mine), ...versions && { versions: versions(mine.versions) } }),
    theirs: createCache({ store: theirs })
  }
}

/** Joins the load in flight of a key: resolves when the caller has missed, with a function that returns its result. */
async function join (t: Test, cache: Cache): Promise<() => Promise<unknown>> {
  const listener = listen(t, cache)
  const joined = cache.getOrSet('key', () => 'after')
  await listener.heard('miss', 1)
  await new Promise(setImmediate)
  return async () => await joined
}

/** Loads in `mine`, deletes the key in `theirs` during the load, and returns what the next caller in `mine` gets. */
async function deleteDuringLoad (t: Test, { mine, theirs }: Processes, onLoad?: Parameters<typeof deferredLoader>[0]) {
  const load = deferredLoader(onLoad)
  const first = mine.getOrSet('key', load.load)
  await load.began
  await theirs.delete('key')
  const joined = await join(t, mine)
  load.end('before')
  await first
  return await joined()
}

/** Changes the lease that a store grants. */
const withLease = (change: (lease: Lease) => Partial<Lease>) => (store: Store): Store => ({
  ...store,
  async acquire (key, seen) {
    const found = await store.acquire!(key, seen)
    if (!('lease' in found) || found.lease === undefined) return found
    return { ...found, lease: { ...found.lease, ...change(found.lease) } }
  }
})

t.test('a load under an exclusive lease', async (t) => {
  t.equal(await deleteDuringLoad(t, setUp(t)), 'after')
})

t.test('a load under a hit-for-miss lease, whose result is stored or discarded', async (t) => {
  for (const onLoad of [undefined, ({ skipStore }: { skipStore (): void }) => skipStore()]) {
    const processes = setUp(t)
    await processes.mine.getOrSet('key', ({ skipStore }) => { skipStore(); return 'not cacheable' })
    t.equal(await deleteDuringLoad(t, processes, onLoad), 'after')
  }
})

t.test('a load that got no lease, if the caller could read the store', async (t) => {
  let fails = true
  const failOnce = (store: Store): Store => ({
    ...store,
    async acquire (key, seen) {
      if (!fails) return await store.acquire!(key, seen)
      fails = false
      throw new Error('timeout')
    }
  })
  t.equal(await deleteDuringLoad(t, setUp(t, { change: failOnce })), 'after')
})

t.test('a load whose lease was released without a reply', async (t) => {
  const loseReply = withLease((lease) => ({
    async release (...args) {
      await lease.release(...args)
      throw new Error('the reply got lost')
    }
  }))
  t.equal(await deleteDuringLoad(t, setUp(t, { change: loseReply })), 'after')
})

t.test('a load that takes over an entry which another process has stored', async (t) => {
  const { promise: isVerified, resolve: verify } = Promise.withResolvers<void>()
  const began = Promise.withResolvers<void>()
  const slow = (versions: Versions): Versions => ({
    ...versions,
    async firstChanged (...args) {
      const changed = await versions.firstChanged(...args)
      began.resolve()
      await isVerified
      return changed
    }
  })
  let misses = true
  // The other process stores its value between the two looks of a miss.
  const fillAfterMiss = (store: Store): Store => ({
    ...store,
    async get (key) {
      const entry = await store.get(key)
      if (misses) await processes.theirs.set('key', 'before', { tags: ['a'] })
      misses = false
      return entry
    }
  })
  const processes = setUp(t, { change: fillAfterMiss, versions: slow })
  const first = processes.mine.getOrSet('key', () => t.fail('loaded'))
  await began.promise
  await processes.theirs.delete('key')
  const joined = await join(t, processes.mine)
  verify()
  t.equal(await first, 'before')
  t.equal(await joined(), 'after')
})
