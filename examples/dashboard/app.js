import Fastify from 'fastify'
import larder from 'fastify-larder'
import dashboard from 'fastify-larder/dashboard'
import metrics from 'fastify-larder/metrics'
import { Counter, Registry } from 'prom-client'

export function buildApp () {
  const app = Fastify()
  const registry = new Registry() // the application's own, with its own metrics
  const orders = new Counter({ name: 'orders_total', help: 'Orders.', registers: [registry] })

  app.register(larder, { ttl: '5m' })
  app.register(dashboard, { prefix: '/cache', token: process.env.ADMIN_TOKEN, links: { Menu: '/menu' } })
  app.register(metrics, { registry, route: '/metrics' })
  app.register(async (app) => {
    app.get('/menu', { config: { cachePage: '1m' } }, async () => ['soup', 'bread'])
    app.post('/orders', async (_request, reply) => {
      orders.inc()
      return reply.code(204).send()
    })
  })
  return app
}
