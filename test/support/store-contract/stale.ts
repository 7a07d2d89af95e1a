import type { Test } from 'tap'
import { type Cache, type LoadContext, LoadTimeoutError } from '../../../src/cache/index.ts'
import { failingLoader } from '../failing-loader.ts'
import { deferredLoader } from '../deferred-loader.ts'
import { listen } from '../record-events.ts'
import type { SetUp } from './set-up.ts'

export function serveStale (t: Test, setUp: () => SetUp): void {
  t.test('staleWhileRevalidate: a stale value is served at once while one load refreshes it', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleWhileRevalidate: 20 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.get('key'), undefined)
    const held = deferredLoader()
    const answers = await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet('key', held.load, options)))
    t.strictSame(answers, Array(5).fill('old'))
    await held.began
    held.end('new')
    await listener.heard('set', 2)
    t.equal(held.runs(), 1)
    t.equal(await cache.getOrSet('key', held.load, options), 'new')
    t.equal(held.runs(), 1)
  })

  t.test('staleWhileRevalidate: a stale value is a copy', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleWhileRevalidate: 20 }
    await cache.getOrSet('key', () => ({ list: [1] }), options)
    clock.advance(10)
    const old = await cache.getOrSet<{ list: number[] }>('key', failingLoader, options)
    old.list.push(2)
    t.strictSame(await cache.getOrSet<unknown>('key', failingLoader, options), { list: [1] })
  })

  t.test('staleWhileRevalidate: after its window, or without the option, the caller waits for the load', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleWhileRevalidate: 20 }
    await cache.getOrSet('key', () => 'old', options)
    await cache.getOrSet('other', () => 'old', options)
    await cache.getOrSet('narrow', () => 'old', options)
    clock.advance(29.999)
    t.equal(await cache.getOrSet('other', () => 'new', { ttl: 10 }), 'new')
    t.equal(await cache.getOrSet('narrow', () => 'new', { ...options, staleWhileRevalidate: 5 }), 'new')
    clock.advance(0.001)
    t.equal(await cache.getOrSet('key', () => 'new', options), 'new')
  })

  t.test('staleWhileRevalidate: a background load that fails leaves the stale value, and emits an error', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleWhileRevalidate: 20, staleIfError: 20 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
    await listener.heard('error')
    t.match(listener.events.filter(({ type }) => type === 'error'), [
      { doing: 'refresh', error: { message: 'upstream down' } }
    ])
    t.equal(listener.events.filter(({ type }) => type === 'stale').length, 1)
    t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
  })

  t.test('an entry that is invalidated or deleted during a load is not served stale if the load fails', async (t) => {
    for (const end of [(cache: Cache) => cache.invalidateTags(['x']), (cache: Cache) => cache.delete('key')]) {
      const { cache, clock } = setUp()
      const options = { ttl: 10, staleIfError: 100, tags: ['x'] }
      await cache.getOrSet('key', () => 'old', options)
      clock.advance(10)
      const held = deferredLoader()
      const asked = t.rejects(cache.getOrSet('key', held.load, options), { message: 'upstream down' })
      await held.began
      await end(cache)
      held.fail(new Error('upstream down'))
      await asked
    }
  })

  t.test('a load that succeeds without a value to store drops the stale one', async (t) => {
    for (const load of [
      () => undefined,
      ({ skipStore }: LoadContext) => { skipStore() },
      ({ setTtl }: LoadContext) => { setTtl(0); return 'new' }
    ]) {
      const { cache, clock } = setUp()
      const options = { ttl: 10, staleIfError: 100 }
      await cache.getOrSet<unknown>('key', () => 'old', options)
      clock.advance(10)
      await cache.getOrSet('key', load, options)
      await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
      await cache.getOrSet<unknown>('key', () => 'old', options)
      clock.advance(10)
      await cache.getOrSet('key', ({ skipStore }) => { skipStore({ keepStale: true }) }, options)
      t.equal(await cache.getOrSet<unknown>('key', failingLoader, options), 'old', 'unless it says that it may go on')
    }
  })

  t.test('staleIfError: a stale value is served if the load fails, within its window', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 20 }
    await cache.getOrSet('key', () => ({ list: [1] }), options)
    clock.advance(10)
    const old = await cache.getOrSet<{ list: number[] }>('key', failingLoader, options)
    old.list.push(2)
    t.strictSame(await cache.getOrSet<unknown>('key', failingLoader, options), { list: [1] })
    await t.rejects(cache.getOrSet('key', failingLoader, { ttl: 10 }), { message: 'upstream down' })
    await t.rejects(cache.getOrSet('key', failingLoader, { ttl: 10, staleIfError: 0 }), { message: 'upstream down' })
    t.equal(await cache.get('key'), undefined)
    clock.advance(20)
    await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
  })

  t.test('staleIfError: the caller waits for a load that succeeds', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 20 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.getOrSet('key', () => 'new', options), 'new')
    t.equal(await cache.get('key'), 'new')
  })

  t.test('an invalidated entry is never served stale', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, tags: ['x'], staleIfError: 100, staleWhileRevalidate: 100, timeout: 0.2 }
    await cache.getOrSet('key', () => 'old', options)
    await cache.invalidateTags(['x'])
    await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
    clock.advance(10)
    await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
    const held = deferredLoader()
    await t.rejects(cache.getOrSet('key', held.load, options), LoadTimeoutError)
    held.end('new')
  })

  t.test('a deleted entry is never served stale', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 100, staleWhileRevalidate: 100 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.delete('key'), true)
    await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
  })

  t.test('an entry that never expires can have stale options', async (t) => {
    const { cache } = setUp()
    await cache.getOrSet('key', () => 'kept', { ttl: null, staleIfError: 10 })
    t.equal(await cache.ttl('key'), null)
    t.equal(await cache.getOrSet('key', failingLoader, { staleIfError: 10 }), 'kept')
  })
}

