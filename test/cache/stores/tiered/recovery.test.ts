import t from 'tap'
import { type CacheAdapter, memoryVersions } from '../../../../src/cache/index.ts'
import { collect } from '../../../support/collect.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { fallibleProcess } from './set-up.ts'

t.test('when L2 has recovered, what L1 has stored meanwhile is not served, with or without tags', async (t) => {
  const { far, mine, theirs } = fallibleProcess({ versions: memoryVersions() })
  await theirs.set('b', 'before')
  await theirs.set('c', 'before')
  far.isDown = true
  await mine.getOrSet('a', () => 'meanwhile')
  await mine.getOrSet('b', () => 'meanwhile', { tags: ['x'] })
  far.isDown = false
  await theirs.delete('c')
  t.strictSame([...await mine.getMany(['a', 'b', 'c'])], [['b', 'before']])
  await theirs.set('a', 'after')
  t.equal(await mine.get('a'), 'after')
})

t.test('when L2 has recovered empty, callers that miss together share one load', async (t) => {
  const { far, mine } = fallibleProcess()
  far.isDown = true
  await mine.getOrSet('key', () => 'meanwhile')
  far.isDown = false
  const listener = listen(t, mine)
  const held = deferredLoader()
  const callers = Array.from({ length: 20 }, () => mine.getOrSet('key', held.load))
  await listener.heard('miss', 20)
  held.end('after')
  t.strictSame(await Promise.all(callers), Array(20).fill('after'))
  t.equal(held.runs(), 1)
})

t.test('what was deleted or set in an outage does not come back from L2', async (t) => {
  const { far, mine, theirs } = fallibleProcess()
  await theirs.setMany([['deleted', 'old'], ['set', 'old'], ['other', 'old']])
  far.isDown = true
  await t.rejects(mine.delete('deleted'))
  await mine.set('set', 'new')
  await t.rejects(mine.delete('other'))
  far.isDown = false
  await theirs.set('other', 'newer')
  t.strictSame([...await mine.getMany(['deleted', 'set'])], [])
  t.strictSame([...await theirs.getMany(['deleted', 'set', 'other'])], [], 'nor in other processes')
  await mine.set('set', 'newest')
  await mine.get('deleted')
  t.equal(await mine.get('set'), 'newest', 'each deletion is made up for once')
})

t.test('what is written after a missed deletion is not deleted by it', async (t) => {
  const writes: Record<string, [(cache: CacheAdapter) => Promise<unknown>, unknown]> = {
    set: [(cache) => cache.set('key', 'new'), 'new'],
    setMany: [(cache) => cache.setMany([['key', 'new']]), 'new'],
    add: [(cache) => cache.add('key', 'new'), 'new'],
    increment: [(cache) => cache.increment('key', 1), 1],
    getOrSet: [(cache) => cache.getOrSet('key', () => 'new'), 'new'],
    touch: [(cache) => cache.touch('key', 10), undefined]
  }
  for (const [verb, [write, written]] of Object.entries(writes)) {
    const { far, mine, theirs } = fallibleProcess()
    await theirs.set('key', 5)
    far.isDown = true
    await t.rejects(mine.deleteMany(['other', 'key']))
    far.isDown = false
    await write(mine)
    t.equal(await mine.get('key'), written, verb)
    t.equal(await theirs.get('key'), written, `${verb}: in other processes`)
  }
})

t.test('what is set while a missed deletion is made up for is not deleted by it', async (t) => {
  const { far, mine, theirs } = fallibleProcess()
  far.isDown = true
  await t.rejects(mine.deleteMany(['other', 'key']))
  far.isDown = false
  const { promise, resolve } = Promise.withResolvers<void>()
  far.gate = promise
  const read = mine.get('key')
  const write = mine.set('key', 'new')
  resolve()
  await Promise.all([read, write])
  t.equal(await mine.get('key'), 'new')
  t.equal(await theirs.get('key'), 'new')
})

t.test('what is to be deleted from L2 is remembered until it can be', async (t) => {
  const { far, mine, theirs } = fallibleProcess()
  await theirs.setMany([['a', 'old'], ['b', 'old']])
  far.isDown = true
  await t.rejects(mine.deleteMany(['a', 'b']))
  Object.defineProperty(far, 'available', { value: true }) // the circuit has closed too early
  t.equal(await mine.get('a'), undefined)
  far.isDown = false
  t.equal((await mine.getMany(['a', 'b'])).size, 0)
  t.strictSame(far.calls.slice(-4), ['delete', 'delete', 'get', 'get'], 'all keys after the first one together')
})

t.test('what was cleared in an outage does not come back from L2', async (t) => {
  const { far, mine, theirs, advance } = fallibleProcess()
  await theirs.setMany([['page:a', 'old'], ['page:b', 'old'], ['list', 'old']])
  advance(10)
  far.isDown = true
  await t.rejects(mine.deleteMatching({ prefix: 'page:' }))
  far.isDown = false
  await mine.set('page:b', 'new')
  t.strictSame([...await mine.getMany(['page:a', 'page:b', 'list'])], [['page:b', 'new'], ['list', 'old']])
  t.equal(await theirs.get('page:a'), undefined)
  await theirs.set('page:a', 'old') // in the same millisecond as the outage
  t.equal(await mine.getOrSet('page:a', () => 'loaded'), 'loaded')
  t.equal(await mine.get('page:a'), 'loaded')
  advance(0.001)
  await theirs.set('page:a', 'new')
  advance(5)
  t.equal(await mine.get('page:a'), 'new')
})

