import t from 'tap'
import { memoryVersions } from '../../../src/cache/index.ts'
import { outageVersions } from '../../../src/cache/versions/outage.ts'
import { fakeClock } from '../../support/clock.ts'

/** A remote clock that can be unavailable. Its results are trusted for ten seconds in an outage. */
function setUp () {
  const { now, advance } = fakeClock()
  const clock = memoryVersions()
  const remote = {
    isDown: false,
    saysAvailable: true,
    invalidated: [] as string[][],
    async stamp () { return remote.answer(() => clock.stamp()) },
    async firstChanged (stamp: string, tags: readonly string[]) {
      return remote.answer(() => clock.firstChanged(stamp, tags))
    },
    async invalidate (tags: readonly string[]) {
      await remote.answer(() => clock.invalidate(tags))
      remote.invalidated.push([...tags])
    },
    async expire (tags: readonly string[]) { await remote.answer(() => clock.expire!(tags)) },
    async firstInvalidated (stamp: string, tags: readonly string[]) {
      return remote.answer(() => clock.firstInvalidated!(stamp, tags))
    },
    answer<T> (work: () => T): T {
      if (remote.isDown) throw new Error('no reply')
      return work()
    }
  }
  let overflows = 0
  const versions = outageVersions({
    remote,
    isAvailable: () => remote.saysAvailable,
    isTrusted: (sentAt) => now() - sentAt < 10_000,
    onOverflow: () => { overflows++ },
    now
  })
  return { remote, versions, advance, overflows: () => overflows }
}

t.test('a stamp taken in an outage can be compared in the outage only', async (t) => {
  const { remote, versions } = setUp()
  remote.isDown = true
  const stamp = await versions.stamp()
  t.equal(await versions.firstChanged(stamp, ['a', 'b']), undefined)
  await t.rejects(async () => versions.invalidate(['b']), { message: 'no reply' })
  t.equal(await versions.firstChanged(stamp, ['a']), undefined)
  t.equal(await versions.firstChanged(stamp, ['a', 'b']), 'b')
  remote.isDown = false
  t.equal(await versions.firstChanged(stamp, ['a']), 'a')
})

t.test('a positive check is reused in an outage while it is trusted, until a tag may have changed', async (t) => {
  const changes = {
    time: ({ advance }: ReturnType<typeof setUp>) => advance(0.001),
    reset: ({ versions }: ReturnType<typeof setUp>) => versions.reset(),
    invalidate: ({ versions }: ReturnType<typeof setUp>) => t.rejects(async () => versions.invalidate(['b']))
  }
  for (const [name, change] of Object.entries(changes)) {
    const all = setUp()
    const { remote, versions, advance } = all
    const [stamp, tags] = [await versions.stamp(), ['a']]
    t.equal(await versions.firstChanged(stamp, tags), undefined)
    remote.isDown = true
    advance(9.999)
    t.equal(await versions.firstChanged(stamp, tags), undefined)
    await t.rejects(async () => versions.firstChanged('other', tags), { message: 'no reply' })
    await t.rejects(async () => versions.firstChanged(stamp, ['a']), { message: 'no reply' })
    await change(all)
    await t.rejects(async () => versions.firstChanged(stamp, tags), { message: 'no reply' }, name)
  }
})

t.test('invalidations that the remote clock has missed are made up for before it is used', async (t) => {
  const { remote, versions } = setUp()
  const stamp = await versions.stamp()
  remote.isDown = true
  remote.saysAvailable = false
  await t.rejects(async () => versions.invalidate(['a']))
  await t.rejects(async () => versions.invalidate(['b', 'a']))
  remote.saysAvailable = true
  await t.rejects(async () => versions.firstChanged(stamp, ['c']), { message: 'no reply' })
  t.equal(await versions.firstChanged(stamp, ['c', 'a']), 'a', 'this process knows')
  remote.isDown = false
  t.strictSame(await Promise.all([versions.firstChanged(stamp, ['c']), versions.firstChanged(stamp, ['a'])]),
    [undefined, 'a'])
  t.strictSame(remote.invalidated, [['a', 'b']])
  t.equal(await versions.firstChanged(await versions.stamp(), ['a']), undefined)
})

t.test('while the remote clock refuses just invalidations, it is used with what this process knows', async (t) => {
  const { remote, versions } = setUp()
  const before = await versions.stamp()
  const { invalidate } = remote
  remote.invalidate = async () => { throw new Error('read-only') }
  await t.rejects(async () => versions.invalidate(['a']), { message: 'read-only' })
  t.equal(await versions.firstChanged(before, ['b', 'a']), 'a')
  t.equal(await versions.firstChanged(before, ['b']), undefined)
  const after = await versions.stamp()
  t.equal(await versions.firstChanged(after, ['a', 'b']), undefined)
  remote.invalidate = invalidate
  t.equal(await versions.firstChanged(before, ['a']), 'a')
  t.equal(await versions.firstChanged(after, ['b']), 'b', 'it cannot be compared with what other processes changed')
})

t.test('a stamp is taken after the invalidations that the remote clock has missed', async (t) => {
  const { remote, versions } = setUp()
  remote.isDown = true
  await t.rejects(async () => versions.invalidate(['a']))
  remote.isDown = false
  const stamp = await versions.stamp()
  t.strictSame(remote.invalidated, [['a']])
  t.equal(await versions.firstChanged(stamp, ['a']), undefined)
})

t.test('onOverflow() is called if more invalidations were missed than are remembered', async (t) => {
  const { remote, versions, overflows } = setUp()
  remote.isDown = true
  await t.rejects(async () => versions.invalidate(Array.from({ length: 10_000 }, (_, i) => `tag${i}`)))
  t.equal(overflows(), 0)
  await t.rejects(async () => versions.invalidate(['one more']))
  t.equal(overflows(), 1)
  remote.isDown = false
  await versions.stamp()
  t.strictSame(remote.invalidated, [])
})

t.test('expire is no invalidation, unless the remote clock missed it', async (t) => {
  const { remote, versions } = setUp()
  const stamp = await versions.stamp()
  await versions.expire!(['a'])
  t.equal(await versions.firstChanged(stamp, ['a']), 'a')
  t.equal(await versions.firstInvalidated!(stamp, ['a']), undefined)
  remote.isDown = true
  const inOutage = await versions.stamp()
  await t.rejects(async () => versions.expire!(['a']), { message: 'no reply' })
  t.equal(await versions.firstChanged(inOutage, ['a']), 'a')
  t.equal(await versions.firstInvalidated!(inOutage, ['a']), undefined)
  t.equal(await versions.firstInvalidated!(stamp, ['a']), 'a')
  remote.isDown = false
  t.equal(await versions.firstChanged(stamp, ['a']), 'a')
  t.equal(await versions.firstInvalidated!(stamp, ['a']), 'a')
})
