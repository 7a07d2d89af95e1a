import t from 'tap'
import { createCache, memoryStore } from '../../src/larder/index.ts'
import { shareDeletes } from '../../src/workers/share-deletes.ts'
import { deferredLoader } from '../support/deferred-loader.ts'
import { connectWorkers } from '../support/workers.ts'

/** The caches of two workers, each with a store of its own and the same entries. */
async function setUp () {
  const { peers, relay, members } = connectWorkers(2)
  const [here, there] = peers.map((peer) => shareDeletes(createCache({ store: memoryStore() }), peer))
  for (const cache of [here!, there!]) await cache.setMany([['a', 1], ['b', 2], ['x:1', 3]], { tags: ['t'] })
  return { here: here!, there: there!, relay, members, peers }
}

t.test('a delete takes effect in the caches of all workers before it resolves', async (t) => {
  const { here, there } = await setUp()
  t.equal(await here.delete('a'), true)
  t.equal(await there.get('a'), undefined)
  t.equal(await here.delete('a'), false)
  await there.set('a', 1)
  t.equal(await here.delete('a'), true, 'only the other worker had it')
  t.equal(await here.deleteMany(['a', 'b']), 2, 'both workers had it')
  t.equal(await there.get('b'), undefined)
})

t.test('a clear takes effect in the caches of all workers, by prefix and by tag', async (t) => {
  const { here, there } = await setUp()
  t.equal(await here.deleteMatching({ prefix: 'x:' }), 2)
  t.same([...await there.getMany(['a', 'b', 'x:1'])], [['a', 1], ['b', 2]])
  t.equal(await here.deleteMatching({ tags: ['t'] }), 4)
  t.same([...await there.getMany(['a', 'b', 'x:1'])], [])
  await there.set('c', 1)
  await here.clear()
  t.equal(await there.get('c'), undefined)
  t.equal(await there.deleteMatching(), 0)
})

t.test('a load in flight in another worker is not stored after a delete', async (t) => {
  const { here, there } = await setUp()
  const loader = deferredLoader()
  const loading = there.getOrSet('slow', loader.load)
  await loader.began
  await here.delete('slow')
  loader.end('outdated')
  t.equal(await loading, 'outdated')
  t.equal(await there.get('slow'), undefined)
})

t.test('a delete rejects if another worker does not carry it out', async (t) => {
  const { here, there, peers } = await setUp()
  peers[1]!.handle('delete', () => { throw new Error('no') })
  await t.rejects(here.delete('a'), {
    code: 'LARDER_NOT_DELETED',
    statusCode: 503,
    message: 'The entries were deleted in this process, but 1 of the other workers did not answer. Try again.'
  })
  t.equal(await here.get('a'), undefined)
  t.equal(await there.get('a'), 1)
})
