import Fastify from 'fastify'
import t from 'tap'
import dashboard from '../../src/larder/dashboard.ts'
import larder from '../../src/larder/index.ts'

const TOKEN = 'The option token must be a text of ASCII characters without white space, and not empty.'

t.test('options that cannot be used fail the start with one sentence', async (t) => {
  const cases: Array<[options: object, message: string]> = [
    [{ tokn: 'a' }, 'fastify-larder/dashboard has no option tokn. Did you mean token?'],
    [{ token: '' }, TOKEN],
    [{ token: 5 }, TOKEN],
    ...[null, 'abc', ['/'], { a: 5 }].map((links): [object, string] => [
      { links }, "The option links must be an object of texts and addresses such as { Shop: '/' }."
    ]),
    [{ gauges: [{}] }, 'The option gauges must be a list of figures with functions that read them, such as ' +
      "[{ label: 'Jobs waiting', name: 'shop_jobs_waiting', help: 'Jobs.', read: () => jobs.length }]."],
    [{ openTo: 'all' }, 'The option openTo must be nobody, loopback or everyone.']
  ]
  for (const [options, message] of cases) {
    const app = Fastify()
    app.register(larder)
    app.register(dashboard, options)
    await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_LARDER_OPTION', message })
    await app.close()
  }
})

t.test('without the caches, or with caches of another scope, the start fails and says what to do', async (t) => {
  const message = 'There is no app.larder. Register fastify-larder before, in this scope or in a parent scope.'
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(async (app) => { app.register(larder) })
  app.register(dashboard)
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_LARDER_NOT_REGISTERED', message })
})
