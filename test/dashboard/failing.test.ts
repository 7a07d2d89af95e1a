import Fastify from 'fastify'
import t from 'tap'
import dashboard from '../../src/larder/dashboard.ts'
import larder from '../../src/larder/index.ts'

t.test('an error that is not of the dashboard is handled by the application', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let thrown: Error | null = new Error('broken')
  app.setErrorHandler((error: Error, _request, reply) => reply.code(418).send(`handled ${error.message}`))
  app.register(larder)
  app.register(async (app) => {
    app.larder.explain = async () => { throw thrown }
    app.register(dashboard, { prefix: '/cache' })
  })
  for (const url of ['/cache?url=/', '/cache/explain?url=/']) {
    const { statusCode, body } = await app.inject(url)
    t.equal(statusCode, 418, url)
    t.equal(body, 'handled broken')
  }
  thrown = null // as careless code throws
  t.equal((await app.inject('/cache?url=/')).body, 'handled null')
  await app.larder.set('forever', 1, { ttl: null })
  t.match((await app.inject('/cache/explain?key=forever')).json(), { entry: { ttl: null, tags: [] } })
  t.match((await app.inject('/cache?key=forever')).body, /Time to live<\/dt><dd>does not expire/)
})
