import t, { type Test } from 'tap'
import {
  createCache, type Entry, isMiss, type Lease, memoryStore, type Miss, type Store, type LeaseResult, type Versions
} from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { listen } from '../../support/record-events.ts'

/** A store whose reads see the entry of the moment at which they begin, and return when they are let go. */
function slowReads (store: Store) {
  const reads: Array<() => void> = []
  return {
    letGo: () => { for (const go of reads.splice(0)) go() },
    store: {
      ...store,
      get (key: string) {
        const seen = store.get(key)
        const { promise, resolve } = Promise.withResolvers<void>()
        reads.push(resolve)
        return promise.then(() => seen)
      }
    } satisfies Store
  }
}

/** A lease that fills a store. */
function leaseOver (store: Store, key: string, onRelease = () => {}): Lease {
  return {
    async fill (entry) { return await store.set(key, entry) ? 'stored' : 'too-large' },
    release: onRelease
  }
}

const turn = () => new Promise(setImmediate)

function setUp () {
  const clock = fakeClock()
  return { clock, cache: createCache({ store: memoryStore({ now: clock.now }), now: clock.now }) }
}

async function missOf (t: Test, found: unknown): Promise<Miss> {
  const miss = await found as Miss
  t.ok(isMiss(miss))
  return miss
}

t.test('load returns what was stored, and whether another caller began it', async (t) => {
  const { cache, clock } = setUp()
  const held = deferredLoader()
  const first = cache.load('key', held.load, { ttl: 10, tags: ['a'] })
  await held.began
  const second = cache.load('key', held.load, {}, await missOf(t, cache.lookup('key')))
  held.end('value')
  const loaded = await first
  t.match(loaded, { value: 'value', stored: true, entry: { tags: ['a'], freshUntil: clock.now() + 10_000 } })
  t.notHas(loaded, { coalesced: true })
  t.match(await second, { value: 'value', stored: true, coalesced: true })
  t.equal(cache.lookup('key'), loaded.entry)
})

t.test('load returns no entry, or one that is not stored', async (t) => {
  const { cache } = setUp()
  t.strictSame(await cache.load('key', ({ skipStore }) => { skipStore(); return 1 }), {
    value: 1, stored: false, dropsStale: true
  })
  t.strictSame(await cache.load('key', () => 1, { ttl: 0 }), { value: 1, stored: false, dropsStale: true })
  const held = deferredLoader()
  const loading = cache.load('key', held.load)
  await held.began
  await cache.delete('key')
  held.end('value')
  t.match(await loading, { value: 'value', stored: false, entry: { freshUntil: Number } })
})

t.test('load returns a stale value if the loader fails', async (t) => {
  const { cache, clock } = setUp()
  await cache.load('key', () => 'old', { ttl: 10, staleIfError: 10 })
  clock.advance(10)
  const miss = await missOf(t, cache.lookup('key'))
  t.match(miss, { miss: 'expired', stale: { tags: [] } })
  const loaded = await cache.load('key', () => { throw new Error('upstream down') }, { staleIfError: 10 }, miss)
  t.match(loaded, { value: 'old', stored: false, stale: true, entry: miss.stale! })
})

t.test('a corrupt value is not served stale', async (t) => {
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  const cache = createCache({ store, now: clock.now })
  const now = clock.now()
  await store.set('key', {
    payload: Buffer.of(0xc1), storedAt: now, freshUntil: now, staleUntil: now + 10_000, tags: [], stamp: ''
  })
  await t.rejects(cache.getOrSet('key', failingLoader, { staleIfError: 10 }), { message: 'upstream down' })
  await t.rejects(cache.getOrSet('key', failingLoader, { staleWhileRevalidate: 10 }), { message: 'upstream down' })
})

t.test('a caller that missed during a load gets its result after it has ended', async (t) => {
  const { cache } = setUp()
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load)
  await held.began
  const miss = await missOf(t, cache.lookup('key'))
  held.end('value')
  await first
  t.match(await cache.load('key', () => t.fail('loaded again'), {}, miss), { value: 'value', coalesced: true })
})

t.test('a caller that missed during a load loads again if a tag has changed since', async (t) => {
  const { cache } = setUp()
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load, { tags: ['a'] })
  await held.began
  const miss = await missOf(t, cache.lookup('key'))
  held.end('old')
  await first
  await cache.invalidateTags(['a'])
  t.match(await cache.load('key', () => 'new', {}, miss), { value: 'new', stored: true })
  t.equal(await cache.get('key'), 'new')
})

t.test('a caller whose lookup overlaps the end of a load does not load again', async (t) => {
  const { store, letGo } = slowReads(memoryStore())
  const cache = createCache({ store })
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load)
  for (let reads = 0; reads < 2; reads++) { // the lookup, and the second look before the load
    await turn()
    letGo()
  }
  await held.began
  const second = cache.getOrSet('key', held.load)
  await turn()
  held.end('value')
  t.equal(await first, 'value')
  letGo()
  await turn()
  letGo()
  t.equal(await second, 'value')
  t.equal(held.runs(), 1)
})

