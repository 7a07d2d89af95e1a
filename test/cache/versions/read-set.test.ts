import t from 'tap'
import {
  collectReads, createCache, currentReads, ignoreReads, memoryStore, memoryVersions, ReadSet, type Versions
} from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { createCaches, read, readTags, reloads } from '../../support/read-sets.ts'

t.test('the tags of reads during a load become tags of its entry', async (t) => {
  const { versions, outer } = createCaches()
  await outer.getOrSet('key', async ({ addTags }) => {
    read(versions, 'a', 1)
    await new Promise(setImmediate)
    addTags('b')
    await new Promise((resolve) => setTimeout(() => resolve(read(versions, 'c', 1)), 1))
    return 'value'
  }, { tags: ['d'] })
  t.strictSame(await readTags(outer), ['a', 'b', 'c', 'd'])
  t.notOk(await reloads(outer))
  await versions.invalidate(['c'])
  t.ok(await reloads(outer))
})

t.test('reads outside a load are not recorded', async (t) => {
  const { versions, outer } = createCaches()
  t.equal(currentReads(), undefined)
  t.equal(read(versions, 'a', 1), 1)
  await outer.set('key', 1)
  t.strictSame(await readTags(outer), [])
})

t.test('concurrent loads have separate read sets', async (t) => {
  const { versions, outer } = createCaches()
  const names = Array.from({ length: 20 }, (_, i) => `key${i}`)
  await Promise.all(names.map((name, i) => outer.getOrSet(name, async () => {
    for (let turns = 0; turns < (i * 7) % 5; turns++) await new Promise(setImmediate)
    read(versions, `${name}-first`, 1)
    for (let turns = 0; turns < (i * 3) % 5; turns++) await Promise.resolve()
    return read(versions, `${name}-last`, i)
  })))
  for (const name of names) t.strictSame(await readTags(outer, name), [`${name}-first`, `${name}-last`])
})

t.test('reads before the load count if `reads` is given, with a stamp from before them', async (t) => {
  const { versions, outer, inner } = createCaches()
  for (const before of [() => read(versions, 'a', 1), () => inner.get('inner')]) {
    await inner.set('inner', 'old', { tags: ['b'] })
    const reads = new ReadSet()
    await collectReads(reads, async () => {
      await before()
      await versions.invalidate(['a', 'b'])
      const loaded = await outer.load('key', () => 'value', { reads })
      t.notOk(loaded.stored, 'it was made of what has changed since')
    })
    t.equal(await readTags(outer), undefined)
  }
})

t.test('a caller that starts after a write does not join a load with older reads', async (t) => {
  const { versions, outer } = createCaches()
  const reads = new ReadSet()
  const held = deferredLoader()
  const first = collectReads(reads, async () => {
    read(versions, 'a', 1)
    await versions.invalidate(['a'])
    return await outer.load('key', held.load, { reads })
  })
  await held.began
  t.equal(await outer.getOrSet('key', () => 'new'), 'new')
  held.end('old')
  t.match(await first, { value: 'old', stored: false })
  t.equal(await outer.get('key'), 'new')
})

t.test('ignoreReads keeps reads out of the read set', async (t) => {
  const { versions, outer } = createCaches()
  await outer.getOrSet('key', async () => {
    const session = await ignoreReads(async () => {
      await Promise.resolve()
      return read(versions, 'sessions', 1)
    })
    return session + read(versions, 'a', 1)
  })
  t.strictSame(await readTags(outer), ['a'])
})

t.test('doNotStore keeps the value and those that depend on it from being stored', async (t) => {
  const { outer, inner } = createCaches()
  const load = () => {
    currentReads()!.doNotStore('uncommitted-read')
    currentReads()!.doNotStore('unwatched-read')
    return 'value'
  }
  const refused = { value: 'value', stored: false, notStoredBecause: 'uncommitted-read' }
  t.strictSame(await inner.load('inner', load), refused)
  t.strictSame(await outer.load('key', () => inner.getOrSet('inner', load)), refused)
  t.equal(await readTags(inner, 'inner'), undefined)
  t.equal(await readTags(outer), undefined)
})

t.test('a cache uses the tags of its own clock, and passes the others on', async (t) => {
  const { versions, outer } = createCaches()
  const other = createCache({ store: memoryStore() })
  const nested = () => other.getOrSet('inner', () => read(versions, 'a', 1), { tags: ['hers'] })
  await outer.getOrSet('key', nested)
  t.strictSame(await readTags(outer), ['a'])
  t.strictSame(await readTags(other, 'inner'), ['hers'])
})

t.test('a clock can compact tags', async (t) => {
  const versions: Versions = { ...memoryVersions(), compact: (tags) => tags.has('all') ? ['all'] : tags }
  const cache = createCache({ store: memoryStore(), versions })
  await cache.getOrSet('key', () => 1, { tags: ['one', 'all', 'two'] })
  t.strictSame(await readTags(cache), ['all'])
  await cache.getOrSet('other', () => 1, { tags: ['one', 'two'] })
  t.strictSame(await readTags(cache, 'other'), ['one', 'two'])
})

t.test('if the clock fails during a read, the value is returned and not stored', async (t) => {
  const versions: Versions = { ...memoryVersions(), stamp () { throw new Error('no clock') } }
  const cache = createCache({ store: memoryStore(), versions })
  t.equal(await cache.getOrSet('key', async () => {
    await cache.get('other')
    return 'value'
  }, { tags: ['a'] }), 'value')
  t.equal(await readTags(cache), undefined)
})
