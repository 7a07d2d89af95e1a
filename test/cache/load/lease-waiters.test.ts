import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createCache, memoryStore, type Store } from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { listen } from '../../support/record-events.ts'
import { createMemoryCache } from '../../support/create-memory-cache.ts'

t.test('waits at most maxWait for the lease of another process, and looks again meanwhile', async (t) => {
  let looks = 0
  const waits: number[] = []
  let ended = 0
  const store: Store = {
    ...memoryStore(),
    acquire () {
      looks++
      return { wait: () => ({ async next (ms) { waits.push(ms); await sleep(ms) }, end () { ended++ } }) }
    }
  }
  const cache = createCache({ store, maxWait: 0.6 })
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.strictSame(waits.slice(0, 2), [250, 250])
  // The timer of Node may end a fraction of a millisecond early.
  t.ok((waits[2] ?? 0) <= 102, 'the rest')
  t.equal(looks, waits.length + 1)
  t.equal(ended, 1)
  t.equal(await store.get('key'), undefined, 'without a lease, a deletion by another process would go unseen')
})

t.test('load with wait: false gives up if another caller is loading the key', async (t) => {
  const { cache } = createMemoryCache()
  const { load, began, end } = deferredLoader()
  const first = cache.getOrSet('key', load)
  await began
  t.strictSame(await cache.load('key', () => t.fail('loaded'), { wait: false }), { value: undefined, stored: false })
  end('value')
  t.equal(await first, 'value')
})

t.test('load with wait: false gives up if another process is loading the key, and its followers wait', async (t) => {
  const memory = memoryStore()
  const waiting = Promise.withResolvers<void>()
  const filled = Promise.withResolvers<void>()
  const wait = () => ({
    async next () {
      waiting.resolve()
      await filled.promise
    },
    end () {}
  })
  const store: Store = { ...memory, acquire: async (key) => await memory.get(key) ?? { wait } }
  const cache = createCache({ store })
  const listener = listen(t, cache)
  const impatient = cache.load('key', () => t.fail('loaded'), { wait: false })
  const follower = cache.load('key', () => t.fail('loaded'))
  t.strictSame(await impatient, { value: undefined, stored: false })
  await waiting.promise
  await createCache({ store: memory }).set('key', 'theirs')
  filled.resolve()
  t.match(await follower, { value: 'theirs', stored: true, collapsed: true })
  t.strictSame(listener.events, [], 'nothing was loaded or refused')
})

t.test('looks no longer if it finds one unusable entry after another', async (t) => {
  const memory = memoryStore()
  let looks = 0
  const entry = { payload: Uint8Array.of(1), storedAt: 0, freshUntil: 1, staleUntil: 1, tags: [], stamp: '' }
  const store: Store = { ...memory, acquire: () => ({ ...entry, storedAt: ++looks }) }
  const cache = createCache({ store })
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(looks, 100)
  t.equal(await cache.get('key'), undefined)
})
