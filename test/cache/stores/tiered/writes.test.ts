import t from 'tap'
import { type CacheAdapter, createCache, memoryStore, type Store, tieredStore } from '../../../../src/cache/index.ts'
import { withRedis } from '../../../support/with-redis.ts'
import { oneProcess, turn, twoProcesses } from './set-up.ts'

const { client } = await withRedis(t)

/** Writes to a key that holds 1, while a read of L2 is in flight; returns what that read returns. */
async function writeDuringRead (write: (cache: CacheAdapter) => Promise<unknown>) {
  const { mine, hold, holdNoMore } = oneProcess(5)
  await mine.set('key', 1)
  const release = hold()
  const concurrent = mine.get('key')
  await turn()
  holdNoMore()
  await write(mine)
  release()
  return { mine, read: await concurrent }
}

t.test('every verb that writes is seen at once in its process, even if a read overlaps it', async (t) => {
  const writes: Record<string, [(cache: CacheAdapter) => Promise<unknown>, unknown]> = {
    delete: [(cache) => cache.delete('key'), undefined],
    deleteMany: [(cache) => cache.deleteMany(['key']), undefined],
    set: [(cache) => cache.set('key', 2), 2],
    'set with a ttl of zero': [(cache) => cache.set('key', 2, { ttl: 0 }), undefined],
    increment: [(cache) => cache.increment('key'), 2],
    'touch with a ttl of zero': [(cache) => cache.touch('key', 0), undefined],
    clear: [(cache) => cache.clear(), undefined],
    'deleteMatching by prefix': [(cache) => cache.deleteMatching({ prefix: 'k' }), undefined]
  }
  for (const [verb, [write, written]] of Object.entries(writes)) {
    const { mine, read } = await writeDuringRead(write)
    t.equal(read, 1, verb)
    t.equal(await mine.get('key'), written, verb)
  }
})

t.test('touch() is seen at once, even if a read overlaps it', async (t) => {
  const { mine } = await writeDuringRead((cache) => cache.touch('key', 1000))
  t.equal(await mine.ttl('key'), 1000)
})

t.test('a read that starts and ends during a deletion does not fill L1', async (t) => {
  const { far, mine, hold, holdNoMore } = oneProcess(5)
  await mine.set('key', 1)
  const release = hold()
  const deleting = mine.delete('key')
  await turn()
  holdNoMore()
  t.equal(await mine.get('key'), 1, 'the deletion has not reached L2 yet')
  release()
  await deleting
  t.equal(await mine.get('key'), undefined)
  t.equal(await far.get('key'), undefined)
})

t.test('a read that starts during a deletion and ends after it does not fill L1', async (t) => {
  const { mine, hold } = oneProcess(5)
  await mine.set('key', 1)
  const releaseDeletion = hold()
  const deleting = mine.delete('key')
  await turn()
  const releaseRead = hold()
  const reading = mine.get('key')
  await turn()
  releaseDeletion()
  t.equal(await deleting, true)
  releaseRead()
  t.equal(await reading, 1)
  t.equal(await mine.get('key'), undefined)
})

t.test('a deletion that rejects is seen if L2 has carried it out', async (t) => {
  const far = memoryStore()
  const failing: Store = {
    ...far,
    async delete (keys) {
      await far.delete(keys)
      throw new Error('the reply was lost')
    }
  }
  const cache = createCache({ store: tieredStore({ near: memoryStore(), far: failing, nearTtl: 600 }) })
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await t.rejects(cache.delete('key'), { message: 'the reply was lost' })
  t.equal(await cache.get('key'), undefined)
})

t.test('clear() and deleteMatching() that reject are seen as far as L2 has carried them out', async (t) => {
  const far = memoryStore()
  const failing: Store = {
    ...far,
    async clear () {
      far.clear()
      throw new Error('the connection was lost')
    }
  }
  const store = tieredStore({ near: memoryStore(), far: failing, nearTtl: 600 })
  const cache = createCache({ store })
  const message = 'the connection was lost'
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await t.rejects(async () => store.clear(), { message })
  t.equal(await cache.get('key'), undefined)
  await cache.set('key', 1)
  t.equal(await cache.get('key'), 1)
  await t.rejects(cache.deleteMatching({ prefix: 'k' }), { message })
  t.equal(await cache.get('key'), undefined)
})

t.test('deleteMatching() counts the entries of L2, and leaves other entries in L1', async (t) => {
  const { far, mine, theirs } = twoProcesses(client, 5)
  await theirs.setMany([['page:a', 1], ['page:b', 2], ['list:a', 3]], { tags: ['x'] })
  await theirs.set('list:b', 4, { tags: ['y'] })
  t.strictSame([...(await mine.getMany(['page:b', 'list:a', 'list:b'])).values()], [2, 3, 4])
  t.equal(await mine.deleteMatching({ prefix: 'page:' }), 2, 'also the entry that was never in L1')
  t.equal(far.reads, 3)
  t.strictSame([...await mine.getMany(['page:b', 'list:a', 'list:b'])], [['list:a', 3], ['list:b', 4]])
  t.equal(far.reads, 4)
  t.equal(await mine.deleteMatching({ tags: ['x'] }), 1)
  t.strictSame([...await mine.getMany(['list:a', 'list:b'])], [['list:b', 4]])
  t.equal(far.reads, 5)
})
