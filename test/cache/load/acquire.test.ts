import t from 'tap'
import { createCache, memoryStore, type Store, type Versions } from '../../../src/cache/index.ts'

t.test('a value is not stored if the entry found with the lease cannot be verified', async (t) => {
  const memory = memoryStore()
  const versions: Versions = { ...memory.versions, firstChanged () { throw new Error('the clock does not answer') } }
  const filler = createCache({ store: memory })
  await filler.set('key', 'of another process', { tags: ['a'] })
  const entry = (await memory.get('key'))!
  await filler.clear()
  const store: Store = { ...memory, acquire: () => entry }

  const result = await createCache({ store, versions }).load('key', () => 'loaded')
  t.match(result, { value: 'loaded', stored: false, notStoredBecause: 'store-unavailable' })
})
