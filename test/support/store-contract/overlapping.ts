import type { Test } from 'tap'
import type { Cache } from '../../../src/cache/index.ts'
import { heldLoad } from '../../cache/held-load.ts'
import { listen } from '../../cache/listen.ts'
import type { SetUp } from './set-up.ts'

export function revoking (t: Test, setUp: () => SetUp): void {
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
    t.test(`${verb} during a load: what it brings is not kept, and the next caller does not join it`, async (t) => {
      const { cache } = setUp()
      const held = heldLoad()
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

  t.test('a caller who was on the way when the key was deleted does not get what was loaded before', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = heldLoad()
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

export function overtaking (t: Test, setUp: () => SetUp): void {
  /** Two loads of one key under way, since the clock moved in between. */
  async function twoLoads (cache: Cache, tags: string[] = []) {
    const older = heldLoad()
    const olderCaller = cache.getOrSet('key', older.load, { tags })
    await older.began
    await cache.invalidateTags(['something else'])
    const newer = heldLoad()
    const newerCaller = cache.getOrSet('key', newer.load, { tags })
    await newer.began
    return { older, olderCaller, newer, newerCaller }
  }

  t.test('a load is kept though the clock moved, and until a newer one is', async (t) => {
    const { cache } = setUp()
    for (const tags of [[], ['x']]) {
      await cache.delete('key')
      const { older, olderCaller, newer, newerCaller } = await twoLoads(cache, tags)
      older.end('older')
      t.equal(await olderCaller, 'older')
      t.equal(await cache.get('key'), 'older')
      newer.end('newer')
      t.equal(await newerCaller, 'newer')
      t.equal(await cache.get('key'), 'newer')
    }
  })

  t.test('a load is not kept once a newer one is', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    newer.end('newer')
    t.equal(await newerCaller, 'newer')
    older.end('older')
    t.equal(await olderCaller, 'older')
    t.equal(await cache.get('key'), 'newer')
  })

  t.test('a load is not kept once a newer one failed', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    const failed = t.rejects(newerCaller, { message: 'upstream down' })
    newer.fail(new Error('upstream down'))
    await failed
    older.end('older')
    t.equal(await olderCaller, 'older')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('a delete reaches every load under way', async (t) => {
    const { cache } = setUp()
    const { older, olderCaller, newer, newerCaller } = await twoLoads(cache)
    await cache.delete('key')
    older.end('older')
    newer.end('newer')
    t.equal(await olderCaller, 'older')
    t.equal(await newerCaller, 'newer')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('several callers who may not join a load share the next one', async (t) => {
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
