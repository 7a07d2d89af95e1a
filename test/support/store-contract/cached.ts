import type { Test } from 'tap'
import type { CachedOptions } from '../../../src/cache/index.ts'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function cached (t: Test, setUp: () => SetUp): void {
  /** A function that counts its calls, and returns what it was called with. */
  function count () {
    const calls: unknown[][] = []
    return { calls, work: (...args: unknown[]) => { calls.push(args); return { args, call: calls.length } } }
  }

  t.test('cached calls the function once for the same arguments', async (t) => {
    const { cache, clock } = setUp()
    const { calls, work } = count()
    const find = cache.cached(work, { key: 'find', ttl: 10 })
    t.strictSame(await find(7, { lang: 'en', page: 1 }), { args: [7, { lang: 'en', page: 1 }], call: 1 })
    t.strictSame(await find(7, { page: 1, lang: 'en' }), { args: [7, { lang: 'en', page: 1 }], call: 1 })
    t.match(await find('7', { lang: 'en', page: 1 }), { call: 2 })
    t.match(await find(7), { call: 3 })
    t.equal(await cache.ttl(find.getKey(7)), 10)
    t.equal(find.getKey(7, 'en'), 'find(7,"en")')
    clock.advance(10)
    t.match(await find(7), { call: 4 })
    t.equal(calls.length, 4)
  })

  t.test('calls of a cached function that miss together share one call', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const find = cache.cached((id: number) => held.load({ key: String(id) } as never), { key: 'find' })
    const calls = [find(7), find(7), find(7)]
    await listener.heard('miss', 3)
    held.end('value')
    t.strictSame(await Promise.all(calls), ['value', 'value', 'value'])
    t.equal(held.runs(), 1)
  })

  t.test('invalidate of a cached function deletes the result of one call, also of one in flight', async (t) => {
    const { cache } = setUp()
    const { work } = count()
    const find = cache.cached(work, { key: 'find' })
    await find(1)
    await find(2)
    t.equal(await find.invalidate(1), true)
    t.equal(await find.invalidate(1), false)
    t.match(await find(2), { call: 2 })
    t.match(await find(1), { call: 3 })
    const held = deferredLoader()
    const slow = cache.cached((id: number) => held.load({ key: String(id) } as never), { key: 'slow' })
    const call = slow(1)
    await held.began
    await slow.invalidate(1)
    held.end('old')
    t.equal(await call, 'old')
    t.equal(await cache.get(slow.getKey(1)), undefined)
  })

  t.test('refresh of a cached function replaces the result of one call, which stays if it fails', async (t) => {
    const { cache } = setUp()
    let value = 1
    const find = cache.cached(async (_id: number) => {
      if (value === 3) throw new Error('upstream down')
      return value
    }, { key: 'find', staleIfError: 60 })
    t.equal(await find(7), 1)
    value = 2
    t.equal(await find(7), 1)
    t.equal(await find.refresh(7), 2)
    t.equal(await find(7), 2)
    value = 3
    await t.rejects(find.refresh(7), { message: 'upstream down' })
    t.equal(await find(7), 2, 'stale')
  })

  t.test('cached takes tags of all calls, or of each call', async (t) => {
    const { cache } = setUp()
    const { work } = count()
    const each = cache.cached(work, { key: 'each', tags: (id) => [`post-${id}`] })
    const all = cache.cached(work, { key: 'all', tags: ['posts'] })
    for (const id of [1, 2]) await Promise.all([each(id), all(id)])
    await cache.invalidateTags(['post-1'])
    t.equal(await cache.get(each.getKey(1)), undefined)
    t.ok(await cache.get(each.getKey(2)))
    await cache.invalidateTags(['posts'])
    t.equal((await cache.getMany([all.getKey(1), all.getKey(2)])).size, 0)
    await each.refresh(2)
    await cache.invalidateTags(['post-2'])
    t.equal(await cache.get(each.getKey(2)), undefined)
  })

  t.test('cached refuses wrong options at once, and wrong arguments with each call', async (t) => {
    const { cache } = setUp()
    const { work } = count()
    const refused: Array<[unknown, string]> = [
      [undefined, 'The value of options must be an object, but is undefined.'],
      [{}, 'A cache key must be a non-empty string, but is undefined.'],
      [{ key: 'a(b' }, 'The value of key must not contain "(", but is "a(b".'],
      [{ key: 'a', tll: 3 }, 'cached() has no option tll. Did you mean ttl?'],
      [{ key: 'a', tags: 'b' }, 'The value of tags must be an array of strings, but is "b".']
    ]
    for (const [options, message] of refused) {
      t.throws(() => cache.cached(work, options as CachedOptions<unknown[]>), { message })
    }
    const message = 'The value of work must be a function, but is 7.'
    t.throws(() => cache.cached(7 as never, { key: 'a' }), { message })
    const find = cache.cached(work, { key: 'find' })
    const expected = { message: /^arguments\[0\] cannot be a part of a key: it is a function/ }
    for (const call of [find, find.invalidate, find.refresh]) {
      await t.rejects(async () => { await call(() => 1) }, expected)
    }
  })
}
