import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'

const shared = { shared: true }

t.test('shared: all callers get one frozen object', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const load = () => ({ list: [{ title: 'Jam' }], at: new Date(0), none: null })
  await cache.getOrSet('key', load, shared)
  const value = await cache.getOrSet('key', load, shared)
  t.strictSame(value, load())
  t.equal(await cache.getOrSet('key', load, shared), value)
  t.throws(() => { value.list.push({ title: 'Tea' }) }, TypeError)
  t.throws(() => { value.list[0]!.title = 'Tea' }, TypeError)
  t.throws(() => { Object.assign(value, { more: 1 }) }, TypeError)
  const copy = await cache.getOrSet('key', load)
  t.not(copy, value)
  copy.list.push({ title: 'Tea' })
  t.strictSame(await cache.getOrSet('key', load, shared), load())
  await cache.set('key', load())
  t.not(await cache.getOrSet('key', load, shared), value, 'another entry')
})

t.test('shared: callers that wait for a load, or get a stale value, get the same object', async (t) => {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), now })
  const options = { ttl: 10, staleIfError: 100, staleWhileRevalidate: 100, ...shared }
  const held = deferredLoader<{ a: number }>()
  const all = [1, 2, 3].map(() => cache.getOrSet('key', held.load, options))
  await held.began
  held.end({ a: 1 })
  const [, second, third] = await Promise.all(all)
  t.equal(second, third)
  t.ok(Object.isFrozen(second))
  advance(11)
  t.equal(await cache.getOrSet('key', () => Promise.reject(new Error('no')), options), second)
  t.strictSame(await Promise.all([1, 2].map(() => cache.getOrSet('unkept', async (context) => {
    context.skipStore()
    return { a: 1 }
  }, options))), [{ a: 1 }, { a: 1 }])
})

t.test('shared: a value that cannot be decoded is loaded again, and the option must be a boolean', async (t) => {
  const store = memoryStore()
  const cache = createCache({ store })
  await cache.set('key', 1)
  const entry = (await store.get('key'))!
  await store.set('key', { ...entry, payload: Buffer.from([0xc1]) })
  t.equal(await cache.getOrSet('key', () => 2, shared), 2)
  const invalid = cache.getOrSet('key', () => 1, { shared: 1 as never })
  await t.rejects(invalid, {
    code: 'FST_ERR_LARDER_OPTION', message: 'The value of shared must be true or false, but is 1.'
  })
})