t.test('what was cleared by several prefixes in an outage does not come back from L2 either', async (t) => {
  const { far, mine, theirs } = fallibleProcess()
  await theirs.setMany([['page:a', 'old'], ['page:b', 'old'], ['page:c', 'old']])
  far.isDown = true
  await t.rejects(mine.deleteMatching({ prefix: 'page:', prefixes: ['page:a', 'page:c'] }))
  far.isDown = false
  t.strictSame([...await mine.getMany(['page:a', 'page:b', 'page:c'])], [['page:b', 'old']])
})

t.test('a store that was cleared in an outage, without a filter or by tags, has nothing of before', async (t) => {
  for (const filter of [undefined, {}, { tags: ['a'] }]) {
    const { far, store, mine, theirs } = fallibleProcess()
    await theirs.set('page', 'old', { tags: ['a'] })
    far.isDown = true
    await t.rejects(async () => store.clear(filter))
    far.isDown = false
    // Entries with tags are invalid by their tags.
    t.equal(await mine.get('page'), filter?.tags === undefined ? undefined : 'old')
  }
})

t.test('more missed deletions than are remembered count as a deletion of everything', async (t) => {
  for (const deletions of [
    [Array.from({ length: 10_001 }, (_, i) => `key${i}`)],
    Array.from({ length: 101 }, (_, i) => `prefix${i}:`)
  ]) {
    const { far, mine, theirs, advance } = fallibleProcess()
    await theirs.set('other', 'old')
    far.isDown = true
    for (const keys of deletions) {
      await t.rejects(typeof keys === 'string' ? mine.deleteMatching({ prefix: keys }) : mine.deleteMany(keys))
    }
    far.isDown = false
    t.equal(await mine.get('other'), undefined)
    advance(1)
    await mine.set('other', 'new')
    t.equal(await mine.get('other'), 'new')
  }
})

t.test('entries with tags on the clock of L2', async (t) => {
  t.test('are stored for outageTtl; invalidateTags() rejects, and takes effect in this process at once', async (t) => {
    const { far, mine, advance } = fallibleProcess()
    await mine.set('a', 'before', { tags: ['x'] })
    t.equal(await mine.get('a'), 'before')
    far.isDown = true
    await mine.getOrSet('b', () => 'meanwhile', { tags: ['x'] })
    await mine.getOrSet('c', () => 'meanwhile', { tags: ['y'] })
    t.equal((await mine.getMany(['a', 'b', 'c'])).size, 3)
    await t.rejects(mine.invalidateTags(['x']), { message: 'L2 is unavailable' })
    t.strictSame([...(await mine.getMany(['a', 'b', 'c'])).keys()], ['c'])
    advance(10)
    t.equal(await mine.get('c'), undefined)
  })

  t.test('that were invalidated in an outage do not come back from L2', async (t) => {
    const { far, mine, theirs } = fallibleProcess()
    await theirs.set('a', 'old', { tags: ['x'] })
    await theirs.set('b', 'old', { tags: ['y'] })
    far.isDown = true
    await t.rejects(mine.invalidateTags(['x']))
    await t.rejects(mine.invalidateTags(['x']))
    far.isDown = false
    t.strictSame([...(await mine.getMany(['a', 'b'])).keys()], ['b'])
    t.equal(await theirs.get('a'), undefined, 'nor in other processes')
  })

  t.test('count as deleted if more invalidations were missed than are remembered', async (t) => {
    const { far, mine, theirs } = fallibleProcess()
    await theirs.set('other', 'old')
    far.isDown = true
    await t.rejects(mine.invalidateTags(Array.from({ length: 10_001 }, (_, i) => `tag${i}`)))
    far.isDown = false
    t.equal(await mine.get('other'), undefined)
  })

  t.test('that were loaded in an outage are not stored in L2', async (t) => {
    const { far, mine, theirs } = fallibleProcess()
    far.isDown = true
    const held = deferredLoader()
    const caller = mine.getOrSet('key', held.load, { tags: ['x'] })
    await held.began
    far.isDown = false
    held.end('value')
    t.equal(await caller, 'value')
    t.equal(await theirs.get('key'), undefined)
    t.equal(await mine.get('key'), undefined)
  })
})

t.test('entries lists nothing that was deleted in an outage', async (t) => {
  const { far, mine, theirs } = fallibleProcess()
  await theirs.setMany([['a:1', 1], ['a:2', 2], ['b', 3]])
  far.isDown = true
  await t.rejects(mine.delete('b'))
  await t.rejects(mine.namespace('a').deleteMatching({ prefix: '1' }))
  await t.rejects(mine.entries().next(), { message: 'L2 is unavailable' })
  far.isDown = false
  t.strictSame(await collect(mine.entries()), [['a:2', 2]])
})
