import t, { type Test } from 'tap'
import {
  type CacheAdapter, collectReads, createCache, currentReads, ignoreReads, memoryStore, memoryVersions, ReadSet,
  type Versions
} from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'

/** Two caches on one clock, as two kinds of things kept of one database. */
function setUp () {
  const clock = fakeClock()
  const versions = memoryVersions()
  const make = () => createCache({ store: memoryStore({ now: clock.now }), versions, now: clock.now })
  return { clock, versions, outer: make(), inner: make() }
}

/** What a database does when it is read: says so first, then answers. */
function read<T> (versions: Versions, tag: string, answer: T): T {
  const reads = currentReads()
  reads?.begin(versions, () => versions.stamp())
  reads?.add(versions, [tag])
  return answer
}

async function tagsOf (cache: CacheAdapter, key = 'key'): Promise<string[] | undefined> {
  const found = await cache.lookup(key)
  return 'miss' in found ? undefined : [...found.tags].sort()
}

/** Whether a load ran. */
async function reloads (cache: CacheAdapter, key = 'key'): Promise<boolean> {
  let ran = false
  await cache.getOrSet(key, () => { ran = true; return 'again' })
  return ran
}

t.test('the tags of reads during a load become tags of its entry', async (t) => {
  const { versions, outer } = setUp()
  await outer.getOrSet('key', async ({ addTags }) => {
    read(versions, 'a', 1)
    await new Promise(setImmediate)
    addTags('b')
    await new Promise((resolve) => setTimeout(() => resolve(read(versions, 'c', 1)), 1))
    return 'value'
  }, { tags: ['d'] })
  t.strictSame(await tagsOf(outer), ['a', 'b', 'c', 'd'])
  t.notOk(await reloads(outer))
  await versions.invalidate(['c'])
  t.ok(await reloads(outer))
})

t.test('reads outside a load are not recorded', async (t) => {
  const { versions, outer } = setUp()
  t.equal(currentReads(), undefined)
  t.equal(read(versions, 'a', 1), 1)
  await outer.set('key', 1)
  t.strictSame(await tagsOf(outer), [])
})

t.test('concurrent loads have separate read sets', async (t) => {
  const { versions, outer } = setUp()
  const names = Array.from({ length: 20 }, (_, i) => `key${i}`)
  await Promise.all(names.map((name, i) => outer.getOrSet(name, async () => {
    for (let turns = 0; turns < (i * 7) % 5; turns++) await new Promise(setImmediate)
    read(versions, `${name}-first`, 1)
    for (let turns = 0; turns < (i * 3) % 5; turns++) await Promise.resolve()
    return read(versions, `${name}-last`, i)
  })))
  for (const name of names) t.strictSame(await tagsOf(outer, name), [`${name}-first`, `${name}-last`])
})

t.test('the tags of a nested value become tags of the outer one', async (t) => {
  const nestings: Record<string,
    (t: Test, site: ReturnType<typeof setUp>, nested: () => Promise<unknown>) => Promise<void>> = {
      'that is loaded': async () => {},
      'that is a hit of getOrSet': async (_t, _site, nested) => { await nested() },
      'that another is loading': async (t, { versions, outer, inner }, nested) => {
        const held = deferredLoader(() => read(versions, 'a', 1))
        const loading = inner.getOrSet('inner', held.load)
        await held.began
        const made = outer.getOrSet('key', nested)
        held.end('value')
        t.equal(await loading, 'value')
        t.equal(await made, 'value')
      }
    }
  for (const [name, prepare] of Object.entries(nestings)) {
    await t.test(name, async (t) => {
      const site = setUp()
      const { versions, outer, inner } = site
      const nested = () => inner.getOrSet('inner', () => read(versions, 'a', 'value'))
      await prepare(t, site, nested)
      t.equal(await outer.getOrSet('key', nested), 'value')
      t.strictSame(await tagsOf(outer), ['a'])
    })
  }

  await t.test('if it is a hit of get or getMany', async (t) => {
    const { outer, inner } = setUp()
    await inner.set('one', 1, { tags: ['a'] })
    await inner.set('two', 2, { tags: ['b'] })
    await inner.set('three', 3)
    await outer.getOrSet('key', async () => [await inner.get('one'), await inner.getMany(['two', 'three', 'four'])])
    t.strictSame(await tagsOf(outer), ['a', 'b'])
  })

  await t.test('over several levels, with the tags of options and addTags', async (t) => {
    const { outer, inner } = setUp()
    const innermost = () => inner.getOrSet('c', ({ addTags }) => { addTags('e'); return 1 }, { tags: ['d'] })
    await outer.getOrSet('key', () => inner.getOrSet('b', innermost, { tags: ['f'] }))
    t.strictSame(await tagsOf(outer), ['d', 'e', 'f'])
  })

  await t.test('if it is not stored itself', async (t) => {
    const { versions, outer, inner } = setUp()
    await outer.getOrSet(
      'key', () => inner.getOrSet('inner', ({ skipStore }) => { skipStore(); return read(versions, 'a', 1) })
    )
    t.strictSame(await tagsOf(outer), ['a'])
  })

  await t.test('if its load failed and the loader caught the error', async (t) => {
    const { versions, outer, inner } = setUp()
    await outer.getOrSet('key', () => inner.getOrSet('inner', () => {
      read(versions, 'a', undefined)
      throw new Error('not there')
    }).catch(() => 'none'))
    t.strictSame(await tagsOf(outer), ['a'])
    await versions.invalidate(['a'])
    t.ok(await reloads(outer))
  })
})

