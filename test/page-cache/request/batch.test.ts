import { AsyncLocalStorage } from 'node:async_hooks'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore, type Store } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { listen } from '../../support/record-events.ts'

t.test('lookups of one event-loop turn run in one cache.batch, each request in its async context', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const batches: string[][] = []
  let keys: string[] | undefined
  const { lookup } = cache
  cache.lookup = (key) => {
    keys?.push(key)
    return lookup.call(cache, key)
  }
  cache.batch = (work) => {
    batches.push(keys = [])
    const result = work()
    keys = undefined
    return result
  }
  const context = new AsyncLocalStorage<number>()
  const app = Fastify()
  app.addHook('onSend', async (_request, reply) => { reply.header('x-context', String(context.getStore())) })
  await app.register(pageCache, { cache })
  let inBatch: unknown
  app.get('/page', { config: { cachePage: { ttl: 60, tags: ['page'] } } }, async () => {
    inBatch = keys
    return 'page'
  })
  await Promise.all([app.inject('/page'), app.inject('/page')])
  t.equal(inBatch, undefined, 'handlers run after the batch')
  batches.length = 0

  const get = (number: number) => context.run(number, async () => await app.inject('/page'))
  const responses = await Promise.all([1, 2, 3].map(get))
  t.match(responses.map(({ headers }) => headers['cache-status']), Array(3).fill('larder; hit; ttl=60'))
  t.strictSame(responses.map(({ headers }) => headers['x-context']), ['1', '2', '3'])
  t.match(batches, [{ length: 3 }])
  t.equal(batches.length, 1)

  await get(4)
  t.equal(batches.length, 2, 'a later request may know of a change that the batch did not see')
  await app.close()
})

t.test('requests that arrive alone are looked up at once, and now and then one looks out for others', async (t) => {
  const cache = createCache({ store: memoryStore() })
  let batches = 0
  cache.batch = (work) => {
    batches++
    return work()
  }
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(pageCache, { cache })
  app.get('/page', { config: { cachePage: 60 } }, async () => 'page')
  for (let i = 0; i < 17 * 3; i++) await app.inject('/page')
  t.equal(batches, 3)
  await app.inject('/page')
  t.equal(batches, 4)
})

t.test('a lookup that throws fails its own request, and no other of the batch', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const app = Fastify()
  await app.register(pageCache, { cache })
  app.get('/page', { config: { cachePage: 60 } }, async () => 'page')
  await Promise.all([app.inject('/page'), app.inject('/page')]) // they do not arrive alone
  const lookup = cache.lookup.bind(cache)
  cache.lookup = () => {
    cache.lookup = lookup
    throw new Error('oops')
  }
  const [unlucky, lucky] = await Promise.all([app.inject('/page'), app.inject('/page')])
  t.match(unlucky, { statusCode: 500, body: /oops/ })
  t.match(lucky, { statusCode: 200, body: 'page' })
  await app.close()
})

t.test('requests of one batch share the lookup of a key if it is asynchronous, and each emits its event', async (t) => {
  const memory = memoryStore()
  const reads: string[] = []
  const store: Store = {
    ...memory,
    get: async (key) => {
      reads.push(key)
      return await memory.get(key)
    }
  }
  const cache = createCache({ store })
  const app = Fastify()
  await app.register(pageCache, { cache })
  app.get('/page', { config: { cachePage: { ttl: 60, vary: ['x-a'] } } }, async () => 'page')
  t.teardown(() => app.close())
  await app.inject('/page')
  reads.length = 0
  const { events } = listen(t, cache)

  const responses = await Promise.all([1, 2, 3].map(() => app.inject('/page')))
  t.match(responses.map(({ headers }) => headers['cache-status']), Array(3).fill('larder; hit; ttl=60'))
  t.equal(reads.length, 2, 'the index of variants and the variant')
  t.equal(new Set(reads).size, 2)
  t.equal(events.filter(({ type }) => type === 'hit').length, 6)
})

t.test('a request inside a transaction is looked up at once, in its own async context', async (t) => {
  const memory = memoryStore()
  const transaction = new AsyncLocalStorage<true>()
  const checkedIn: unknown[] = []
  const cache = createCache({
    store: memory,
    versions: {
      stamp: (tags) => memory.versions.stamp(tags),
      invalidate: (tags) => memory.versions.invalidate(tags),
      isolated: () => transaction.getStore() === true,
      firstChanged (stamp, tags) {
        checkedIn.push(transaction.getStore())
        return memory.versions.firstChanged(stamp, tags)
      }
    }
  })
  const app = Fastify()
  await app.register(pageCache, { cache })
  app.get('/page', { config: { cachePage: { ttl: 60, tags: ['page'] } } }, async () => 'page')
  t.teardown(() => app.close())
  await app.inject('/page')
  checkedIn.length = 0
  const responses = await Promise.all([
    transaction.run(true, async () => await app.inject('/page')), app.inject('/page'),
    transaction.run(true, async () => await app.inject('/page')), app.inject('/page')
  ])
  t.match(responses.map(({ headers }) => headers['cache-status']), Array(4).fill('larder; hit; ttl=60'))
  t.strictSame(checkedIn, [true, true, undefined, undefined])
})