t.test('a load that is revoked while a caller waits for the version clock is not joined', async (t) => {
  const versions = memoryStore().versions
  const gate = Promise.withResolvers<void>()
  let slow = false
  const firstChanged: Versions['firstChanged'] = (stamp, tags) =>
    slow ? gate.promise.then(() => versions.firstChanged(stamp, tags)) : versions.firstChanged(stamp, tags)
  const cache = createCache({ store: memoryStore(), versions: { ...versions, firstChanged } })
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load, { tags: ['a'] })
  await held.began
  slow = true
  const second = cache.getOrSet('key', () => 'new')
  await turn()
  await cache.delete('key')
  gate.resolve()
  t.equal(await second, 'new')
  held.end('old')
  t.equal(await first, 'old')
  t.equal(await cache.get('key'), 'new')
})

t.test('a caller that joined an outdated load gets the entry that another process stored', async (t) => {
  const store = memoryStore()
  const cache = createCache({ store })
  const other = createCache({ store })
  const held = deferredLoader()
  const first = cache.getOrSet('key', async (context) => {
    const value = await held.load(context)
    context.addTags('late')
    return value
  })
  await held.began
  await other.invalidateTags(['late'])
  const outer = createCache({ store: memoryStore(), versions: store.versions })
  const second = outer.load('outer', () => cache.getOrSet('key', () => t.fail('loaded again')))
  await turn()
  await other.set('key', 'newer', { tags: ['x'] })
  held.end('old')
  t.equal(await first, 'old')
  t.match(await second, { value: 'newer', entry: { tags: ['x'] } })
})

t.test('waits at most 60 s for the lease of another process', async (t) => {
  let looks = 0
  let waited = 0
  let ended = 0
  const store: Store = {
    ...memoryStore(),
    acquire () {
      looks++
      return { wait: () => ({ async next (ms) { waited += ms }, end () { ended++ } }) }
    }
  }
  const cache = createCache({ store })
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(waited, 60_000)
  t.equal(looks, 240)
  t.equal(ended, 1)
  t.equal(await store.get('key'), undefined, 'without a lease, a deletion by another process would go unseen')
})

t.test('getOrSet returns a value though acquire or release fails', async (t) => {
  const failing = createCache({ store: { ...memoryStore(), acquire () { throw new Error('no lease') } } })
  t.equal(await failing.getOrSet('key', () => 'loaded'), 'loaded')
  const release = async () => { throw new Error('no release') }
  const cache = createCache({
    store: { ...memoryStore(), acquire: () => ({ lease: { fill: () => 'stored', release } }) }
  })
  const listener = listen(t, cache)
  t.equal(await cache.getOrSet('key', () => undefined), undefined)
  await listener.heard('error')
  t.match(listener.events.at(-1), { doing: 'release', error: { message: 'no release' } })
})

t.test('a load without a lease is not stored: a deletion by another process would go unseen', async (t) => {
  const memory = memoryStore()
  const cache = createCache({ store: { ...memory, acquire () { throw new Error('too late') } } })
  t.match(await cache.load('key', () => 1), { value: 1, stored: false, notStoredBecause: 'store-unavailable' })
  t.equal(await memory.get('key'), undefined)
})

t.test('adopts a fresh entry that is stored below a lease', async (t) => {
  const memory = memoryStore()
  await createCache({ store: memory }).set('key', 'fresh')
  const stale = await memory.get('key') as Entry
  const store: Store = {
    ...memory, get: () => undefined, acquire: () => ({ stale, wait () { throw new Error('nobody waits') } })
  }
  const cache = createCache({ store })
  t.match(await cache.load('key', () => t.fail('loaded')), {
    value: 'fresh', entry: stale, stored: true, coalesced: true
  })
})

t.test('a chain of loads, each of which begins the next, retains none before it', async (t) => {
  const { cache } = setUp()
  const over = Promise.withResolvers<unknown>()
  let runs = 0
  const next = async () => {
    if (runs < 20_000) {
      await cache.delete('key')
      await cache.getOrSet('key', load)
    } else {
      const slow = cache.getOrSet('other', async () => { await turn(); return 'joined' })
      over.resolve(Promise.all([slow, cache.getOrSet('other', () => 2)]))
    }
  }
  const load = async () => {
    runs++
    setImmediate(() => { next().catch(over.reject) })
    return runs
  }
  await cache.getOrSet('key', load)
  t.strictSame(await over.promise, ['joined', 'joined'])
})

