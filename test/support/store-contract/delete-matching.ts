import type { Test } from 'tap'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function deleteMatching (t: Test, setUp: () => SetUp): void {
  t.test('deleteMatching deletes the entries whose keys have a prefix, and returns how many', async (t) => {
    const { cache } = setUp()
    const keys = ['page:', 'page:a', 'page:b', 'page', 'pages', 'Page:a', 'a page:', 'page;', 'påge:', 'other']
    await cache.setMany(keys.map((key) => [key, key]))
    t.equal((await cache.getMany(keys)).size, keys.length)
    t.equal(await cache.deleteMatching({ prefix: 'page:' }), 3)
    t.strictSame([...(await cache.getMany(keys)).keys()], keys.slice(3))
    t.equal(await cache.deleteMatching({ prefix: 'page:' }), 0)
    t.equal(await cache.deleteMatching({ prefix: 'på' }), 1)
    t.equal(await cache.deleteMatching({ prefix: '' }), 6)
    t.equal((await cache.getMany(keys)).size, 0)
  })

  t.test('deleteMatching deletes the entries whose keys have one of several prefixes', async (t) => {
    const { cache } = setUp()
    const keys = ['page:/a', 'page:/ab', 'page:/b*c', 'page:/bc', 'page:/c', 'other:/a', 'page:/é']
    const stored = async () => [...(await cache.getMany(keys)).keys()]
    await cache.setMany(keys.map((key) => [key, key]))
    t.equal(await cache.deleteMatching({ prefixes: [] }), 0)
    t.strictSame(await stored(), keys)
    const { events } = listen(t, cache)
    t.equal(await cache.deleteMatching({ prefix: 'page:', prefixes: ['page:/a', 'page:/b*', 'page:/é', 'x'] }), 4)
    t.match(events.filter(({ type }) => type === 'clear').map(({ prefix }) => prefix), [
      'page:/a', 'page:/b*', 'page:/é', 'x'
    ])
    t.strictSame(await stored(), ['page:/bc', 'page:/c', 'other:/a'])
    t.equal(await cache.deleteMatching({ prefixes: ['page:/c', 'other:'] }), 2)
    t.equal(await cache.deleteMatching({ prefix: 'other:', prefixes: ['page:'] }), 0, 'all conditions count')
    t.strictSame(await stored(), ['page:/bc'])
  })

  t.test('deleteMatching without a filter is a clear that returns the count', async (t) => {
    const { cache } = setUp()
    const keys = Array.from({ length: 1200 }, (_, i) => `key ${i}`)
    await cache.setMany(keys.map((key) => [key, 1]))
    t.equal(await cache.deleteMatching(), 1200)
    t.equal((await cache.getMany(keys)).size, 0)
    t.equal(await cache.deleteMatching({}), 0)
  })

  t.test('a prefix can have any characters, and none is a wildcard', async (t) => {
    const prefixes = [
      '*', '?', 'a*', '[ab]', '[^a]', '[a-c]', '\\', '\\*', 'a\\', '^', '{a}', 'a b', '日', '__proto__', 'x'.repeat(1000)
    ]
    const { cache } = setUp()
    const all = [...new Set([...prefixes, ...prefixes.map((prefix) => `${prefix}*`), 'a', 'b', 'ab', '-'])]
    for (const prefix of prefixes) {
      await cache.setMany(all.map((key) => [key, 1]))
      const hit = all.filter((key) => key.startsWith(prefix))
      t.equal(await cache.deleteMatching({ prefix }), hit.length, prefix)
      t.strictSame([...(await cache.getMany(all)).keys()], all.filter((key) => !hit.includes(key)), prefix)
    }
  })

  t.test('deleteMatching deletes the entries that have one of several tags', async (t) => {
    const { cache } = setUp()
    const many = Array.from({ length: 500 }, (_, i) => `tag ${i}`)
    await cache.set('a', 1, { tags: ['x'] })
    await cache.set('b', 2, { tags: ['z', 'y', 'x'] })
    await cache.set('c', 3, { tags: ['y'] })
    await cache.set('d', 4, { tags: ['z', 'xx', 'X'] })
    await cache.set('e', 5)
    await cache.set('f', 'value '.repeat(1000), { tags: [...many, 'x'] })
    await cache.set('g', 7, { tags: many })
    await cache.getOrSet('h', () => 8, { tags: ['y'] })
    const keys = [...'abcdefgh']
    t.equal((await cache.getMany(keys)).size, keys.length)
    t.equal(await cache.deleteMatching({ tags: ['x', 'y', 'unknown'] }), 5)
    t.strictSame([...(await cache.getMany(keys)).keys()], ['d', 'e', 'g'])
    t.equal(await cache.deleteMany(['a', 'b', 'c', 'f', 'h']), 0, 'they are not only invalid')
    t.equal(await cache.deleteMatching({ tags: ['x', 'y'] }), 0)
    t.equal(await cache.deleteMatching({ tags: [] }), 0)
    t.equal(await cache.deleteMatching({ tags: ['tag 499'] }), 1)
    t.strictSame([...(await cache.getMany(keys)).keys()], ['d', 'e'])
  })

  t.test('deleteMatching by a prefix and tags deletes what has both, and invalidates the tags', async (t) => {
    const { cache } = setUp()
    await cache.set('page:a', 1, { tags: ['x'] })
    await cache.set('page:b', 2, { tags: ['y'] })
    await cache.set('list:a', 3, { tags: ['x'] })
    t.equal(await cache.deleteMatching({ prefix: 'page:', tags: ['x'] }), 1)
    t.strictSame([...(await cache.getMany(['page:a', 'page:b', 'list:a'])).keys()], ['page:b'])
    t.equal(await cache.deleteMany(['page:a', 'list:a']), 1)
  })

  t.test('deleteMatching counts entries that were invalidated before', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { tags: ['x'] })
    await cache.invalidateTags(['x'])
    t.equal(await cache.deleteMatching({ tags: ['x'] }), 1)
  })

  t.test('an entry that is set after deleteMatching is stored', async (t) => {
    const { cache } = setUp()
    for (const which of [{}, { prefix: 'k' }, { tags: ['x'] }]) {
      await cache.set('key', 'old', { tags: ['x'] })
      t.equal(await cache.deleteMatching(which), 1)
      t.equal(await cache.getOrSet('key', () => 'new', { tags: ['x'] }), 'new')
      t.equal(await cache.get('key'), 'new')
      await cache.delete('key')
    }
  })

  t.test('deleteMatching by a prefix revokes the loads in flight of keys that begin with it', async (t) => {
    const { cache } = setUp()
    const [page, other] = [deferredLoader(), deferredLoader()]
    const callers = [cache.getOrSet('page:a', page.load), cache.getOrSet('other', other.load)]
    await Promise.all([page.began, other.began])
    t.equal(await cache.deleteMatching({ prefix: 'page:' }), 0, 'a load is no entry')
    t.equal(await cache.getOrSet('page:a', () => 'new'), 'new', 'who comes later does not wait for it')
    page.end('old')
    other.end('old')
    t.strictSame(await Promise.all(callers), ['old', 'old'])
    t.strictSame([...await cache.getMany(['page:a', 'other'])], [['page:a', 'new'], ['other', 'old']])
  })

  t.test('deleteMatching by tags: loads in flight with these tags are not stored', async (t) => {
    const { cache } = setUp()
    const [early, late, other] = [deferredLoader(), deferredLoader(), deferredLoader()]
    const callers = [
      cache.getOrSet('early', early.load, { tags: ['x'] }),
      cache.getOrSet('late', async (context) => {
        const value = await late.load(context)
        context.addTags('x')
        return value
      }),
      cache.getOrSet('other', other.load, { tags: ['y'] })
    ]
    await Promise.all([early.began, late.began, other.began])
    t.equal(await cache.deleteMatching({ tags: ['x'] }), 0)
    for (const held of [early, late, other]) held.end('old')
    t.strictSame(await Promise.all(callers), ['old', 'old', 'old'])
    t.strictSame([...(await cache.getMany(['early', 'late', 'other'])).keys()], ['other'])
  })

  t.test('deleteMatching copies the tags from the array at the call', async (t) => {
    const { cache } = setUp()
    await cache.set('a', 1, { tags: ['x'] })
    await cache.set('b', 1, { tags: ['y'] })
    const tags = ['x']
    const sweeping = cache.deleteMatching({ tags })
    tags[0] = 'y'
    t.equal(await sweeping, 1)
    t.strictSame([...(await cache.getMany(['a', 'b'])).keys()], ['b'])
  })

  t.test('deleteMatching emits clear or invalidate', async (t) => {
    const { cache } = setUp()
    const { events } = listen(t, cache)
    await cache.deleteMatching()
    await cache.deleteMatching({ prefix: 'page:' })
    await cache.deleteMatching({ tags: ['x'] })
    await cache.deleteMatching({ prefix: 'page:', tags: ['y'] })
    await cache.deleteMatching({ tags: [] })
    t.strictSame(events, [
      { type: 'clear' },
      { type: 'clear', prefix: 'page:' },
      { type: 'invalidate', tags: ['x'] },
      { type: 'invalidate', tags: ['y'] }
    ])
  })

  t.test('deleteMatching rejects an invalid filter, and deletes nothing', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 1, { tags: ['x'] })
    const refused: Array<[unknown, string]> = [
      ['key', 'The value of options must be an object, but is "key".'],
      [null, 'The value of options must be an object, but is null.'],
      [{ tag: ['x'] }, 'deleteMatching() has no option tag. Did you mean tags?'],
      [{ prefix: 5 }, 'A prefix must be a non-empty string, but is 5.'],
      [{ prefix: null }, 'A prefix must be a non-empty string, but is null.'],
      [{ prefix: 'k'.repeat(1025) }, 'A prefix may have at most 1024 characters, but has 1025.'],
      [{ prefix: 'k\ud800' }, 'A prefix must be well-formed Unicode, but has a lone surrogate.'],
      [{ prefixes: 'x' }, 'The value of prefixes must be an array of strings, but is "x".'],
      [{ prefixes: ['x', 5] }, 'A prefix must be a non-empty string, but is 5.'],
      [{ tags: 'x' }, 'The value of tags must be an array of strings, but is "x".'],
      [{ tags: null }, 'The value of tags must be an array of strings, but is null.'],
      [{ tags: ['x', ''] }, 'A tag must be a non-empty string, but is "".']
    ]
    for (const [which, message] of refused) {
      await t.rejects(
        cache.deleteMatching(which as never), { code: /^FST_ERR_LARDER_/, message }
      )
    }
    t.equal(await cache.get('key'), 1)
  })
}
