import fc from 'fast-check'
import t from 'tap'
import { memoryVersions } from '../../../src/cache/index.ts'

t.test('firstChanged returns the tag that has changed since the stamp, else undefined', async (t) => {
  const versions = memoryVersions()
  const before = await versions.stamp()
  t.equal(versions.firstChanged(before, ['a', 'b']), undefined)
  versions.invalidate(['a'])
  t.equal(versions.firstChanged(before, ['a', 'b']), 'a')
  t.equal(versions.firstChanged(before, ['b']), undefined)
  t.equal(versions.firstChanged(before, []), undefined)
  const after = await versions.stamp()
  t.not(after, before)
  t.equal(versions.firstChanged(after, ['a', 'b']), undefined)
})

t.test('beyond maxTags, a tag without a version counts as changed', async (t) => {
  const versions = memoryVersions({ maxTags: 2 })
  const first = await versions.stamp()
  versions.invalidate(['a'])
  const second = await versions.stamp()
  versions.invalidate(['b'])
  versions.invalidate(['c']) // forgets that a moved first
  t.equal(versions.firstChanged(first, ['a']), 'a')
  t.equal(versions.firstChanged(first, ['never moved']), 'never moved', 'it may have moved, for all that is known')
  t.equal(versions.firstChanged(second, ['a']), undefined)
  t.equal(versions.firstChanged(second, ['never moved']), undefined)
  versions.invalidate(['a']) // forgets b
  t.equal(versions.firstChanged(second, ['never moved']), 'never moved')
  t.equal(versions.firstChanged(second, ['c']), 'c')
})

t.test('beyond maxTags, the tags that changed least recently lose their versions', async (t) => {
  const versions = memoryVersions({ maxTags: 2 })
  versions.invalidate(['a'])
  const stamp = await versions.stamp()
  versions.invalidate(['b'])
  versions.invalidate(['a'])
  versions.invalidate(['c']) // forgets b, not a
  t.equal(versions.firstChanged(stamp, ['a']), 'a')
  const later = await versions.stamp()
  t.equal(versions.firstChanged(later, ['a', 'b', 'c']), undefined)
})

t.test('invalidate changes all tags, even more than maxTags', async (t) => {
  const versions = memoryVersions({ maxTags: 2 })
  const before = await versions.stamp()
  const tags = ['a', 'b', 'c', 'd', 'e']
  versions.invalidate(tags)
  for (const tag of tags) t.equal(versions.firstChanged(before, [tag]), tag, tag)
  t.equal(versions.firstChanged(await versions.stamp(), tags), undefined)
})

t.test('firstChanged never misses a change (random sequences)', async (t) => {
  const names = ['a', 'b', 'c', 'd']
  const someTags = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 })
  fc.assert(fc.property(fc.array(someTags), fc.integer({ min: 1, max: 3 }), (moves, maxTags) => {
    const versions = memoryVersions({ maxTags })
    const stamps = [String(versions.stamp())]
    for (const tags of moves) {
      versions.invalidate(tags)
      stamps.push(String(versions.stamp()))
    }
    const isWrong = (stamp: string, at: number, tag: string) =>
      moves.slice(at).some((tags) => tags.includes(tag)) && versions.firstChanged(stamp, [tag]) === undefined
    return !stamps.some((stamp, at) => names.some((tag) => isWrong(stamp, at, tag))) &&
      versions.firstChanged(stamps.at(-1)!, names) === undefined
  }))
})

t.test('a stamp of another clock counts as changed', async (t) => {
  const versions = memoryVersions()
  const mine = String(await versions.stamp())
  const theirs = String(await memoryVersions().stamp())
  for (const stamp of [theirs, '', '0', '99', 'NaN', `${mine.slice(0, -1)}NaN`, `x${mine}`]) {
    t.equal(versions.firstChanged(stamp, ['a']), 'a', stamp)
  }
})

t.test('memoryVersions rejects invalid options by name', async (t) => {
  for (const maxTags of [0, -1, 1.5, NaN]) {
    t.throws(
      () => memoryVersions({ maxTags }), { code: 'FST_ERR_LARDER_OPTION', message: /^The value of maxTags must be a positive integer, but is / }
    )
  }
})

t.test('firstInvalidated ignores what only expire has changed', async (t) => {
  const change = fc.record({ isHard: fc.boolean(), tag: fc.constantFrom('a', 'b', 'c') })
  const arbitraries = [fc.array(change), fc.array(change), fc.constantFrom(2, 10)] as const
  await fc.assert(fc.asyncProperty(...arbitraries, async (before, after, maxTags) => {
    const versions = memoryVersions({ maxTags })
    const apply = ({ isHard, tag }: { isHard: boolean, tag: string }) =>
      versions[isHard ? 'invalidate' : 'expire']!([tag])
    before.forEach(apply)
    const stamp = await versions.stamp()
    after.forEach(apply)
    for (const tag of ['a', 'b', 'c']) {
      const changed = await versions.firstChanged(stamp, [tag])
      const invalidated = await versions.firstInvalidated!(stamp, [tag])
      const changes = after.filter((change) => change.tag === tag)
      if (changes.length > 0 && changed === undefined) return false
      if (changes.some(({ isHard }) => isHard) && invalidated === undefined) return false
      // With few tags, one that lost its version counts as invalidated.
      if (maxTags === 10 && changes.every(({ isHard }) => !isHard) && invalidated !== undefined) return false
    }
    return (await versions.firstInvalidated!('another', ['a'])) === 'a'
  }))
})