t.test('an isolated caller acquires no lease, shares no load and stores nothing', async (t) => {
  let isolated = false
  const log: string[] = []
  const memory = memoryStore()
  const store: Store = {
    ...memory,
    acquire: (key) => {
      log.push('lease')
      return { lease: leaseOver(memory, key, () => { log.push('release') }) }
    }
  }
  const cache = createCache({ store, versions: { ...memory.versions, isolated: () => isolated } })
  const listener = listen(t, cache)
  const miss = await missOf(t, cache.lookup('key'))
  isolated = true
  t.match(await cache.load('key', () => 'inside', {}, miss), {
    value: 'inside', stored: false, notStoredBecause: 'uncommitted-read'
  })
  t.strictSame(log, [])
  t.match(listener.events.at(-1), { type: 'refuse', key: 'key', reason: 'uncommitted-read' })
  const [one, two] = [deferredLoader(), deferredLoader()]
  const asked = [cache.getOrSet('key', one.load), cache.getOrSet('key', two.load)]
  await Promise.all([one.began, two.began])
  one.end(1)
  two.end(2)
  t.strictSame(await Promise.all(asked), [1, 2])
  t.strictSame(log, [])
  isolated = false
  t.match(await cache.load('key', () => 'outside'), { stored: true })
  t.strictSame(log, ['lease'])
})

t.test('a caller that joined an outdated load acquires the lease and loads', async (t) => {
  const memory = memoryStore()
  const fills: string[] = []
  const leaseOf = (name: string): LeaseResult => {
    const lease = leaseOver(memory, 'key')
    return {
      lease: {
        ...lease,
        fill (entry) {
          fills.push(name)
          return lease.fill(entry)
        }
      }
    }
  }
  const answers: LeaseResult[] = [leaseOf('first'), leaseOf('second')]
  const cache = createCache({ store: { ...memory, acquire: () => answers.shift()! } })
  const held = deferredLoader()
  const first = cache.getOrSet('key', async (context) => {
    const value = await held.load(context)
    context.addTags('late')
    return value
  })
  await held.began
  await cache.invalidateTags(['late'])
  const second = cache.getOrSet('key', () => 'new')
  await turn()
  held.end('old')
  t.equal(await first, 'old')
  t.equal(await second, 'new')
  t.strictSame(fills, ['second'])
})

t.test('a load that fails after its key was written notes no failure', async (t) => {
  const { cache, clock } = setUp()
  await cache.getOrSet('other', () => 'old', { ttl: 10, staleIfError: 100 })
  clock.advance(10)
  const held = deferredLoader()
  const asked = t.rejects(cache.getOrSet('other', held.load, { staleIfError: 100 }), { message: 'upstream down' })
  await held.began
  await cache.set('other', 'set')
  held.fail(new Error('upstream down'))
  await asked
  t.equal(await cache.get('other'), 'set')
})

t.test('load with wait: false gives up if another caller is loading the key', async (t) => {
  const { cache } = setUp()
  const { load, began, end } = deferredLoader()
  const first = cache.getOrSet('key', load)
  await began
  t.strictSame(await cache.load('key', () => t.fail('loaded'), { wait: false }), { value: undefined, stored: false })
  end('value')
  t.equal(await first, 'value')
})

t.test('load with wait: false gives up if another process is loading the key, and its followers wait', async (t) => {
  const memory = memoryStore()
  const waiting = Promise.withResolvers<void>()
  const filled = Promise.withResolvers<void>()
  const wait = () => ({
    async next () {
      waiting.resolve()
      await filled.promise
    },
    end () {}
  })
  const store: Store = { ...memory, acquire: async (key) => await memory.get(key) ?? { wait } }
  const cache = createCache({ store })
  const listener = listen(t, cache)
  const impatient = cache.load('key', () => t.fail('loaded'), { wait: false })
  const follower = cache.load('key', () => t.fail('loaded'))
  t.strictSame(await impatient, { value: undefined, stored: false })
  await waiting.promise
  await createCache({ store: memory }).set('key', 'theirs')
  filled.resolve()
  t.match(await follower, { value: 'theirs', stored: true, coalesced: true })
  t.strictSame(listener.events, [], 'nothing was loaded or refused')
})

t.test('a caller that joined a load whose lease was lost loads again, even if nothing was to be stored', async (t) => {
  for (const [held, expected] of [[true, 'first'], [undefined, 'second'], [false, 'second']] as const) {
    const memory = memoryStore()
    const lease: Lease = { fill: () => t.fail('filled') as never, release: async () => held }
    const cache = createCache({ store: { ...memory, acquire: () => ({ lease }) } })
    const first = deferredLoader(({ skipStore }) => skipStore())
    const mine = cache.getOrSet('key', first.load)
    await first.began
    const theirs = cache.getOrSet('key', ({ skipStore }) => { skipStore(); return 'second' })
    await turn()
    first.end('first')
    t.equal(await mine, 'first')
    t.equal(await theirs, expected, `held: ${held}`)
  }
})