export function timeout (t: Test, setUp: () => SetUp): void {
  t.test('timeout: the caller waits no longer, and the result of the load is stored', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const caller = cache.getOrSet('key', held.load, { timeout: 0.01 })
    await t.rejects(caller, LoadTimeoutError)
    await t.rejects(caller, {
      code: 'FST_ERR_LARDER_LOAD_TIMEOUT', message: 'the load of "key" took longer than 0.01 s'
    })
    await held.began
    held.end('late')
    await listener.heard('set')
    t.equal(await cache.get('key'), 'late')
  })

  t.test('timeout: each caller that waits has its own', async (t) => {
    const { cache } = setUp()
    const listener = listen(t, cache)
    const held = deferredLoader()
    const patient = cache.getOrSet('key', held.load)
    await held.began
    const hasty = cache.getOrSet('key', held.load, { timeout: 0 })
    const calm = cache.getOrSet('key', held.load, { timeout: 1e9 })
    await t.rejects(hasty, LoadTimeoutError)
    await listener.heard('miss', 3)
    held.end('value')
    t.equal(await patient, 'value')
    t.equal(await calm, 'value')
    t.equal(held.runs(), 1)
  })

  t.test('timeout: a stale value is served if staleIfError allows it', async (t) => {
    const { cache, clock } = setUp()
    const listener = listen(t, cache)
    const options = { ttl: 10, staleIfError: 20, timeout: 0.2 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    const held = deferredLoader()
    t.equal(await cache.getOrSet('key', held.load, options), 'old')
    held.end('new')
    await listener.heard('set', 2)
    t.equal(await cache.get('key'), 'new')
  })

  t.test('timeout: a load that fails after all callers have left is no unhandled rejection', async (t) => {
    const { cache } = setUp()
    const held = deferredLoader()
    await t.rejects(cache.getOrSet('key', held.load, { timeout: 0 }), LoadTimeoutError)
    await held.began
    held.fail(new Error('late'))
    t.equal(await cache.get('key'), undefined)
  })
}
