import t from 'tap'
import {
  createCache, type Lease, type LeaseResult, type LoadFunction, memoryStore, type Store, type Versions
} from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { createMemoryCache } from '../../support/create-memory-cache.ts'
import { expectMiss } from '../../support/expect-miss.ts'
import { leaseOver } from '../../support/lease-over.ts'

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

const turn = () => new Promise(setImmediate)

/** Makes a loader that adds the tag `late` after it has produced its value. */
function addTagsLate<T> (load: LoadFunction<T>): LoadFunction<T> {
  return async (context) => {
    const value = await load(context)
    context.addTags('late')
    return value
  }
}

t.test('a caller that missed during a load gets its result after it has ended', async (t) => {
  const { cache } = createMemoryCache()
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load)
  await held.began
  const miss = await expectMiss(t, cache.lookup('key'))
  held.end('value')
  await first
  t.match(await cache.load('key', () => t.fail('loaded again'), {}, miss), { value: 'value', collapsed: true })
})

t.test('a caller that missed during a load loads again if a tag has changed since', async (t) => {
  const { cache } = createMemoryCache()
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load, { tags: ['a'] })
  await held.began
  const miss = await expectMiss(t, cache.lookup('key'))
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
  const first = cache.getOrSet('key', addTagsLate(held.load))
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

t.test('a caller that joined an outdated load acquires the lease and loads', async (t) => {
  const memory = memoryStore()
  const fills: string[] = []
  const createLease = (name: string): LeaseResult => {
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
  const answers: LeaseResult[] = [createLease('first'), createLease('second')]
  const cache = createCache({ store: { ...memory, acquire: () => answers.shift()! } })
  const held = deferredLoader()
  const first = cache.getOrSet('key', addTagsLate(held.load))
  await held.began
  await cache.invalidateTags(['late'])
  const second = cache.getOrSet('key', () => 'new')
  await turn()
  held.end('old')
  t.equal(await first, 'old')
  t.equal(await second, 'new')
  t.strictSame(fills, ['second'])
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
