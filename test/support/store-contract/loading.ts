import type { Test } from 'tap'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function getOrSet (t: Test, setUp: () => SetUp): void {
  t.test('getOrSet loads a missing value, and stores it', async (t) => {
    const { cache, clock } = setUp()
    const held = deferredLoader()
    held.end({ a: 1 })
    t.strictSame(await cache.getOrSet('key', held.load, { ttl: 10 }), { a: 1 })
    t.strictSame(await cache.getOrSet('key', held.load), { a: 1 })
    t.equal(held.runs(), 1)
    t.equal(await cache.ttl('key'), 10)
    clock.advance(10)
    await cache.getOrSet('key', held.load)
    t.equal(held.runs(), 2)
    t.equal(await cache.ttl('key'), 300)
  })

  t.test('getOrSet takes a synchronous loader', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.getOrSet('key', ({ key }) => `${key} loaded`), 'key loaded')
    t.equal(await cache.get('key'), 'key loaded')
  })

  t.test('getOrSet does not load again if null, 0, false or an empty string is stored', async (t) => {
    const { cache } = setUp()
    for (const value of [null, 0, false, '']) {
      const key = `key of ${value}`
      t.equal(await cache.getOrSet<unknown>(key, () => value), value)
      t.equal(await cache.getOrSet<unknown>(key, () => t.fail('loaded again')), value)
    }
  })

  t.test('getOrSet does not store undefined', async (t) => {
    const { cache } = setUp()
    t.equal(await cache.getOrSet('key', () => undefined), undefined)
    t.equal(await cache.getOrSet<unknown>('key', () => 'second'), 'second')
  })

  t.test('callers that miss together share one load, each with a copy', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader<{ list: number[] }>()
    const callers = Array.from({ length: 20 }, () => cache.getOrSet('key', held.load))
    await listener.heard('miss', 20)
    held.end({ list: [1] })
    const values = await Promise.all(callers)
    t.equal(held.runs(), 1)
    t.equal(new Set(values).size, 20)
    for (const value of values) t.strictSame(value, { list: [1] })
    values[0]!.list.push(2)
    t.strictSame(await cache.get('key'), { list: [1] })
  })

  t.test('callers share a load whose value is not stored, each with a copy if it can be copied', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    for (const value of [{ list: [1] }, undefined, () => 'a function']) {
      const held = deferredLoader((context) => context.skipStore())
      const missed = listener.events.filter(({ type }) => type === 'miss').length
      const callers = [cache.getOrSet('key', held.load), cache.getOrSet('key', held.load)]
      await listener.heard('miss', missed + 2)
      held.end(value)
      const [mine, theirs] = await Promise.all(callers)
      t.equal(held.runs(), 1)
      t.equal(mine, value)
      t.strictSame(theirs, value)
      t.equal(theirs === mine, typeof value !== 'object')
      t.equal(await cache.get('key'), undefined)
    }
  })

  t.test('a loader that calls getOrSet with its own key loads it, and does not wait for itself', async (t) => {
    const { cache } = setUp()
    const runs: string[] = []
    const load = async (depth: number): Promise<number> => {
      runs.push(`load ${depth}`)
      if (depth === 3) return 1
      const through = () => cache.getOrSet('key', () => load(depth + 1))
      return await (depth === 2 ? cache.getOrSet('other', through) : through())
    }
    t.equal(await cache.getOrSet('key', () => load(1)), 1)
    t.strictSame(runs, ['load 1', 'load 2', 'load 3'])
    t.equal(await cache.get('key'), 1)
  })

  t.test('loads of different keys do not wait for each other', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader()
    const slow = cache.getOrSet('slow', held.load)
    await held.began
    t.equal(await cache.getOrSet<unknown>('quick', () => 'quick'), 'quick')
    held.end('slow')
    t.equal(await slow, 'slow')
  })

  t.test('a load that fails rejects for all callers that wait, and nothing is stored', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const callers = Array.from({ length: 5 }, () => cache.getOrSet('key', held.load))
    const settled = Promise.allSettled(callers)
    await listener.heard('miss', 5)
    held.fail(new Error('upstream down'))
    t.match(await settled, Array(5).fill({ status: 'rejected', reason: { message: 'upstream down' } }))
    t.equal(held.runs(), 1)
    t.equal(await cache.get('key'), undefined)
    t.equal(await cache.getOrSet<unknown>('key', () => 'second'), 'second')
    await t.rejects(cache.getOrSet('other', () => { throw new Error('at once') }), { message: 'at once' })
  })

  t.test('addTags adds tags to those of the call', async (t) => {
    const { cache } = setUp()
    for (const tag of ['call', 'first', 'second', 'third']) {
      const held = deferredLoader((context) => {
        t.equal(context.key, 'key')
        context.addTags('first', 'second')
        context.addTags('third')
        context.addTags()
      })
      held.end(tag)
      t.equal(await cache.getOrSet('key', held.load, { tags: ['call'] }), tag)
      t.equal(await cache.get('key'), tag)
      await cache.invalidateTags([tag])
      t.equal(await cache.get('key'), undefined, tag)
    }
  })

  t.test('setTtl replaces the ttl of the call', async (t) => {
    const { cache } = setUp()
    await cache.getOrSet('shorter', ({ setTtl }) => { setTtl(5); return 1 }, { ttl: 100 })
    await cache.getOrSet('eternal', ({ setTtl }) => { setTtl(null); return 1 })
    await cache.getOrSet('not kept', ({ setTtl }) => { setTtl(0); return 1 }, { ttl: 100 })
    await cache.getOrSet('kept', ({ setTtl }) => { setTtl(7); return 1 }, { ttl: 0 })
    await cache.getOrSet('never kept', () => 1, { ttl: -1 })
    t.equal(await cache.ttl('shorter'), 5)
    t.equal(await cache.ttl('eternal'), null)
    t.equal(await cache.ttl('not kept'), undefined)
    t.equal(await cache.ttl('kept'), 7)
    t.equal(await cache.ttl('never kept'), undefined)
  })

  t.test('addTags and setTtl with an invalid argument fail the load', async (t) => {
    const { cache } = setUp()
    await t.rejects(cache.getOrSet('key', ({ addTags }) => addTags('')), {
      code: /^FST_ERR_LARDER_/, message: /^A tag must be/
    })
    await t.rejects(cache.getOrSet('key', ({ setTtl }) => setTtl(NaN)), { code: /^FST_ERR_LARDER_/, message: /^The value of ttl must be/ })
    t.equal(await cache.get('key'), undefined)
  })

  t.test('a load that began before an invalidation and ended after it is not served later', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader(({ addTags }) => addTags('late'))
    const caller = cache.getOrSet('key', held.load, { tags: ['x'] })
    const other = deferredLoader(({ addTags }) => addTags('late'))
    const otherCaller = cache.getOrSet('other', other.load)
    await Promise.all([held.began, other.began])
    await cache.invalidateTags(['x'])
    held.end('old')
    t.equal(await caller, 'old')
    t.equal(await cache.get('key'), undefined)
    await cache.invalidateTags(['late'])
    other.end('old')
    t.equal(await otherCaller, 'old')
    t.equal(await cache.get('other'), undefined)
    t.equal(await cache.getOrSet<unknown>('key', () => 'new', { tags: ['x'] }), 'new')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('a caller that comes after an invalidation does not join a load begun before it', async (t) => {
    const { cache } = setUp()
    const before = deferredLoader()
    const early = cache.getOrSet('key', before.load, { tags: ['x'] })
    await before.began
    await cache.invalidateTags(['x'])
    t.equal(await cache.getOrSet<unknown>('key', () => 'new', { tags: ['x'] }), 'new')
    before.end('old')
    t.equal(await early, 'old')
    t.equal(await cache.get('key'), 'new')
  })
}
