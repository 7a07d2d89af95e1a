import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'

t.test('the loader gets no stale value that cannot be decoded', async (t) => {
  const store = memoryStore()
  const cache = createCache({ store })
  await cache.set('key', 'old')
  const entry = await store.get('key')
  store.set('key', { ...entry!, payload: Buffer.from('{'), freshUntil: 0, staleUntil: Infinity })
  t.equal(await cache.getOrSet('key', ({ stale }) => stale === undefined, { staleIfError: 60 }), true)
})
