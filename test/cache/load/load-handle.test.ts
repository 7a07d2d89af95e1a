import t, { type Test } from 'tap'
import {
  type CacheOptions, createCache, currentReads, isMiss, type LoadHandle, type LoadOptions, memoryStore, type Miss,
  ReadSet
} from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { listen } from '../../support/record-events.ts'

function setUp (options: Partial<CacheOptions> = {}) {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now, ...options })
  /** Begins a load, and returns its handle as soon as this caller is the one that produces the value. */
  async function begin (key: string, miss: Miss = { miss: 'absent' }, loadOptions: LoadOptions = {}) {
    const { promise, resolve } = Promise.withResolvers<LoadHandle>()
    const result = cache.beginLoad(key, miss, loadOptions, resolve)
    result.catch(() => {})
    return { result, load: await promise }
  }
  return { cache, clock, begin }
}

async function expectMiss (t: Test, found: unknown): Promise<Miss> {
  const miss = await found as Miss
  t.ok(isMiss(miss))
  return miss
}

t.test('fulfil stores the value as it says, and returns the result of the load', async (t) => {
  const { cache, clock, begin } = setUp()
  const listener = listen(t, cache)
  const { result, load } = await begin('key', undefined, { tags: ['call'], staleIfError: 1_000 })
  const fulfilled = load.fulfil({ value: 'value', ttl: 10, staleFor: 5, tags: ['produced'], loadMs: 700 })
  t.equal(fulfilled, result)
  const entry = {
    tags: ['call', 'produced'], loadMs: 700, freshUntil: clock.now() + 10_000, staleUntil: clock.now() + 15_000
  }
  t.match(await result, { value: 'value', stored: true, entry })
  t.match(await cache.lookup('key'), entry)
  t.match(listener.events.filter(({ type }) => type === 'load'), [{ key: 'key', ms: 700 }])
})

t.test('fulfil with no more than a value and a ttl', async (t) => {
  const { cache, clock, begin } = setUp()
  const listener = listen(t, cache)
  const { load } = await begin('key', undefined, { staleIfError: 1_000 })
  clock.advance(2)
  t.match(await load.fulfil({ value: 'value', ttl: null }), {
    stored: true, entry: { loadMs: 2_000, staleUntil: Infinity }
  })
  const other = await begin('other')
  t.match(await other.load.fulfil({ value: 'index', ttl: 10, loadMs: null }), { stored: true })
  t.match(
    listener.events.filter(({ type }) => type === 'load'), [{ key: 'key', ms: 2_000 }], 'null: nothing was produced'
  )
})

t.test('fulfil stores nothing without a lifetime, unless it may be served stale', async (t) => {
  const { cache, clock, begin } = setUp()
  const first = await begin('key')
  t.strictSame(await first.load.fulfil({ value: 1, ttl: 0 }), { value: 1, stored: false, dropsStale: true })
  const second = await begin('key')
  t.match(await second.load.fulfil({ value: 2, ttl: 0, staleFor: 10 }), { value: 2, stored: true })
  t.match(await cache.lookup('key'), { miss: 'expired', stale: { staleUntil: clock.now() + 10_000 } })
})

t.test('fulfil with ignoreReads stores a value whatever was read for it', async (t) => {
  const { cache, begin } = setUp()
  const reads = new ReadSet()
  reads.doNotStore('unwatched-read')
  const { load } = await begin('key', undefined, { reads, tags: ['a'] })
  t.match(await load.fulfil({ value: 'where to look', ttl: 10, ignoreReads: true }), {
    stored: true, entry: { tags: [] }
  })
  await cache.invalidateTags(['a'])
  t.equal(await cache.get('key'), 'where to look')
})

t.test('fulfil with invalid arguments fails the load', async (t) => {
  const { begin } = setUp()
  for (const [produced, message] of [
    [{ value: 1, ttl: NaN }, /^The value of ttl must be/], [{ value: 1, ttl: 1, tags: [''] }, /^A tag must be/],
    [{ value: 1, ttl: 1, staleFor: -1 }, /^The value of staleFor must be/]
  ] as const) {
    const { load } = await begin('key')
    await t.rejects(load.fulfil(produced), { code: /^FST_ERR_LARDER_/, message })
  }
})

t.test('fail rejects, or returns a stale value', async (t) => {
  const { cache, clock, begin } = setUp()
  const first = await begin('key')
  await t.rejects(first.load.fail(new Error('upstream down')), { message: 'upstream down' })
  await cache.getOrSet('key', () => 'stale', { ttl: 10, staleIfError: 100 })
  clock.advance(10)
  const miss = await expectMiss(t, cache.lookup('key'))
  const second = await begin('key', miss, { staleIfError: 100 })
  t.match(await second.load.fail(new Error('upstream down')), { value: 'stale', stored: false, stale: true })
  t.match(await cache.lookup('key'), { stale: { retry: { failures: 1 } } }, 'the next attempt waits')
})

t.test('discard stores nothing, and drops the stale entry unless told to keep it', async (t) => {
  for (const [options, isKept] of [
    [undefined, false],
    [{ keepStale: false }, false],
    [{ keepStale: true }, true]
  ] as const) {
    const { cache, clock, begin } = setUp()
    await cache.getOrSet('key', () => 'stale', { ttl: 10, staleIfError: 100 })
    clock.advance(10)
    const { load } = await begin('key', await expectMiss(t, cache.lookup('key')))
    t.strictSame(await load.discard(options), { value: undefined, stored: false, dropsStale: !isKept })
    t.match(await cache.lookup('key'), { miss: isKept ? 'expired' : 'absent' })
  }
})

t.test('onLead is not called for a caller that joins a load, or finds its value stored', async (t) => {
  const { cache, begin } = setUp()
  const { load } = await begin('key')
  const joined = cache.beginLoad('key', { miss: 'absent' }, {}, () => t.fail('leads'))
  await load.fulfil({ value: 'value', ttl: 10 })
  t.match(await joined, { value: 'value', stored: true, collapsed: true })
  t.match(await cache.beginLoad('key', { miss: 'absent' }, {}, () => t.fail('leads')), {
    value: 'value', collapsed: true
  })
})

t.test('onLead runs with the reads of its load', async (t) => {
  const { cache } = setUp()
  const reads = new ReadSet()
  await cache.beginLoad('key', { miss: 'absent' }, { reads }, (load) => {
    t.equal(currentReads(), reads)
    load.discard()
  })
})

t.test('an error that onLead throws is that of the load', async (t) => {
  const { cache } = setUp()
  const onLead = () => { throw new Error('cannot lead') }
  await t.rejects(cache.beginLoad('key', { miss: 'absent' }, {}, onLead), { message: 'cannot lead' })
})

t.test('a timeout ends the wait of its caller; the load goes on, and is stored', async (t) => {
  const { cache, begin } = setUp()
  const { result, load } = await begin('key', undefined, { timeout: 0 })
  await t.rejects(result, { code: 'FST_ERR_LARDER_LOAD_TIMEOUT' })
  const listener = listen(t, cache)
  await t.rejects(load.fulfil({ value: 'late', ttl: 10 }), { code: 'FST_ERR_LARDER_LOAD_TIMEOUT' })
  await listener.heard('set')
  t.equal(await cache.get('key'), 'late')
})
