import fc from 'fast-check'
import t from 'tap'
import {
  createCache, memoryStore, memoryVersions, type StalenessBound, type Versions
} from '../../../src/cache/index.ts'
import { makeMeasurable } from '../../../src/cache/versions/measurable.ts'
import { fakeClock } from '../../support/clock.ts'
import { soak } from '../../support/soak.ts'

/** A version clock beyond this process, whose answers the test delays. */
function setUp () {
  const clock = fakeClock()
  const { checksAtOnce: _, ...remote } = memoryVersions()
  const held: Array<() => void> = []
  let isHeld = false
  let checks = 0
  const versions: Versions = {
    ...remote,
    async firstChanged (stamp, tags) {
      checks++
      const changed = remote.firstChanged(stamp, tags) // the state of the database when it is asked
      if (isHeld) await new Promise<void>((resolve) => held.push(resolve))
      return await changed
    },
    async invalidate (tags) { await remote.invalidate(tags) }
  }
  makeMeasurable(versions, clock.now)
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now, versions })
  const lookUp = async (maxMs: number, key = 'k') => {
    const bound: StalenessBound = { maxMs, isUsed: false }
    const found = await cache.lookup(key, bound)
    return { isHit: !('miss' in found), isBounded: bound.isUsed }
  }
  return {
    clock,
    cache,
    remote,
    lookUp,
    checks: () => checks,
    hold (isHeldNow = true) { isHeld = isHeldNow },
    release () { held.splice(0).forEach((resolve) => resolve()) },
  }
}

t.test('a lookup uses the last check of an entry for maxStaleness, counted from when that was sent', async (t) => {
  const { cache, clock, lookUp, checks, hold, release } = setUp()
  await cache.set('k', 1, { tags: ['a'] })
  t.same(await lookUp(50), { isHit: true, isBounded: false }, 'there was none')
  t.same(await lookUp(50), { isHit: true, isBounded: true })
  clock.advance(0.05)
  t.same(await lookUp(50), { isHit: true, isBounded: true })
  t.equal(checks(), 1)
  clock.advance(0.001)
  hold()
  const slow = lookUp(50)
  clock.advance(0.04)
  hold(false)
  release()
  t.same(await slow, { isHit: true, isBounded: false })
  clock.advance(0.01)
  t.same(await lookUp(50), { isHit: true, isBounded: true })
  t.same(await lookUp(49), { isHit: true, isBounded: false }, 'a shorter one checks')
  t.equal(checks(), 3)
})

t.test('lookups without maxStaleness, of expired entries and of untagged ones use no earlier check', async (t) => {
  const { cache, clock, lookUp, checks } = setUp()
  await cache.set('k', 1, { tags: ['a'], ttl: 60 })
  await cache.set('plain', 1)
  await lookUp(1e9)
  for (let i = 1; i <= 3; i++) {
    t.equal(await cache.get('k'), 1)
    t.equal(checks(), 1 + i)
  }
  t.same(await lookUp(1e9, 'plain'), { isHit: true, isBounded: false })
  clock.advance(61)
  t.same(await lookUp(1e9), { isHit: false, isBounded: false })
})

t.test('what a cache invalidates is invalid at once for all caches on the clock', async (t) => {
  const { cache, lookUp } = setUp()
  const other = createCache({ store: memoryStore(), versions: (cache as any).entryStore.versions })
  await cache.set('k', 1, { tags: ['a'] })
  await lookUp(1e9)
  t.match(await lookUp(1e9), { isHit: true, isBounded: true })
  await other.invalidateTags(['b'])
  t.match(await lookUp(1e9), { isHit: true, isBounded: false }, 'another tag: the entry is checked')
  await other.invalidateTags(['a'])
  t.match(await lookUp(1e9), { isHit: false, isBounded: false })
})

t.test('in a transaction each lookup checks', async (t) => {
  const { checksAtOnce: _, ...remote } = memoryVersions()
  const cache = createCache({ store: memoryStore(), versions: { ...remote, isolated: () => true } })
  await cache.set('k', 1, { tags: ['a'] })
  for (let i = 0; i < 2; i++) {
    const bound = { maxMs: 1e9, isUsed: false }
    await cache.lookup('k', bound)
    t.equal(bound.isUsed, false)
  }
})

type Step = { do: 'commit' | 'invalidate' | 'look up' | 'release' } | { do: 'advance', ms: number }

t.test('in any order of commits, checks and lookups, nothing is served for longer than maxStaleness', async (t) => {
  const BOUND = 50
  let bounded = 0
  let late = 0
  const [commit, invalidate, lookUp, release]: Step[] =
    [{ do: 'commit' }, { do: 'invalidate' }, { do: 'look up' }, { do: 'release' }]
  const step = fc.oneof(
    fc.constantFrom(commit!, invalidate!, lookUp!, lookUp!, lookUp!, lookUp!, release!, release!, release!),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 40 }) })
  )
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
    const { cache, clock, remote, lookUp, hold, release } = setUp()
    const store = async () => await cache.set('k', 1, { tags: ['a'] })
    await store()
    hold()
    /** When the entry began to be stale. */
    let staleAt = Infinity
    const lookups: Array<Promise<void>> = []
    for (const step of steps) {
      if (step.do === 'advance') clock.advance(step.ms / 1000)
      else if (step.do === 'release') release()
      else if (step.do === 'commit') {
        remote.invalidate(['a'])
        staleAt = Math.min(staleAt, clock.now())
      } else if (step.do === 'invalidate') {
        await cache.invalidateTags(['a'])
        staleAt = -Infinity
      } else {
        const isStale = staleAt < Infinity
        const mustMiss = staleAt < clock.now() - BOUND
        lookups.push(lookUp(BOUND).then(async ({ isHit, isBounded }) => {
          if (isBounded) bounded++
          if (isHit && isStale) late++
          if (isHit && mustMiss) throw new Error('It was served for too long.')
          if (isHit) return
          staleAt = Infinity
          await store()
        }))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    release()
    await Promise.all(lookups)
  }), { numRuns: soak(5_000, 100) })
  t.ok(bounded > 50, `${bounded} lookups used an earlier check`)
  t.ok(late > 0, `${late} of them served what had changed`)
})
