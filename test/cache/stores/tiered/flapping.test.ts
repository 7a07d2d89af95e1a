import t from 'tap'
import { memoryVersions } from '../../../../src/cache/index.ts'
import { fallibleProcess } from './set-up.ts'

/* L2 is unavailable more than once, and another process deletes entries in between. */

const versions = memoryVersions()
const tags = ['a']

t.test('an entry that was stored in one outage is not served in the next', async (t) => {
  for (const options of [{ versions }, {}]) {
    const { mine, theirs, far } = fallibleProcess(options)
    far.isDown = true
    await mine.set('key', 'old', { tags })
    t.equal(await mine.get('key'), 'old')
    far.isDown = false
    await mine.get('other')
    await theirs.delete('key')
    far.isDown = true
    t.equal(await mine.get('key'), undefined)
    await mine.set('key', 'new', { tags })
    t.equal(await mine.get('key'), 'new')
  }
})

t.test('nor if this process has only written to L2 in between', async (t) => {
  const { mine, theirs, far } = fallibleProcess({ versions })
  for (const write of [() => mine.set('other', 1), () => mine.delete('other'), () => mine.clear()]) {
    far.isDown = true
    await mine.set('key', 'old', { tags })
    far.isDown = false
    await write()
    await theirs.delete('key')
    far.isDown = true
    t.equal(await mine.get('key'), undefined)
  }
})

t.test('nor if this process has sent nothing to L2 in between', async (t) => {
  const { mine, theirs, far } = fallibleProcess({ versions })
  let outages = 1
  Object.defineProperty(far, 'outages', { get: () => outages })
  far.isDown = true
  await mine.set('key', 'old', { tags })
  t.equal(await mine.get('key'), 'old')
  far.isDown = false
  await theirs.delete('key')
  far.isDown = true
  outages++
  t.equal(await mine.get('key'), undefined)
})

t.test('an entry that L2 had long before an outage is served for outageTtl alone', async (t) => {
  const { mine, theirs, far, advance } = fallibleProcess({ versions })
  await theirs.setMany([['old', 1], ['recent', 2]], { tags })
  await mine.get('old')
  advance(100)
  await mine.get('recent')
  await theirs.delete('old')
  advance(9)
  far.isDown = true
  t.strictSame([...await mine.getMany(['old', 'recent'])], [['recent', 2]])
  advance(100)
  t.strictSame([...await mine.getMany(['old', 'recent'])], [['recent', 2]], 'for its whole lifetime')
})
