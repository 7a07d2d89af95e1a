import t from 'tap'
import { memoryVersions, type Versions } from '../../../src/cache/index.ts'
import { memoizedVersions } from '../../../src/cache/versions/memoized.ts'
import { fakeClock } from '../../support/clock.ts'

/** A near clock that counts what the far one is asked, and can hold its answers back. Verdicts count for five seconds. */
function setUp (more: Partial<Versions> = {}) {
  const clock = fakeClock()
  const far = memoryVersions()
  let asked = 0
  let gate: PromiseWithResolvers<void> | undefined
  const heldBack: Versions = {
    ...far,
    async firstChanged (stamp, tags) {
      asked++
      const changed = await far.firstChanged(stamp, tags)
      await gate?.promise
      return changed
    },
    async invalidate (tags) {
      await far.invalidate(tags)
      await gate?.promise
    },
    ...more
  }
  return {
    clock,
    far,
    near: memoizedVersions({ far: heldBack, counts: (askedAt) => clock.now() - askedAt < 5_000, now: clock.now }),
    asked: () => asked,
    /** From now on. Answers how to let go. */
    hold () {
      const { resolve } = gate = Promise.withResolvers<void>()
      return () => {
        gate = undefined
        resolve()
      }
    }
  }
}

t.test('what is current is asked once, and then answered at once, for as long as it counts', async (t) => {
  const { clock, near, asked } = setUp()
  const stamp = await near.stamp()
  const tags = ['a', 'b']
  t.equal(await near.firstChanged(stamp, tags), undefined)
  t.equal(near.firstChanged(stamp, tags), undefined)
  clock.advance(4.999)
  t.equal(near.firstChanged(stamp, tags), undefined)
  t.equal(asked(), 1)
  clock.advance(0.001)
  t.equal(await near.firstChanged(stamp, tags), undefined)
  t.equal(near.firstChanged(stamp, tags), undefined)
  t.equal(asked(), 2)
})

t.test('it counts from when the far clock was asked, however late that answers', async (t) => {
  const { clock, near, hold } = setUp()
  const stamp = await near.stamp()
  const tags = ['a']
  const letGo = hold()
  const slow = near.firstChanged(stamp, tags)
  clock.advance(4)
  letGo()
  t.equal(await slow, undefined)
  t.equal(near.firstChanged(stamp, tags), undefined)
  clock.advance(1)
  t.type(near.firstChanged(stamp, tags), Promise)
})

t.test('each entry is asked about, though its tags are named alike', async (t) => {
  const { near, asked } = setUp()
  const stamp = await near.stamp()
  t.equal(await near.firstChanged(stamp, ['a']), undefined)
  t.equal(await near.firstChanged(stamp, ['a']), undefined)
  t.equal(asked(), 2)
})

t.test('a verdict is about one stamp', async (t) => {
  const { near } = setUp()
  const tags = ['a']
  const [before] = [await near.stamp(), await near.invalidate(['a'])]
  const after = await near.stamp()
  t.equal(await near.firstChanged(after, tags), undefined)
  t.equal(await near.firstChanged(before, tags), 'a')
  t.equal(near.firstChanged(after, tags), undefined)
})

t.test('what is not current is asked each time', async (t) => {
  const { near, asked } = setUp()
  const tags = ['a']
  const stamp = await near.stamp()
  await near.invalidate(tags)
  t.equal(await near.firstChanged(stamp, tags), 'a')
  t.equal(await near.firstChanged(stamp, tags), 'a')
  t.equal(asked(), 2)
})

t.test('nothing is believed from before a tag moved, also where the question overlaps it', async (t) => {
  const { far, near, hold } = setUp()
  const tags = ['a']
  const stamp = await near.stamp()
  t.equal(await near.firstChanged(stamp, tags), undefined)
  const letGo = hold()
  const overlapping = near.firstChanged(stamp, ['a'])
  const again = ['a']
  const overlappingToo = near.firstChanged(stamp, again)
  await far.invalidate(['a'])
  near.forget() // the message of it is here before the answers
  letGo()
  t.equal(await overlapping, undefined)
  t.equal(await overlappingToo, undefined)
  t.equal(await near.firstChanged(stamp, tags), 'a')
  t.equal(await near.firstChanged(stamp, again), 'a')
})

t.test('an invalidation of its own is seen at once', async (t) => {
  const { near, hold } = setUp()
  const tags = ['a']
  const stamp = await near.stamp()
  t.equal(await near.firstChanged(stamp, tags), undefined)
  const letGo = hold()
  const invalidating = near.invalidate(['a'])
  t.type(near.firstChanged(stamp, tags), Promise, 'from its beginning on nothing is believed')
  letGo()
  await invalidating
  t.equal(await near.firstChanged(stamp, tags), 'a')
})

t.test('a question that is answered while an invalidation is on its way is not believed after it', async (t) => {
  const far = memoryVersions()
  const began = Promise.withResolvers<void>()
  const { near } = setUp({
    firstChanged: far.firstChanged,
    stamp: far.stamp,
    async invalidate (tags) {
      await began.promise
      await far.invalidate(tags)
    }
  })
  const tags = ['a']
  const stamp = await near.stamp()
  const invalidating = near.invalidate(tags)
  t.equal(await near.firstChanged(stamp, tags), undefined, 'it has not happened yet')
  began.resolve()
  await invalidating
  t.equal(await near.firstChanged(stamp, tags), 'a')
})

t.test('an invalidation that fails may have happened', async (t) => {
  const far = memoryVersions()
  const { near } = setUp({
    firstChanged: far.firstChanged,
    stamp: far.stamp,
    async invalidate (tags) {
      await far.invalidate(tags)
      throw new Error('the answer was lost')
    }
  })
  const tags = ['a']
  const stamp = await near.stamp()
  t.equal(await near.firstChanged(stamp, tags), undefined)
  await t.rejects(async () => near.invalidate(tags), { message: 'the answer was lost' })
  t.equal(await near.firstChanged(stamp, tags), 'a')
})

t.test('a far clock that fails is not hidden', async (t) => {
  const { near } = setUp({ firstChanged: async () => { throw new Error('away') } })
  await t.rejects(async () => near.firstChanged('1', ['a']), { message: 'away' })
})

t.test('it can what the far clock can, and no more', async (t) => {
  const { near: plain } = setUp()
  t.notOk('compact' in plain || 'isolated' in plain || 'batch' in plain)
  let batches = 0
  const { near } = setUp({
    compact: (tags) => [...tags].slice(1),
    isolated: () => true,
    batch (work) {
      batches++
      return work()
    }
  })
  t.equal(near.batch!(() => 'result'), 'result')
  t.equal(batches, 1)
  t.strictSame(near.compact!(new Set(['a', 'b'])), ['b'])
  t.equal(near.isolated!(), true)
})