t.test('stale values pass their tags up, and background refreshes do not', async (t) => {
  const { clock, versions, outer, inner } = setUp()
  const options = { ttl: 10, staleWhileRevalidate: 60, staleIfError: 60 }
  await inner.getOrSet('inner', () => read(versions, 'a', 'old'), options)
  clock.advance(11)
  const held = deferredLoader(() => read(versions, 'b', 1))
  t.equal(await outer.getOrSet('key', async () => {
    const value = await inner.getOrSet('inner', held.load, options)
    held.end('new')
    await new Promise(setImmediate)
    return value
  }), 'old')
  t.strictSame(await tagsOf(outer), ['a'])

  clock.advance(11)
  await inner.touch('inner', -1)
  await inner.getOrSet('failing', () => read(versions, 'c', 'old'), options)
  clock.advance(11)
  const failing = () => inner.getOrSet('failing', () => { throw new Error('down') }, {
    ...options, staleWhileRevalidate: 0
  })
  t.equal(await outer.getOrSet('other', failing), 'old')
  t.strictSame(await tagsOf(outer, 'other'), ['c'])
})

t.test('a nested value is checked after the stamp of the outer load', async (t) => {
  const { versions, outer, inner } = setUp()
  await inner.set('inner', 'old', { tags: ['a'] })
  await outer.getOrSet('key', async () => {
    const value = await inner.get('inner')
    await versions.invalidate(['a']) // after the look at it
    return value
  })
  t.equal(await tagsOf(outer), undefined)
})

t.test('reads before the load count if `reads` is given, with a stamp from before them', async (t) => {
  const { versions, outer, inner } = setUp()
  for (const before of [() => read(versions, 'a', 1), () => inner.get('inner')]) {
    await inner.set('inner', 'old', { tags: ['b'] })
    const reads = new ReadSet()
    await collectReads(reads, async () => {
      await before()
      await versions.invalidate(['a', 'b'])
      const loaded = await outer.load('key', () => 'value', { reads })
      t.notOk(loaded.stored, 'it was made of what has changed since')
    })
    t.equal(await tagsOf(outer), undefined)
  }
})

t.test('a caller that starts after a write does not join a load with older reads', async (t) => {
  const { versions, outer } = setUp()
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
  const { versions, outer } = setUp()
  await outer.getOrSet('key', async () => {
    const session = await ignoreReads(async () => {
      await Promise.resolve()
      return read(versions, 'sessions', 1)
    })
    return session + read(versions, 'a', 1)
  })
  t.strictSame(await tagsOf(outer), ['a'])
})

t.test('doNotStore keeps the value and those that depend on it from being stored', async (t) => {
  const { outer, inner } = setUp()
  const load = () => {
    currentReads()!.doNotStore('first-reason')
    currentReads()!.doNotStore('second-reason')
    return 'value'
  }
  const refused = { value: 'value', stored: false, notStoredBecause: 'first-reason' }
  t.strictSame(await inner.load('inner', load), refused)
  t.strictSame(await outer.load('key', () => inner.getOrSet('inner', load)), refused)
  t.equal(await tagsOf(inner, 'inner'), undefined)
  t.equal(await tagsOf(outer), undefined)
})

t.test('a cache uses the tags of its own clock, and passes the others on', async (t) => {
  const { versions, outer } = setUp()
  const other = createCache({ store: memoryStore() })
  const nested = () => other.getOrSet('inner', () => read(versions, 'a', 1), { tags: ['hers'] })
  await outer.getOrSet('key', nested)
  t.strictSame(await tagsOf(outer), ['a'])
  t.strictSame(await tagsOf(other, 'inner'), ['hers'])
})

t.test('a clock can compact tags', async (t) => {
  const versions: Versions = { ...memoryVersions(), compact: (tags) => tags.has('all') ? ['all'] : tags }
  const cache = createCache({ store: memoryStore(), versions })
  await cache.getOrSet('key', () => 1, { tags: ['one', 'all', 'two'] })
  t.strictSame(await tagsOf(cache), ['all'])
  await cache.getOrSet('other', () => 1, { tags: ['one', 'two'] })
  t.strictSame(await tagsOf(cache, 'other'), ['one', 'two'])
})

t.test('if the clock fails during a read, the value is returned and not stored', async (t) => {
  const versions: Versions = { ...memoryVersions(), stamp () { throw new Error('no clock') } }
  const cache = createCache({ store: memoryStore(), versions })
  t.equal(await cache.getOrSet('key', async () => {
    await cache.get('other')
    return 'value'
  }, { tags: ['a'] }), 'value')
  t.equal(await tagsOf(cache), undefined)
})
