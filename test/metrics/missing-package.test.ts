import { registerHooks } from 'node:module'
import Fastify from 'fastify'
import t from 'tap'
import larder from '../../src/larder/index.ts'
import metrics from '../../src/larder/metrics.ts'

t.test('without prom-client and without a registry, the start fails and says what to install', async (t) => {
  const hooks = registerHooks({
    resolve (specifier, context, next) {
      if (specifier === 'prom-client') throw new Error('It is not installed.')
      return next(specifier, context)
    }
  })
  t.teardown(() => hooks.deregister())
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(larder)
  app.register(metrics)
  await t.rejects(async () => { await app.ready() }, {
    code: 'FST_ERR_LARDER_METRICS_PACKAGE',
    message: 'The metrics need the package prom-client. Install it, or pass a registry of it as the option registry.'
  })
})
