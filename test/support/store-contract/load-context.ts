import type { Test } from 'tap'
import type { LoadContext, Miss, StaleValue } from '../../../src/cache/index.ts'
import { deferredLoader } from '../deferred-loader.ts'
import type { SetUp } from './set-up.ts'

const OPTIONS = { ttl: 10, staleIfError: 60, tags: ['a'] }

export function loadContext (t: Test, setUp: () => SetUp): void {
  /** A loader that records the stale values that it gets. */
  function record (load: (context: LoadContext, run: number) => unknown) {
    const seen: Array<StaleValue | undefined> = []
    return { seen, load: (context: LoadContext) => load(context, seen.push(context.stale)) }
  }

  t.test('the loader gets the expired value that it replaces, with its age', async (t) => {
    const { cache, clock } = setUp()
    const { seen, load } = record((_context, run) => ({ run }))
    await cache.getOrSet('key', load, OPTIONS)
    clock.advance(15)
    t.strictSame(await cache.getOrSet('key', load, OPTIONS), { run: 2 })
    t.strictSame(seen, [undefined, { value: { run: 1 }, age: 15 }])
    clock.advance(70)
    await cache.getOrSet('key', load, OPTIONS)
    t.equal(seen[2], undefined, 'it was stored for a minute after it expired')
  })

  t.test('notModified stores the stale value for another lifetime', async (t) => {
    const { cache, clock } = setUp()
    await cache.getOrSet('key', () => ({ etag: 'x' }), OPTIONS)
    clock.advance(15)
    const { seen, load } = record(({ notModified, stale }) => {
      (stale!.value as { etag: string }).etag = 'changed by the loader'
      return notModified()
    })
    t.strictSame(await cache.getOrSet('key', load, { ...OPTIONS, ttl: 20 }), { etag: 'x' })
    t.equal(await cache.ttl('key'), 20)
    t.strictSame(await cache.get('key'), { etag: 'x' })
    clock.advance(25)
    await cache.getOrSet('key', load, OPTIONS)
    t.strictSame(seen.map((stale) => stale!.age), [15, 25], 'since it was last found not modified')
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('key'), undefined)
  })

  t.test('notModified keeps the tags of the stale value, and stamps them anew', async (t) => {
    const { cache, clock } = setUp()
    const load = (context: LoadContext) => {
      if (context.stale !== undefined) return context.notModified()
      context.addTags('first')
      return 'value'
    }
    await cache.getOrSet('key', load, { ttl: 10, staleIfError: 60 })
    clock.advance(15)
    await cache.getOrSet('key', load, { ttl: 10, staleIfError: 60 })
    t.equal(await cache.get('key'), 'value')
    await cache.invalidateTags(['first'])
    t.equal(await cache.get('key'), undefined)
  })

  t.test('notModified of a background load and of refresh answers the same', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleWhileRevalidate: 60 }
    const load = (context: LoadContext) => context.stale === undefined ? 'value' : context.notModified()
    await cache.getOrSet('key', load, options)
    t.equal(await cache.refresh('key', load, options), 'value')
    clock.advance(15)
    t.equal(await cache.getOrSet('key', load, options), 'value')
    t.equal(await cache.getOrSet('key', load), 'value')
    t.ok(await cache.ttl('key'))
  })

  t.test('notModified without a stale value rejects', async (t) => {
    const { cache } = setUp()
    await t.rejects(cache.getOrSet('key', ({ notModified }) => notModified()), {
      message: 'notModified() needs a stale value, but there is none of "key". Call it only if context.stale is set.'
    })
  })

  t.test('a value that is invalidated during its load is loaded in full, by a second run of the loader', async (t) => {
    const { cache, clock } = setUp()
    await cache.getOrSet('key', () => 'old', OPTIONS)
    clock.advance(15)
    const { seen, load } = record(async ({ notModified }, run) => {
      if (run > 1) return 'new'
      await cache.invalidateTags(['a'])
      return notModified()
    })
    t.equal(await cache.getOrSet('key', load, OPTIONS), 'new')
    t.strictSame(seen, [{ value: 'old', age: 15 }, undefined])
  })

  t.test('a value that is deleted during its load is not restored by notModified', async (t) => {
    const { cache, clock } = setUp()
    await cache.getOrSet('key', () => 'old', OPTIONS)
    clock.advance(15)
    const held = deferredLoader()
    const before = cache.getOrSet('key', async ({ notModified }) => {
      await held.load({} as never)
      return notModified()
    }, OPTIONS)
    await held.began
    await cache.delete('key')
    held.end(undefined)
    t.equal(await before, 'old')
    t.equal(await cache.get('key'), undefined)
  })

  t.test('a value that is deleted between the miss and the load is not passed to the loader', async (t) => {
    for (const isDeleted of [true, false]) {
      const { cache, clock } = setUp()
      await cache.getOrSet('key', () => 'old', OPTIONS)
      clock.advance(15)
      const miss = await cache.lookup('key') as Miss
      if (isDeleted) await cache.delete('key')
      const { seen, load } = record(() => 'new')
      await cache.load('key', load, OPTIONS, miss)
      t.strictSame(seen, [isDeleted ? undefined : { value: 'old', age: 15 }])
    }
  })

  t.test('the signal is aborted when the last caller has reached its timeout', async (t) => {
    const { cache } = setUp()
    const aborted = Promise.withResolvers<void>()
    const load = ({ signal }: LoadContext) => new Promise<never>((_resolve, reject) => {
      t.equal(signal.aborted, false)
      signal.addEventListener('abort', () => {
        aborted.resolve()
        reject(signal.reason)
      })
    })
    const long = cache.getOrSet('key', load, { timeout: 0.1 })
    const short = cache.getOrSet('key', load, { timeout: 0.02 })
    await t.rejects(short, { code: 'FST_ERR_LARDER_LOAD_TIMEOUT' })
    await t.rejects(long, { code: 'FST_ERR_LARDER_LOAD_TIMEOUT' })
    await aborted.promise
    t.equal(await cache.getOrSet<unknown>('key', ({ signal }) => signal.aborted), false)
  })

  t.test('no caller joins a load whose signal was aborted, also if that goes on', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader(({ signal }) => signal)
    await t.rejects(cache.getOrSet('key', held.load, { timeout: 0.01 }), { code: 'FST_ERR_LARDER_LOAD_TIMEOUT' })
    t.equal(await cache.getOrSet<unknown>('key', () => 'new'), 'new')
    held.end('old')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('a signal that is first used after all callers have left is aborted', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    await t.rejects(cache.getOrSet('key', async (context) => {
      await held.load(context)
      resolve(context.signal.aborted)
    }, { timeout: 0.01 }), { code: 'FST_ERR_LARDER_LOAD_TIMEOUT' })
    held.end(undefined)
    t.equal(await promise, true)
  })
}
