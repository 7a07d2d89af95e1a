import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { LoadContext } from '../../../src/cache/index.ts'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import { EXACT_VALUES, REFUSED_VALUES } from '../sample-values.ts'
import type { SetUp } from './set-up.ts'

export function values (t: Test, setUp: () => SetUp): void {
  t.test('each reader gets what the loader returned: on a miss, when collapsed, on a hit, and stale', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleIfError: 100 }
    let misses = 0
    for (const [what, value] of Object.entries(EXACT_VALUES)) {
      const key = `key of ${what}`
      const isSame = (got: unknown) => isDeepStrictEqual(got, value)
      const held = deferredLoader()
      const first = cache.getOrSet(key, held.load, options)
      await held.began
      const collapsed = [{}, { shared: true }].map((more) => cache.getOrSet(key, held.load, { ...options, ...more }))
      await listener.heard('miss', misses += 3)
      held.end(value)
      t.ok(Object.is(await first, value), `${what}: the caller that runs the loader`)
      t.ok((await Promise.all(collapsed)).every(isSame), `${what}: collapsed`)
      if (value === undefined) continue
      t.ok(isSame(await cache.get(key)), `${what}: get`)
      t.ok(isSame((await cache.getMany([key])).get(key)), `${what}: getMany`)
      t.ok(isSame(await cache.getOrSet(key, held.load, options)), `${what}: getOrSet`)
      t.ok(isSame(await cache.getOrSet(key, held.load, { shared: true })), `${what}: shared`)
      clock.advance(11)
      const stale = await cache.getOrSet(key, () => Promise.reject(new Error('upstream down')), options)
      t.ok(isSame(stale), `${what}: stale`)
      misses++
      await cache.set(key, value)
      t.ok(isSame(await cache.get(key)), `${what}: set`)
    }
  })

  t.test('a value that would be changed is refused with the path of its part, and not stored', async (t) => {
    const { cache } = setUp()
    for (const [what, [value, path, reason]] of Object.entries(REFUSED_VALUES)) {
      const error = { code: 'FST_ERR_LARDER_VALUE', message: `${path} cannot be cached: it ${reason}.` }
      await t.rejects(cache.set('key', value), error, `${what}: set`)
      await t.rejects(cache.setMany([['other', 1], ['key', value]]), error, `${what}: setMany`)
      await t.rejects(cache.add('key', value), error, `${what}: add`)
      for (const time of ['first', 'second']) {
        await t.rejects(cache.getOrSet('key', () => value as object), error, `${what}: getOrSet, ${time} time`)
      }
      t.equal(await cache.get('key'), undefined)
      t.equal(await cache.get('other'), undefined)
    }
  })

  t.test('callers that wait for a load whose value is refused get the error of the load', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const callers = [1, 2, 3].map(() => cache.getOrSet('key', held.load))
    await listener.heard('miss', 3)
    held.end({ items: [{ price: () => 1 }] })
    for (const { reason } of await Promise.allSettled(callers) as PromiseRejectedResult[]) {
      t.match(reason, { code: 'FST_ERR_LARDER_VALUE', message: 'value.items[0].price cannot be cached' })
    }
    t.equal(held.runs(), 1)
    t.equal(await cache.getOrSet<unknown>('key', () => 'loaded again'), 'loaded again')
  })

  t.test('a value that is not to be stored is returned whatever it is', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const value = { run () {} }
    const held = deferredLoader<typeof value>((context) => { context.skipStore() })
    const callers = [cache.getOrSet('key', held.load), cache.getOrSet('key', held.load)]
    await listener.heard('miss', 2)
    held.end(value)
    for (const got of await Promise.all(callers)) t.equal(got, value)
  })

  t.test('the caller that runs the loader can change its value without changing what the others get', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const make = () => ({ list: [1], bytes: Buffer.from('abc') })
    let misses = 0
    for (const [what, options, prepare] of [
      ['stored', {}, () => {}],
      ['not stored because of its ttl', { ttl: 0 }, () => {}],
      ['not stored because of skipStore()', {}, (context: LoadContext) => { context.skipStore() }]
    ] as const) {
      const held = deferredLoader<ReturnType<typeof make>>(prepare)
      const first = cache.getOrSet(what, held.load, options).then((value) => {
        value.list.push(2)
        value.bytes[0] = 0
        return value
      })
      const others = [{}, { shared: true }].map((more) => cache.getOrSet(what, held.load, { ...options, ...more }))
      await listener.heard('miss', misses += 3)
      held.end(make())
      t.strictSame((await first).list, [1, 2])
      for (const value of await Promise.all(others)) t.ok(isDeepStrictEqual(value, make()), what)
    }
  })

  t.test('a copy can be changed without changing what others get', async (t) => {
    const { cache } = setUp()
    const make = () => ({ bytes: Buffer.from('abc'), map: new Map([[1, { a: 1 }]]), frozen: Object.freeze([1]) })
    await cache.set('key', make())
    const copy = await cache.get<ReturnType<typeof make>>('key')
    copy!.bytes[0] = 0
    copy!.map.get(1)!.a = 2
    ;(copy!.frozen as number[]).push(2)
    t.ok(isDeepStrictEqual(await cache.get('key'), make()))
  })
}
