import t, { type Test } from 'tap'
import { createCache, memoryStore, memoryVersions } from '../../../src/cache/index.ts'
import { RecentInvalidations } from '../../../src/dashboard/live/recent-invalidations.ts'
import { fakeClock } from '../../support/clock.ts'

function setUp (t: Test) {
  const clock = fakeClock()
  const versions = memoryVersions()
  const cache = createCache({ store: memoryStore({ now: clock.now }), versions, now: clock.now })
  let added = 0
  const invalidations = new RecentInvalidations(cache, () => added++)
  t.teardown(() => invalidations.close())
  return { clock, cache, versions, invalidations, added: () => added }
}

t.test('RecentInvalidations lists delete, invalidateTags and clear of this process, newest first', async (t) => {
  const { clock, cache, invalidations, added } = setUp(t)
  const at = clock.now()
  await createCache({ store: memoryStore() }).delete('of another cache')
  const keys = Array.from({ length: 101 }, (_, i) => `key ${i}`)
  await cache.deleteMany(keys)
  await cache.invalidateTags(['menu'])
  await cache.clear()
  await cache.deleteMatching({ prefix: 'page:' })
  t.same(invalidations.list, [
    { at, cause: 'clear', names: ['page:'], total: 1 },
    { at, cause: 'clear', names: [], total: 0 },
    { at, cause: 'tags', names: ['menu'], total: 1 },
    { at, cause: 'delete', names: keys.slice(0, 100), total: 101 }
  ])
  t.equal(added(), 4)
})

t.test('RecentInvalidations keeps the last 20, and stops at close', async (t) => {
  const { cache, invalidations } = setUp(t)
  for (let i = 0; i < 30; i++) await cache.delete(`key ${i}`)
  t.equal(invalidations.list.length, 20)
  t.match(invalidations.list[0], { names: ['key 29'] })
  invalidations.close()
  await cache.delete('after close')
  t.match(invalidations.list[0], { names: ['key 29'] })
})

t.test('RecentInvalidations lists a change by another process once, when a read finds it', async (t) => {
  const { clock, cache, versions, invalidations } = setUp(t)
  const fill = (key: string) => cache.set(key, 1, { tags: ['unchanged', 'menu'] })
  await fill('a')
  await fill('b')
  await versions.invalidate(['menu']) // as another process does
  await cache.get('a')
  await cache.get('b')
  t.same(invalidations.list, [{ at: clock.now(), cause: 'change', names: ['menu'], total: 1, key: 'a' }])

  clock.advance(1)
  await fill('a')
  await versions.invalidate(['menu'])
  await cache.get('a')
  t.equal(invalidations.list.length, 2, 'another change, of an entry that was stored since')
})

t.test('RecentInvalidations does not list invalidateTags of this process again as a change', async (t) => {
  const { clock, cache, versions, invalidations } = setUp(t)
  await cache.set('a', 1, { tags: ['menu'] })
  await cache.invalidateTags(['menu'])
  await cache.get('a')
  t.same(invalidations.list.map(({ cause }) => cause), ['tags'])

  clock.advance(1)
  await cache.set('a', 1, { tags: ['menu'] })
  await versions.invalidate(['menu'])
  await cache.get('a')
  t.same(invalidations.list.map(({ cause }) => cause), ['change', 'tags'], 'another process changed it since')
})
