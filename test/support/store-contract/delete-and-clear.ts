import type { Test } from 'tap'
import { deferredLoader } from '../deferred-loader.ts'
import type { SetUp } from './set-up.ts'

export function deleteKeys (t: Test, setUp: () => SetUp): void {
  t.test('delete returns whether there was an entry', async (t) => {
    const { cache } = setUp()
    await cache.set('key', null)
    t.equal(await cache.delete('key'), true)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.delete('key'), false)
  })

  t.test('deleteMany returns how many entries there were', async (t) => {
    const { cache } = setUp()
    await cache.setMany([['a', 1], ['b', 2], ['c', 3]])
    t.equal(await cache.deleteMany(['a', 'missing', 'b', 'a']), 2)
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['c', 3]])
    t.equal(await cache.deleteMany([]), 0)
  })
}

export function clear (t: Test, setUp: () => SetUp): void {
  t.test('clear deletes every entry, also one that was just read', async (t) => {
    const { cache } = setUp()
    const keys = Array.from({ length: 1200 }, (_, i) => `key ${i}`)
    await cache.setMany(keys.map((key) => [key, 1]))
    t.equal((await cache.getMany(keys)).size, 1200)
    await cache.clear()
    t.equal((await cache.getMany(keys)).size, 0)
    await cache.clear()
  })

  t.test('the result of a load in flight is not stored after clear', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader()
    const caller = cache.getOrSet('key', held.load)
    await held.began
    await cache.clear()
    held.end('old')
    t.equal(await caller, 'old')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('close resolves', async () => {
    const { cache } = setUp()
    await cache.set('key', 1)
    await cache.close()
  })
}

export function invalidateTags (t: Test, setUp: () => SetUp): void {
  t.test('invalidateTags invalidates every entry with the tag, and no other', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['x'] })
    await cache.set('b', 2, { tags: ['y', 'x'] })
    await cache.set('c', 3, { tags: ['y'] })
    await cache.set('d', 4, { tags: [] })
    await cache.set('e', 5)
    await cache.getOrSet('f', () => 6, { tags: ['x'] })
    await cache.invalidateTags(['x'])
    t.strictSame([...await cache.getMany(['a', 'b', 'c', 'd', 'e', 'f'])], [['c', 3], ['d', 4], ['e', 5]])
    t.equal(await cache.get('a'), undefined)
    t.equal(await cache.ttl('a'), undefined)
  })

  t.test('invalidateTags takes several tags, or none', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['x'] })
    await cache.set('b', 2, { tags: ['y'] })
    await cache.set('c', 3, { tags: ['z'] })
    await cache.invalidateTags([])
    t.equal((await cache.getMany(['a', 'b', 'c'])).size, 3)
    await cache.invalidateTags(['x', 'y', 'unknown'])
    t.strictSame([...await cache.getMany(['a', 'b', 'c'])], [['c', 3]])
  })

  t.test('an entry that is set after an invalidation is valid until the next', async (t) => {
    const { cache } = setUp()
    for (let round = 0; round < 3; round++) {
      await cache.set('key', round, { tags: ['x'] })
      t.equal(await cache.get('key'), round)
      await cache.invalidateTags(['x'])
      t.equal(await cache.get('key'), undefined)
    }
  })

  t.test('a tag can be any string', async (t) => {
    const { cache } = setUp()
    const tags = ['a', 'A', 'a ', 'a:b', '#', '日本', '__proto__', 't'.repeat(1024)]
    for (const tag of tags) await cache.set(tag, 1, { tags: [tag] })
    for (const tag of tags) {
      await cache.invalidateTags([tag])
      t.equal(await cache.get(tag), undefined, tag)
    }
  })

  t.test('tags are copied from the array at the call', async (t) => {
    const { cache } = setUp()
    const tags = ['x']
    const setting = cache.set('set', 1, { tags })
    const adding = cache.add('add', 1, { tags })
    const loading = cache.getOrSet('load', () => 1, { tags })
    tags.length = 0
    await Promise.all([setting, adding, loading])
    t.equal((await cache.getMany(['set', 'add', 'load'])).size, 3)
    await cache.invalidateTags(['x'])
    t.equal((await cache.getMany(['set', 'add', 'load'])).size, 0)
  })
}
