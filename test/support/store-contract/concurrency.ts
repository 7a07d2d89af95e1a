import type { Test } from 'tap'
import type { Cache, LoadFunction } from '../../../src/cache/index.ts'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function writesDuringLoads (t: Test, setUp: () => SetUp): void {
  const writes: Record<string, [(cache: Cache) => Promise<unknown>, unknown]> = {
    delete: [(cache) => cache.delete('key'), undefined],
    deleteMany: [(cache) => cache.deleteMany(['other', 'key']), undefined],
    set: [(cache) => cache.set('key', 'written'), 'written'],
    'set with tags': [(cache) => cache.set('key', 'written', { tags: ['x'] }), 'written'],
    setMany: [(cache) => cache.setMany([['other', 1], ['key', 'written']]), 'written'],
    'set with a ttl of zero': [(cache) => cache.set('key', 'written', { ttl: 0 }), undefined],
    add: [(cache) => cache.add('key', 'written'), 'written'],
    increment: [(cache) => cache.increment('key', 7), 7]
  }
  for (const [verb, [write, written]] of Object.entries(writes)) {
    t.test(`${verb} during a load: its result is not stored, and the next caller does not join it`, async (t) => {
      const { cache } = setUp()
      const held = deferredLoader()
      const early = cache.getOrSet('key', held.load)
      await held.began
      await write(cache)
      const next = await cache.getOrSet<unknown>('key', () => 'loaded after')
      t.equal(next, written ?? 'loaded after')
      held.end('old')
      t.equal(await early, 'old')
      t.equal(await cache.get('key'), next)
    })
  }

  t.test('a caller whose lookup overlaps a delete does not get a load from before it', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const early = cache.getOrSet('key', held.load)
    await held.began
    const onTheWay = cache.getOrSet('key', () => 'new')
    await cache.delete('key')
    t.equal(await onTheWay, 'new')
    held.end('old')
    t.equal(await early, 'old')
    await listener.heard('load', 2)
    t.equal(await cache.get('key'), 'new')
  })
}

export function sharedLoads (t: Test, setUp: () => SetUp): void {
  /** Two loads of one key in flight: the data of the first changed before the second began. */
  async function twoLoads (cache: Cache) {
    const older = deferredLoader()
    const olderCaller = cache.getOrSet('key', older.load, { tags: ['x'] })
    await older.began
    await cache.invalidateTags(['x'])
    const newer = deferredLoader()
    const newerCaller = cache.getOrSet('key', newer.load, { tags: ['x'] })
    await newer.began
    return { older, olderCaller, newer, newerCaller }
  }

  t.test('a caller joins a load in flight though another tag has changed since it began', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const first = cache.getOrSet('key', held.load, { tags: ['x'] })
    await held.began
    await cache.invalidateTags(['something else'])
    const second = cache.getOrSet('key', () => t.fail('loaded again'), { tags: ['x'] })
    await listener.heard('miss', 2)
    held.end('value')
    t.strictSame(await Promise.all([first, second]), ['value', 'value'])
    t.equal(await cache.get('key'), 'value')
  })

  t.test('a caller that joined a load loads again if a tag of it had changed before', async (t) => {
    for (const failing of [false, true]) {
      const { cache } = setUp()
      const listener = listen(t, cache)
      const held = deferredLoader()
      const load: LoadFunction<unknown> = async (context) => {
        await held.load(context)
        context.addTags('late')
        if (failing) throw new Error('upstream down')
        return 'old'
      }
      const first = cache.getOrSet('key', load).catch(() => 'failed')
      await held.began
      await cache.invalidateTags(['late'])
      const fresh = deferredLoader(({ addTags }) => addTags('late'))
      const others = [cache.getOrSet('key', fresh.load), cache.getOrSet('key', fresh.load)]
      await listener.heard('miss', 3)
      held.end(undefined)
      fresh.end('new')
      t.equal(await first, failing ? 'failed' : 'old')
      t.strictSame(await Promise.all(others), ['new', 'new'])
      t.equal(fresh.runs(), 1)
      t.equal(await cache.get('key'), 'new')
    }
  })

  t.test('of two loads the one that began before an invalidation is not stored, whichever ends first', async (t) => {
    for (const order of ['older first', 'newer first']) {
      const { cache } = setUp()
      const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
      const end = { 'older first': [older, newer], 'newer first': [newer, older] }[order]!
      for (const held of end) {
        held.end(held === older ? 'older' : 'newer')
        t.equal(await (held === older ? olderCaller : newerCaller), held === older ? 'older' : 'newer')
      }
      t.equal(await cache.get('key'), 'newer')
    }
  })

  t.test('a load that began before an invalidation is not stored though the one after it failed', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    const failed = t.rejects(newerCaller, { message: 'upstream down' })
    newer.fail(new Error('upstream down'))
    await failed
    older.end('older')
    t.equal(await olderCaller, 'older')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('delete revokes every load in flight', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    await cache.delete('key')
    older.end('older')
    newer.end('newer')
    t.equal(await olderCaller, 'older')
    t.equal(await newerCaller, 'newer')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('several callers that cannot join a load share the next one', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    const joining = [cache.getOrSet('key', newer.load), cache.getOrSet('key', newer.load)]
    await listener.heard('miss', 4)
    newer.end('newer')
    t.strictSame(await Promise.all([newerCaller, ...joining]), ['newer', 'newer', 'newer'])
    t.equal(newer.runs(), 1)
    older.end('older')
    t.equal(await olderCaller, 'older')
  })
}
