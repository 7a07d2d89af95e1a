import t from 'tap'
import { createCache, type Entry, memoryStore, tieredStore } from '../../../../src/cache/index.ts'
import type { Backplane, BackplaneListener } from '../../../../src/cache/stores/store.ts'
import { fakeClock } from '../../../support/clock.ts'
import { countReads, holdBack, turn } from './set-up.ts'

/** A process whose L2 has a backplane that the test drives. */
function setUp () {
  const { now, advance } = fakeClock()
  let listener: BackplaneListener | undefined
  const backplane = { caughtUpTo: -Infinity, listen: (by: BackplaneListener) => { listener = by } }
  const farStore = memoryStore({ now })
  const { held, ...holding } = holdBack({ ...farStore, backplane })
  const far = countReads(held)
  const store = tieredStore({ near: memoryStore({ now }), far, nearTtl: 5, now })
  return {
    now,
    advance,
    backplane: backplane as { -readonly [K in keyof Backplane]: Backplane[K] },
    listener: listener!,
    store,
    far,
    mine: createCache({ store, now }),
    theirs: createCache({ store: farStore, now }),
    ...holding
  }
}

t.test('L1 is trusted while the backplane catches up, and for nearTtl after it stops', async (t) => {
  const { now, advance, backplane, theirs, mine, far } = setUp()
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  for (let i = 0; i < 10; i++) {
    advance(4)
    backplane.caughtUpTo = now() - 1_000
    t.equal(await mine.get('key'), 'old')
  }
  t.equal(far.reads, 1)
  await theirs.set('key', 'new')
  advance(3.999)
  t.equal(await mine.get('key'), 'old', 'the backplane is down')
  advance(0.001)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
  advance(4.999)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 2)
  advance(0.001)
  t.equal(await mine.get('key'), 'new')
  t.equal(far.reads, 3)
})

t.test('after the system clock was set back, L1 trusts nothing that it dates in the future', async (t) => {
  const { now, advance, backplane, theirs, mine } = setUp()
  await theirs.set('key', 'old')
  t.equal(await mine.get('key'), 'old')
  backplane.caughtUpTo = now()
  advance(-3600)
  await theirs.set('key', 'new')
  t.equal(await mine.get('key'), 'new')
})

t.test('onEntry() deletes one key from L1, and onAll() every key', async (t) => {
  const { listener, theirs, mine, far } = setUp()
  await theirs.setMany([['a', 'old'], ['b', 'old']])
  await mine.getMany(['a', 'b'])
  await theirs.setMany([['a', 'new'], ['b', 'new']])
  listener.onEntry('a')
  listener.onEntry('c')
  t.strictSame([...(await mine.getMany(['a', 'b'])).values()], ['new', 'old'])
  t.equal(far.reads, 3)
  listener.onAll()
  t.strictSame([...(await mine.getMany(['a', 'b'])).values()], ['new', 'new'])
})

t.test('a read that onEntry() or onAll() overtakes does not fill L1', async (t) => {
  for (const message of ['onEntry', 'onAll'] as const) {
    const { listener, theirs, mine, far, hold } = setUp()
    await theirs.setMany([['key', 'old'], ['other', 'old']])
    const release = hold()
    const overtaken = Promise.all([mine.get('key'), mine.get('key'), mine.get('other')])
    await turn()
    await theirs.set('key', 'new')
    listener[message]('key')
    release()
    t.strictSame(await overtaken, ['old', 'old', 'old'])
    t.equal(await mine.get('key'), 'new')
    t.equal(far.reads, 4)
    await mine.get('other')
    t.equal(far.reads, message === 'onAll' ? 5 : 4)
  }
})

t.test('a hit in L1, and its version check, need no promise', async (t) => {
  const { theirs, store } = setUp()
  await theirs.set('key', 1, { tags: ['a'] })
  const first = store.get('key')
  t.type(first, Promise)
  const second = store.get('key') as Entry | Promise<Entry>
  t.type(second, Promise, 'L1 is not filled yet')
  await Promise.all([first, second])
  const { stamp, tags } = store.get('key') as Entry
  t.strictSame(tags, ['a'])
  t.type(store.versions.firstChanged(stamp, tags), Promise)
  await store.versions.firstChanged(stamp, tags)
  t.equal(store.versions.firstChanged(stamp, tags), undefined)
})

t.test('version checks are reused until onTag() or onAll()', async (t) => {
  for (const message of ['onTag', 'onAll'] as const) {
    const { now, advance, backplane, listener, theirs, mine } = setUp()
    await theirs.set('key', 1, { tags: ['a'] })
    t.equal(await mine.get('key'), 1)
    await theirs.invalidateTags(['a'])
    t.equal(await mine.get('key'), 1, 'the change has not been reported')
    advance(10)
    backplane.caughtUpTo = now()
    t.equal(await mine.get('key'), 1)
    listener[message]()
    t.equal(await mine.get('key'), undefined)

    await theirs.set('key', 2, { tags: ['a'] })
    listener.onEntry('key')
    t.equal(await mine.get('key'), 2)
    await theirs.invalidateTags(['a'])
    advance(5)
    t.equal(await mine.get('key'), undefined, 'the backplane is down')
  }
})

t.test('invalidateTags() is seen at once in its process', async (t) => {
  const { theirs, mine } = setUp()
  await theirs.set('key', 1, { tags: ['a'] })
  t.equal(await mine.get('key'), 1)
  await mine.invalidateTags(['a'])
  t.equal(await mine.get('key'), undefined)
})
