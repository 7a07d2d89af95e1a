import t from 'tap'
import { memoryVersions, type Versions } from '../../../src/cache/index.ts'
import { memoizedVersions } from '../../../src/cache/versions/memoized.ts'
import { fakeClock } from '../../support/clock.ts'

/** Counts the checks of the remote clock, and can hold its results back. Results are trusted for five seconds. */
function setUp (more: Partial<Versions> = {}) {
  const clock = fakeClock()
  const remote = memoryVersions()
  let checks = 0
  let gate: PromiseWithResolvers<void> | undefined
  const controlled: Versions = {
    ...remote,
    async firstChanged (stamp, tags) {
      checks++
      const changed = await remote.firstChanged(stamp, tags)
      await gate?.promise
      return changed
    },
    async invalidate (tags) {
      await remote.invalidate(tags)
      await gate?.promise
    },
    ...more
  }
  return {
    clock,
    remote,
    memoized: memoizedVersions({
      remote: controlled, isTrusted: (sentAt) => clock.now() - sentAt < 5_000, now: clock.now
    }),
    checks: () => checks,
    /** Holds results back from now on. Returns a function that releases them. */
    hold () {
      const { resolve } = gate = Promise.withResolvers<void>()
      return () => {
        gate = undefined
        resolve()
      }
    }
  }
}

t.test('firstChanged reuses a positive result while it is trusted', async (t) => {
  const { clock, memoized, checks } = setUp()
  const stamp = await memoized.stamp()
  const tags = ['a', 'b']
  t.equal(await memoized.firstChanged(stamp, tags), undefined)
  t.equal(memoized.firstChanged(stamp, tags), undefined)
  clock.advance(4.999)
  t.equal(memoized.firstChanged(stamp, tags), undefined)
  t.equal(checks(), 1)
  clock.advance(0.001)
  t.equal(await memoized.firstChanged(stamp, tags), undefined)
  t.equal(memoized.firstChanged(stamp, tags), undefined)
  t.equal(checks(), 2)
})

t.test('a result is trusted from when the check was sent, not from when it returned', async (t) => {
  const { clock, memoized, hold } = setUp()
  const stamp = await memoized.stamp()
  const tags = ['a']
  const release = hold()
  const slow = memoized.firstChanged(stamp, tags)
  clock.advance(4)
  release()
  t.equal(await slow, undefined)
  t.equal(memoized.firstChanged(stamp, tags), undefined)
  clock.advance(1)
  t.type(memoized.firstChanged(stamp, tags), Promise)
})

t.test('each tags array is checked, even if it equals another one', async (t) => {
  const { memoized, checks } = setUp()
  const stamp = await memoized.stamp()
  t.equal(await memoized.firstChanged(stamp, ['a']), undefined)
  t.equal(await memoized.firstChanged(stamp, ['a']), undefined)
  t.equal(checks(), 2)
})

t.test('a result is valid for one stamp only', async (t) => {
  const { memoized } = setUp()
  const tags = ['a']
  const [before] = [await memoized.stamp(), await memoized.invalidate(['a'])]
  const after = await memoized.stamp()
  t.equal(await memoized.firstChanged(after, tags), undefined)
  t.equal(await memoized.firstChanged(before, tags), 'a')
  t.equal(memoized.firstChanged(after, tags), undefined)
})

t.test('firstChanged never reuses a negative result', async (t) => {
  const { memoized, checks } = setUp()
  const tags = ['a']
  const stamp = await memoized.stamp()
  await memoized.invalidate(tags)
  t.equal(await memoized.firstChanged(stamp, tags), 'a')
  t.equal(await memoized.firstChanged(stamp, tags), 'a')
  t.equal(checks(), 2)
})

t.test('reset drops all results, also those of checks in flight', async (t) => {
  const { remote, memoized, hold } = setUp()
  const tags = ['a']
  const stamp = await memoized.stamp()
  t.equal(await memoized.firstChanged(stamp, tags), undefined)
  const release = hold()
  const overlapping = memoized.firstChanged(stamp, ['a'])
  const again = ['a']
  const overlappingToo = memoized.firstChanged(stamp, again)
  await remote.invalidate(['a'])
  memoized.reset() // the message arrives before the results
  release()
  t.equal(await overlapping, undefined)
  t.equal(await overlappingToo, undefined)
  t.equal(await memoized.firstChanged(stamp, tags), 'a')
  t.equal(await memoized.firstChanged(stamp, again), 'a')
})

t.test('invalidate drops all results at once', async (t) => {
  const { memoized, hold } = setUp()
  const tags = ['a']
  const stamp = await memoized.stamp()
  t.equal(await memoized.firstChanged(stamp, tags), undefined)
  const release = hold()
  const invalidating = memoized.invalidate(['a'])
  t.type(memoized.firstChanged(stamp, tags), Promise, 'dropped as soon as invalidate is called')
  release()
  await invalidating
  t.equal(await memoized.firstChanged(stamp, tags), 'a')
})

t.test('invalidate drops the results of checks that returned while it was in flight', async (t) => {
  const remote = memoryVersions()
  const began = Promise.withResolvers<void>()
  const { memoized } = setUp({
    firstChanged: remote.firstChanged,
    stamp: remote.stamp,
    async invalidate (tags) {
      await began.promise
      await remote.invalidate(tags)
    }
  })
  const tags = ['a']
  const stamp = await memoized.stamp()
  const invalidating = memoized.invalidate(tags)
  t.equal(await memoized.firstChanged(stamp, tags), undefined, 'it has not been applied yet')
  began.resolve()
  await invalidating
  t.equal(await memoized.firstChanged(stamp, tags), 'a')
})

t.test('invalidate drops all results also if it fails', async (t) => {
  const remote = memoryVersions()
  const { memoized } = setUp({
    firstChanged: remote.firstChanged,
    stamp: remote.stamp,
    async invalidate (tags) {
      await remote.invalidate(tags)
      throw new Error('the reply was lost')
    }
  })
  const tags = ['a']
  const stamp = await memoized.stamp()
  t.equal(await memoized.firstChanged(stamp, tags), undefined)
  await t.rejects(async () => memoized.invalidate(tags), { message: 'the reply was lost' })
  t.equal(await memoized.firstChanged(stamp, tags), 'a')
})

t.test('firstChanged rejects if the remote clock fails', async (t) => {
  const { memoized } = setUp({ firstChanged: async () => { throw new Error('unavailable') } })
  await t.rejects(async () => memoized.firstChanged('1', ['a']), { message: 'unavailable' })
})

t.test('memoizedVersions has the optional methods of the remote clock, and no others', async (t) => {
  const { memoized: plain } = setUp()
  t.notOk('compact' in plain || 'isolated' in plain || 'batch' in plain)
  let batches = 0
  const { memoized } = setUp({
    compact: (tags) => [...tags].slice(1),
    isolated: () => true,
    batch (work) {
      batches++
      return work()
    }
  })
  t.equal(memoized.batch!(() => 'result'), 'result')
  t.equal(batches, 1)
  t.strictSame(memoized.compact!(new Set(['a', 'b'])), ['b'])
  t.equal(memoized.isolated!(), true)
})
