import t from 'tap'
import {
  type CacheAdapter, createCache, currentReads, memoryStore, memoryVersions, ReadSet, type Stamp
} from '../../../src/cache/index.ts'

/** A read whose tags are found when the test says so. */
function readLater (versions: ReturnType<typeof memoryVersions>) {
  const { promise, resolve } = Promise.withResolvers<string[] | undefined>()
  const began = Promise.withResolvers<void>()
  const read = (): string => {
    const reads = currentReads()!
    reads.begin(versions, () => versions.stamp())
    reads.addLater(promise.then((tags) => {
      if (tags === undefined) reads.doNotStore('unwatched-read')
      else reads.add(versions, tags)
    }))
    began.resolve()
    return 'read'
  }
  return { read, resolve, began: began.promise }
}

function createTestCache () {
  const versions = memoryVersions()
  return { versions, cache: createCache({ store: memoryStore(), versions }) as CacheAdapter }
}

t.test('a value is stored once the tags of its reads are known', async (t) => {
  const { versions, cache } = createTestCache()
  const { read, resolve, began } = readLater(versions)
  const loading = cache.load('key', read)
  await began
  t.equal(await cache.get('key'), undefined)
  resolve(['a'])
  t.match(await loading, { stored: true, value: 'read' })
  await versions.invalidate(['a'])
  t.equal(await cache.get('key'), undefined)
})

t.test('a value is not stored if it turns out that a read cannot be checked', async (t) => {
  const { versions, cache } = createTestCache()
  const { read, resolve } = readLater(versions)
  resolve(undefined)
  t.match(await cache.load('key', read), { stored: false, notStoredBecause: 'unwatched-read' })
})

t.test('a caller joins a load only after its reads are known, and not if they have changed', async (t) => {
  const { versions, cache } = createTestCache()
  const { read, resolve, began } = readLater(versions)
  const first = cache.getOrSet('key', read)
  await began
  await versions.invalidate(['a'])
  const second = cache.getOrSet('key', () => 'new')
  resolve(['a'])
  t.same([await first, await second], ['read', 'new'])
  t.equal(await cache.get('key'), 'new')
})

t.test('a read set includes the tags that another one finds later', async (t) => {
  const { versions, cache } = createTestCache()
  const [outer, inner] = [new ReadSet(), new ReadSet()]
  cache.beginTracking(outer)
  cache.beginTracking(inner)
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  inner.addLater(first.promise.then(() => inner.add(versions, ['a'])))
  outer.include(inner)
  t.ok(cache.hasDependencies(outer), 'a tag may follow')
  inner.addLater(second.promise.then(() => inner.add(versions, ['b'])))
  first.resolve()
  second.resolve()
  await outer.settle()
  t.same([...outer.tags(versions)], ['a', 'b'])
  t.notOk(outer.isPending)
  t.equal(outer.settle(), undefined)
})

t.test('a stamp that took a round trip is at hand afterwards', async (t) => {
  const versions = memoryVersions()
  const reads = new ReadSet()
  const taken = Promise.withResolvers<Stamp | undefined>()
  t.ok(reads.begin(versions, () => taken.promise) instanceof Promise)
  taken.resolve('stamp')
  await taken.promise
  t.equal(reads.begin(versions, () => 'later'), 'stamp')
})

t.test('so is a later stamp, after waiting for another process', async (t) => {
  const versions = memoryVersions()
  const reads = new ReadSet()
  reads.begin(versions, () => 'first')
  const taken = Promise.resolve<Stamp | undefined>('later')
  reads.restamp(versions, () => taken)
  await taken
  t.equal(reads.begin(versions, () => 'other'), 'later')
})

t.test('a later stamp stays when the first one arrives', async (t) => {
  const versions = memoryVersions()
  const reads = new ReadSet()
  const taken = Promise.withResolvers<Stamp | undefined>()
  reads.begin(versions, () => taken.promise)
  reads.restamp(versions, () => 'later')
  taken.resolve('first')
  await taken.promise
  t.equal(reads.begin(versions, () => 'other'), 'later')
})

t.test('a later stamp is not taken after a read', async (t) => {
  const versions = memoryVersions()
  const reads = new ReadSet()
  reads.begin(versions, () => 'first')
  reads.add(versions, ['a'])
  t.equal(reads.restamp(versions, () => 'later'), 'first')
})
