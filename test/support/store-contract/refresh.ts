import type { Test } from 'tap'
import { deferredLoader } from '../deferred-loader.ts'
import { failingLoader } from '../failing-loader.ts'
import { listen } from '../record-events.ts'
import type { MakeSetUp } from './set-up.ts'

/** Lets everything happen that waits for nothing but its turn. */
const turn = () => new Promise(setImmediate)

export function retryBackOff (t: Test, setUp: MakeSetUp): void {
  const modes = {
    staleWhileRevalidate: { ttl: 10, staleWhileRevalidate: 10_000 },
    staleIfError: { ttl: 10, staleIfError: 10_000 }
  }
  for (const [mode, options] of Object.entries(modes)) {
    t.test(`${mode}: after failed loads the next attempt is due in 1 s, then 2, 4, up to 60`, async (t) => {
      const { cache, clock } = setUp()
      const listener = listen(t, cache)
      let attempts = 0
      const fail = () => { attempts++; throw new Error('upstream down') }
      await cache.getOrSet('key', () => 'old', options)
      clock.advance(10)
      for (const [failures, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
        t.equal(await cache.getOrSet('key', fail, options), 'old')
        await listener.heard('error', failures + 1)
        clock.advance(seconds - 0.001)
        t.equal(await cache.getOrSet('key', fail, options), 'old')
        t.equal(attempts, failures + 1)
        clock.advance(0.001)
      }
      // One that does not fail lets the next begin from one second again.
      await cache.getOrSet('key', () => 'new', options)
      await listener.heard('set', 2)
      await turn() // or the next would join that load
      clock.advance(10)
      for (const seconds of [1, 2]) {
        const before = attempts
        t.equal(await cache.getOrSet('key', fail, options), 'new')
        await listener.heard('error', before + 1)
        clock.advance(seconds - 0.001)
        t.equal(await cache.getOrSet('key', fail, options), 'new')
        t.equal(attempts, before + 1)
        clock.advance(0.001)
      }
    })
  }

  t.test('a caller that accepts no stale value loads at once', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 1_000 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
    t.equal(await cache.getOrSet('key', () => 'new', { ttl: 10 }), 'new')
  })

  t.test('an entry whose refresh failed is not served stale once it is invalidated or deleted', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 1_000, staleWhileRevalidate: 1_000, tags: ['x'] }
    for (const gone of [() => cache.invalidateTags(['x']), () => cache.delete('key')]) {
      const { heard } = listen(t, cache)
      await cache.getOrSet('key', () => 'old', options)
      clock.advance(10)
      t.equal(await cache.getOrSet('key', failingLoader, options), 'old')
      await heard('error')
      await gone()
      await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
      await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
    }
  })

  t.test('the note of a failed load does not undo a delete', async (t) => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, staleIfError: 1_000 }
    await cache.getOrSet('key', () => 'old', options)
    clock.advance(10)
    const held = deferredLoader()
    const asked = t.rejects(cache.getOrSet('key', held.load, options), { message: 'upstream down' })
    await held.began
    await cache.delete('key')
    held.fail(new Error('upstream down'))
    await asked
    t.match(await cache.lookup('key'), { miss: 'absent' })
    await t.rejects(
      cache.getOrSet('key', failingLoader, options), { message: 'upstream down' }
    )
  })
}

