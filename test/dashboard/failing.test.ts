import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { dashboard } from '../../src/dashboard/index.ts'
import errors from '../../src/plugins/errors.ts'
import validation from '../../src/plugins/validation.ts'
import views from '../../src/plugins/views.ts'

t.test('an explanation that fails reveals no internals', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(validation)
  await app.register(views)
  await app.register(errors)
  app.decorate('larder', { explain: async () => { throw new Error('secret') } } as never)
  await app.register(dashboard, { cache, now: Date.now, host: '127.0.0.1', adminToken: undefined })
  for (const url of ['/cache?url=/', '/cache/explain?url=/']) {
    const { statusCode, body } = await app.inject(url)
    t.equal(statusCode, 500, url)
    t.notMatch(body, 'secret')
  }
  await cache.set('forever', 1, { ttl: null })
  t.match((await app.inject('/cache/explain?key=forever')).json(), { entry: { ttl: null, tags: [] } })
  t.match((await app.inject('/cache?key=forever')).body, /Time to live<\/dt><dd>does not expire/)
})
