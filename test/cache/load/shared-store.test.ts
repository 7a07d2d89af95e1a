import t from 'tap'
import { type CacheAdapter, createCache, memoryStore, memoryVersions, tieredStore } from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { listen } from '../../support/record-events.ts'

/* Several caches of one process with the same store. */

const store = memoryStore()
const far = memoryStore()
const pairs: Record<string, [CacheAdapter, CacheAdapter]> = {
  'the same store': [createCache({ store }), createCache({ store })],
  'a store, and a tiered store over it': [
    createCache({ store: far }), createCache({ store: tieredStore({ near: memoryStore(), far }) })
  ],
  'the same store, with other version clocks': [
    createCache({ store, versions: memoryVersions() }), createCache({ store, versions: memoryVersions() })
  ]
}

for (const [name, [one, other]] of Object.entries(pairs)) {
  t.test(`two caches with ${name}`, async (t) => {
    for (const [title, write] of Object.entries({
      delete: () => other.delete('key'),
      set: () => other.set('key', 'written'),
      clear: () => other.clear()
    })) {
      t.test(`${title} through one revokes a load of the other`, async (t) => {
        const held = deferredLoader()
        const caller = one.getOrSet('key', held.load)
        await held.began
        await write()
        const stored = await other.get('key')
        held.end('old')
        t.equal(await caller, 'old')
        t.equal(await one.get('key'), stored)
        await one.clear()
      })
    }
  })
}

t.test('callers of two caches that miss together share one load', async (t) => {
  const [one, other] = pairs['the same store']!
  const listener = listen(t, other)
  const held = deferredLoader()
  const callers = [one.getOrSet('shared', held.load), other.getOrSet('shared', held.load)]
  await listener.heard('miss', 1)
  await held.began
  t.equal(other.loadsInFlight, 1)
  held.end('value')
  t.strictSame(await Promise.all(callers), ['value', 'value'])
  t.equal(held.runs(), 1)
})

t.test('a caller does not join a load of a cache with another version clock', async (t) => {
  const [one, other] = pairs['the same store, with other version clocks']!
  const held = deferredLoader()
  const caller = one.getOrSet<unknown>('key', held.load, { tags: ['x'] })
  await held.began
  t.equal(await other.getOrSet('key', () => 'mine', { tags: ['x'] }), 'mine')
  held.end('late')
  t.equal(await caller, 'late')
})

t.test('caches with different stores share nothing', async (t) => {
  const versions = memoryVersions()
  const newCache = () => createCache({ store: { ...memoryStore(), versions } })
  const [one, other] = [newCache(), newCache()]
  const held = deferredLoader()
  const caller = one.getOrSet('key', held.load)
  await held.began
  t.equal(await other.getOrSet('key', () => 'mine'), 'mine')
  await other.delete('key')
  held.end('value')
  t.equal(await caller, 'value')
  t.equal(await one.get('key'), 'value')
})
