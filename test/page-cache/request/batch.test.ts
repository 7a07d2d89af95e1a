import { AsyncLocalStorage } from 'node:async_hooks'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore, type Versions } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { heapUsed } from '../../support/heap.ts'

t.test('requests of one turn of the event loop are looked up together, each in its own context', async (t) => {
  const store = memoryStore()
  const turns: unknown[] = []
  const versions: Versions = {
    ...store.versions,
    stamp: (tags) => store.versions.stamp(tags),
    invalidate: (tags) => store.versions.invalidate(tags),
    isCurrent (stamp, tags, turn) {
      turns.push(turn)
      return store.versions.isCurrent(stamp, tags)
    }
  }
  const context = new AsyncLocalStorage<number>()
  const app = Fastify()
  app.addHook('onSend', async (_request, reply) => { reply.header('x-context', String(context.getStore())) })
  await app.register(pageCache, { cache: createCache({ store, versions }) })
  app.get('/page', { config: { cachePage: { ttl: 60, tags: ['page'] } } }, async () => 'page')
  await app.inject('/page')
  turns.length = 0

  const ask = (number: number) => context.run(number, async () => await app.inject('/page'))
  const answers = await Promise.all([1, 2, 3].map(ask))
  t.match(answers.map(({ headers }) => headers['cache-status']), Array(3).fill('larder; hit; ttl=60'))
  t.strictSame(answers.map(({ headers }) => headers['x-context']), ['1', '2', '3'])
  t.equal(turns.length, 3)
  t.equal(new Set(turns).size, 1)

  await ask(4)
  t.not(turns[3], turns[0], 'who comes later may know of more')
  await app.close()
})

t.test('what goes wrong in a look-up is the answer to its request, and keeps no other of its turn waiting', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const app = Fastify()
  await app.register(pageCache, { cache })
  app.get('/page', { config: { cachePage: 60 } }, async () => 'page')
  await app.inject('/page')
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

t.test('who keeps a turn, as the clock of a database does until the next, keeps no request of it', async (t) => {
  const store = memoryStore()
  let last: unknown
  const versions: Versions = {
    ...store.versions,
    stamp: (tags) => store.versions.stamp(tags),
    isCurrent (stamp, tags, turn) {
      last = turn
      return store.versions.isCurrent(stamp, tags)
    }
  }
  const requests: Array<WeakRef<object>> = []
  const app = Fastify()
  app.addHook('onRequest', async (request) => { requests.push(new WeakRef(request)) })
  await app.register(pageCache, { cache: createCache({ store, versions }) })
  app.get('/page', { config: { cachePage: { ttl: 60, tags: ['page'] } } }, async () => 'page')
  await app.inject('/page')

  await Promise.all(Array.from({ length: 20 }, () => app.inject('/page')))
  await heapUsed() // collects garbage
  t.ok(last)
  t.strictSame(requests.filter((request) => request.deref() !== undefined), [])
  await app.close()
})
