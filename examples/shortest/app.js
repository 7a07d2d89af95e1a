import Fastify from 'fastify'
import larder from 'fastify-larder'

export function buildApp () {
  const app = Fastify()
  app.register(larder, { redis: process.env.REDIS_URL, ttl: '5m' })
  app.register(async (app) => {
    app.get('/page', { config: { cachePage: '1m' } }, async () => ({ madeAt: await loadSlowly() }))
    app.get('/value', async () => ({ madeAt: await app.larder.getOrSet('value', loadSlowly, { ttl: '10s' }) }))
  })
  return app
}

async function loadSlowly () {
  await new Promise((resolve) => setTimeout(resolve, 200))
  return new Date().toISOString()
}