export function refreshAhead (t: Test, setUp: MakeSetUp): void {
  const options = { ttl: 100, refreshAhead: true }

  /** An entry whose load took two seconds, and that lives for a hundred. */
  async function loaded ({ cache, clock }: ReturnType<MakeSetUp>) {
    await cache.getOrSet('key', () => { clock.advance(2); return 'old' }, options)
  }

  t.test('refreshAhead refreshes a fresh entry in the background near its end, by one load', async (t) => {
    // Minus the logarithm of it is 1, so it is due one load time before its end.
    const site = setUp({ random: () => Math.exp(-1) })
    const { cache, clock } = site
    const listener = listen(t, cache)
    await loaded(site)
    clock.advance(97.9)
    const held = deferredLoader()
    t.equal(await cache.getOrSet('key', held.load, options), 'old')
    clock.advance(0.2)
    t.equal(await cache.getOrSet('key', held.load, { ttl: 100 }), 'old', 'who does not ask for it does not begin it')
    await turn()
    t.equal(held.runs(), 0)
    const answers = await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet('key', held.load, options)))
    t.strictSame(answers, Array(5).fill('old'))
    await held.began
    t.equal(await cache.get('key'), 'old', 'it is as good as ever')
    held.end('new')
    await listener.heard('set', 2)
    t.equal(held.runs(), 1)
    t.equal(await cache.getOrSet('key', held.load, options), 'new')
    t.equal(await cache.ttl('key'), 100)
  })

  t.test('refreshAhead: a load that fails leaves the entry, and the next attempt is later', async (t) => {
    const site = setUp({ random: () => 0 })
    const { cache, clock } = site
    const listener = listen(t, cache)
    await loaded(site)
    clock.advance(79.9)
    const held = deferredLoader()
    t.equal(await cache.getOrSet('key', held.load, options), 'old')
    await turn()
    t.equal(held.runs(), 0, 'more than ten load times before its end it never is')
    clock.advance(0.1)
    held.fail(new Error('upstream down'))
    t.equal(await cache.getOrSet('key', held.load, options), 'old')
    await listener.heard('error')
    t.match(listener.events.filter(({ type }) => type === 'error'), [
      { doing: 'refresh', error: { message: 'upstream down' } }
    ])
    t.equal(await cache.getOrSet('key', held.load, options), 'old')
    t.equal(await cache.ttl('key'), 20)
    t.equal(held.runs(), 1)
    clock.advance(1)
    t.equal(await cache.getOrSet('key', () => 'new', options), 'old')
    await listener.heard('set', 2)
    t.equal(await cache.get('key'), 'new')
  })

  t.test('refreshAhead ignores entries that were set, loaded in no time, or never expire', async (t) => {
    const { cache, clock } = setUp({ random: () => 0 })
    await cache.set('set', 1, { ttl: 10 })
    await cache.getOrSet('quick', () => 1, { ttl: 10 })
    await cache.getOrSet('eternal', () => { clock.advance(2); return 1 }, { ttl: null })
    clock.advance(7.999)
    for (const key of ['set', 'quick', 'eternal']) {
      t.equal(await cache.getOrSet(key, () => t.fail(`${key} was loaded`), { refreshAhead: true }), 1)
      await turn()
    }
  })
}

export function limits (t: Test, setUp: MakeSetUp): void {
  t.test('jitter: an entry expires up to its part earlier, and never later', async (t) => {
    for (const [random, left] of [[0, 100], [0.5, 90], [0.75, 85]] as const) {
      const { cache, clock } = setUp({ random: () => random, jitter: 0.2 })
      await cache.set('set', 1, { ttl: 100 })
      await cache.getOrSet('loaded', () => 1, { ttl: 100 })
      t.equal(await cache.ttl('set'), left)
      t.equal(await cache.ttl('loaded'), left)
      clock.advance(left)
      t.equal((await cache.getMany(['set', 'loaded'])).size, 0)
    }
  })

  t.test('maxLoads: a further load returns its value, and is neither shared nor stored', async (t) => {
    const { cache } = setUp({ maxLoads: 1 })
    const listener = listen(t, cache)
    const held = deferredLoader()
    const first = cache.getOrSet('first', held.load)
    await held.began
    const second = cache.getOrSet('first', () => t.fail('loaded again'))
    await listener.heard('miss', 2)
    t.equal(await cache.getOrSet<unknown>('second', () => 'alone'), 'alone')
    t.match(listener.events.at(-1), { type: 'refuse', key: 'second', reason: 'too-many-loads' })
    t.equal(await cache.get('second'), undefined)
    held.end('value')
    t.strictSame(await Promise.all([first, second]), ['value', 'value'])
    t.equal(await cache.getOrSet<unknown>('second', () => 'kept'), 'kept')
    t.equal(await cache.get('second'), 'kept')
  })
}
