import t from 'tap'
import { createCache, memoryStore, type Store } from '../../../src/cache/index.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { listen } from '../../support/record-events.ts'
import { createMemoryCache } from '../../support/create-memory-cache.ts'

t.test('waits at most 60 s for the lease of another process', async (t) => {
  let looks = 0
  let waited = 0
  let ended = 0
  const store: Store = {
    ...memoryStore(),
    acquire () {
      looks++
      return { wait: () => ({ async next (ms) { waited += ms }, end () { ended++ } }) }
    }
  }
  const cache = createCache({ store })
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(waited, 60_000)
  t.equal(looks, 240)
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
  t.match(await follower, { value: 'theirs', stored: true, coalesced: true })
  t.strictSame(listener.events, [], 'nothing was loaded or refused')
})
