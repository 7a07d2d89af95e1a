import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createCache, memoryStore, memoryVersions, type Versions } from '../../../src/cache/index.ts'
import { RecentInvalidations } from '../../../src/dashboard/page/recent-invalidations.ts'
import { fakeClock } from '../../support/clock.ts'

function setUp (t: Test, versions: Versions = memoryVersions()) {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), versions, now: clock.now })
  let changes = 0
  const invalidations = new RecentInvalidations(cache, clock.now, () => changes++)
  t.teardown(() => invalidations.close())
  return { clock, cache, versions, invalidations, changes: () => changes }
}

const at = '2026-01-01T00:00:00.000Z'

t.test('what this process did is told with what it named, newest first', async (t) => {
  const { cache, invalidations, changes } = setUp(t)
  await createCache({ store: memoryStore() }).delete('theirs')
  await cache.deleteMany(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  await cache.invalidateTags(['menu'])
  await cache.clear()
  await cache.deleteMatching({ prefix: 'page:' })
  await cache.delete('x'.repeat(100))
  t.same(invalidations.last, [
    { at, cause: 'delete', what: `${'x'.repeat(80)}…` },
    { at, cause: 'clear', what: 'page:…' },
    { at, cause: 'clear', what: 'everything' },
    { at, cause: 'tags', what: 'menu' },
    { at, cause: 'delete', what: 'a, b, c, d, e and 2 more' }
  ])
  t.equal(changes(), 5)
  for (let i = 0; i < 30; i++) await cache.delete('x')
  t.equal(invalidations.last.length, 20)
  invalidations.close()
  await cache.delete('after')
  t.notMatch(JSON.stringify(invalidations.last), 'after')
})

t.test('what others changed is told once, when it is noticed', async (t) => {
  const { cache, versions, invalidations } = setUp(t)
  const fill = (key: string) => cache.set(key, 1, { tags: ['kept', 'menu'] })
  await fill('a')
  await fill('b')
  await versions.invalidate(['menu']) // by another road
  await cache.get('a')
  await cache.get('b')
  await setImmediate()
  t.same(invalidations.last, [{ at, cause: 'change', what: 'menu', noticedAt: 'a' }])

  await fill('a')
  await versions.invalidate(['menu'])
  await cache.get('a')
  await setImmediate()
  t.equal(invalidations.last.length, 2, 'another change')
})

t.test('what this process invalidated is not told again as a change', async (t) => {
  const { cache, invalidations } = setUp(t)
  await cache.set('a', 1, { tags: ['menu'] })
  await cache.invalidateTags(['menu'])
  await cache.get('a')
  await cache.get('a')
  await setImmediate()
  t.same(invalidations.last.map(({ cause }) => cause), ['tags'])
})

t.test('what others change of what was kept since then is told', async (t) => {
  for (const told of [memoryVersions(), { ...memoryVersions(), versionOf: undefined }]) {
    const { versionOf, ...versions } = told
    const { cache, clock, invalidations } = setUp(t, { ...versions, ...versionOf && { versionOf } })
    await cache.invalidateTags(['menu']) // with nothing kept
    clock.advance(1)
    await cache.set('a', 1, { tags: ['menu'] })
    await versions.invalidate(['menu'])
    await cache.get('a')
    await setImmediate()
    t.same(invalidations.last.map(({ cause }) => cause), ['change', 'tags'])
  }
})

t.test('a clock that tells no versions tells changes all the same', async (t) => {
  const { versionOf: _, ...versions } = memoryVersions()
  const { cache, invalidations } = setUp(t, versions)
  for (let i = 0; i < 2; i++) {
    await cache.set('a', 1, { tags: ['menu'] })
    await versions.invalidate(['menu'])
    await cache.get('a')
    await cache.get('a')
    await setImmediate()
  }
  t.same(invalidations.last.map(({ cause }) => cause), ['change', 'change'])
})

t.test('a change of very much is looked at a few times a second', async (t) => {
  let asked = 0
  const versions = memoryVersions()
  const { cache, clock, invalidations } = setUp(t, { ...versions, versionOf: (tag) => { asked++; return versions.versionOf!(tag) } })
  const miss = async () => {
    for (let i = 0; i < 100; i++) await cache.set(`k${i}`, 1, { tags: [`t${i}`] })
    await versions.invalidate(Array.from({ length: 100 }, (_, i) => `t${i}`))
    for (let i = 0; i < 100; i++) await cache.get(`k${i}`)
    await setImmediate()
  }
  await miss()
  t.equal(asked, 20)
  clock.advance(1)
  await miss()
  t.equal(asked, 40)
  t.equal(invalidations.last.length, 20)
})

t.test('it remembers a thousand tags, and then begins anew', async (t) => {
  const { cache, versions, clock, invalidations } = setUp(t)
  const tags = Array.from({ length: 1_001 }, (_, i) => `t${i}`)
  await cache.invalidateTags(tags) // of which it remembers the last
  await cache.set('a', 1, { tags: tags.slice(0, 3) })
  await versions.invalidate(tags)
  await cache.get('a')
  await setImmediate()
  t.match(invalidations.last[0], { cause: 'change', what: 't0, t1, t2' })
  for (let i = 0; i < 1_010; i++) {
    if (i % 20 === 0) clock.advance(1)
    await cache.set('b', 1, { tags: [`u${i}`] })
    await versions.invalidate([`u${i}`])
    await cache.get('b')
  }
  await setImmediate()
  await cache.get('a')
  await setImmediate()
  t.match(invalidations.last[0], { cause: 'change', what: 't0, t1, t2' }, 'told again')
})
